"""The day's report for a terminal: the same figures as the page of it, in plain tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from muhurat.web.report_html import jobs_by_state, lead, origin
from muhurat.web.wording import contract, count, duration, plain, rupees

Report = Mapping[str, Any]

_WIDTH_WITHOUT_TERMINAL: Final = 100


def print_report(report: Report, paths: Iterable[Path], console: Console | None = None) -> None:
    """Print a report (`day_report.collect` with `ok`) and where its files are."""
    shown = console or Console(highlight=False)
    if not shown.is_terminal:
        shown.width = _WIDTH_WITHOUT_TERMINAL
    shown.print(report_text(report, paths), soft_wrap=False)


def report_text(report: Report, paths: Iterable[Path]) -> RenderableType:
    """The report as something rich can print."""
    day = date.fromisoformat(report["date"])
    verdict = Text("sound", "bold green") if report["ok"] else Text("not sound", "bold red")
    parts: list[RenderableType | None] = [
        Text.assemble("\n", (f"{day:%A} {day.day} {day:%B %Y}: ", "bold"), verdict),
        Text(f"{origin(report)}\n", "dim"),
        Text(f"{lead(report)}\n"),
        *(Text(f"Not so: {each['name']} ({each['detail']})\n", "red") for each in report["checks"] if not each["ok"]),
        _trades(report["trades"]),
        _counts(report),
        _feeds(report["feeds"]),
        _gaps(report["feeds"]),
        *(Text(f"quality of {told}\n") for told in report["volatile"].get("quality", ())),
        _jobs(report["jobs"]),
        _services(report["services"]),
        _alerts(report["volatile"].get("alerts", [])),
        _checks(report["checks"]),
        *(Text(f"{path.suffix.removeprefix('.')}  {path}", overflow="fold") for path in paths),
    ]
    return Group(*(part for part in parts if part is not None))


def _trades(trades: Sequence[Report]) -> RenderableType | None:
    columns = ("contract", "qty:n", "bought", "at:n", "sold", "at:n", "reason", "charges:n", "net:n")
    return _table(columns, [_trade(trade) for trade in trades])


def _trade(trade: Report) -> list[Text | str]:
    return [
        contract(trade) + (" modelled" if trade.get("modelled") else ""),
        count(int(trade["quantity"])),
        trade["entry_time"][11:19],
        rupees(float(trade["entry_price"])),
        trade["exit_time"][11:19],
        rupees(float(trade["exit_price"])),
        plain(str(trade["reason"])),
        rupees(float(trade["charges"])),
        _amount(float(trade["net"])),
    ]


def _counts(report: Report) -> Text | None:
    """Why trades ended and why signals led to none, in a line each."""
    told = [
        f"{what}: " + ", ".join(f"{plain(reason)} ({count(number)})" for reason, number in _ordered(report[field]))
        for what, field in (("ended by", "exits"), ("refused", "refused"))
        if report[field]
    ]
    return Text("\n".join(told) + "\n") if told else None


def _feeds(feeds: Mapping[str, Report]) -> RenderableType | None:
    rows = [
        [name, *(count(facts.get(field)) for field in ("sent", "received", "rows", "gaps", "reconnects"))]
        for name, facts in feeds.items()
    ]
    return _table(("feed", "packets sent:n", "received:n", "ticks kept:n", "gaps:n", "reconnects:n"), rows)


def _gaps(feeds: Mapping[str, Report]) -> RenderableType | None:
    rows = [
        [name, str(gap["from"])[11:19], str(gap["to"])[11:19], duration(float(gap["seconds"] or 0)), str(gap["reason"])]
        for name, facts in feeds.items()
        for gap in facts.get("gap_list", [])
    ]
    return _table(("gap of", "from", "to", "length:n", "reason"), rows)


def _jobs(jobs: Sequence[Report]) -> RenderableType | None:
    """One line for each half of the day and state."""
    return _table(("jobs", "state", "number:n", ""), jobs_by_state(jobs))


def _services(services: Sequence[Report]) -> RenderableType | None:
    rows = [[row["name"], row["state"], count(row["restarts"])] for row in services]
    return _table(("service", "at the end", "restarts:n"), rows)


def _alerts(alerts: Sequence[Report]) -> RenderableType | None:
    return _table(("alert", "what", "what to do"), [[row["at"][11:19], row["what"], row["hint"]] for row in alerts])


def _checks(checks: Sequence[Report]) -> RenderableType | None:
    rows = [
        [Text("yes", "green") if check["ok"] else Text("NO", "bold red"), check["name"], Text(check["detail"], "dim")]
        for check in checks
    ]
    return _table(("sound", "check", ""), rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Text | str]]) -> RenderableType | None:
    """A table without frame and a line after it; `:n` after a column's name aligns it right. Texts stay as they are."""
    if not rows:
        return None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for column in columns:
        name, _, right = column.partition(":")
        table.add_column(name, justify="right" if right else "left")
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return Group(table, Text())


def _ordered(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _amount(amount: float) -> Text:
    return Text(rupees(amount, sign=True), "green" if amount > 0 else "red" if amount < 0 else "")
