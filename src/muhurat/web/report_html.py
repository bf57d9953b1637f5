"""The day's report as one HTML file that needs nothing else: figures, chart, trades, checks, feeds, services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from html import escape
from typing import Any, Final

from muhurat.web.day_chart import day_chart
from muhurat.web.decisions import Line
from muhurat.web.markup import PARTS_CSS, coloured, index_keys, mark, table
from muhurat.web.palette import DARK, LIGHT
from muhurat.web.trade_table import trade_table
from muhurat.web.wording import NOTHING, count, duration, number_of, percent, plain, rupees

_CSS: Final = (
    f":root {{ {LIGHT} }} @media (prefers-color-scheme:dark) {{ :root {{ {DARK} }} }}"
    """
body { margin:0 auto; max-width:1040px; padding:30px 20px 50px; background:var(--surface); color:var(--text);
  font:14px/1.45 Inter,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif; font-variant-numeric:tabular-nums; }
h1 { font-size:24px; line-height:1.2; margin:0 0 4px; } h2 { font-size:15px; margin:28px 0 4px; }
.lead { font-size:16px; max-width:62em; margin:16px 0 0; }
.figures { display:flex; flex-wrap:wrap; gap:8px 40px; margin:20px 0 0; padding:12px 0;
  border-top:1px solid var(--line); border-bottom:1px solid var(--line); }
.figures span { display:block; color:var(--quiet); font-size:13px; } .figures b { font-size:20px; font-weight:600; }
.wrong { margin:14px 0 0; padding:0 0 0 12px; border-left:3px solid var(--bad); list-style:none; }
.two { display:grid; grid-template-columns:1fr 1fr; gap:0 44px; } .two > div { min-width:0; }
svg { width:100%; height:auto; } .chart svg { min-width:640px; } svg text { fill:var(--quiet); font-size:11px; }
.cap { display:flex; flex-wrap:wrap; justify-content:space-between; align-items:baseline; }
.aside { color:var(--quiet); font-size:13px; }
footer { margin-top:36px; color:var(--quiet); font-size:13px; }
"""
    + PARTS_CSS
    + """
@media (max-width:700px) { .two { grid-template-columns:1fr; } body { padding:16px 12px 30px; } }
@media print { body { padding:0; max-width:none; } .two, svg, tr { break-inside:avoid; } }
"""
)
_NO_BREAK: Final = "\u2060"


def report_html(report: Mapping[str, Any], bars: Sequence[Line], fills: Sequence[Line]) -> str:
    """The page of a report (`day_report.collect` with `ok`), with the day's index bars and fills for its chart."""
    day = date.fromisoformat(report["date"])
    verdict = '<span class="good">sound</span>' if report["ok"] else '<span class="bad">not sound</span>'
    sections = [
        f"<h1>{day:%A} {day.day} {day:%B %Y}: {verdict}</h1>",
        f'<div class="quiet">{escape(origin(report))}</div>',
        f'<p class="lead">{escape(lead(report)).replace("−", f"−{_NO_BREAK}")}</p>',
        _wrong(report["checks"]),
        _figures(report),
        _chart(bars, fills),
        _trades(report["trades"]),
        _two(_counts("Exits", "reason", report["exits"]), _counts("Signals refused", "reason", report["refused"])),
        _checks(report["checks"]),
        _two(_feeds(report["feeds"]), _services(report["services"])),
        _jobs(report["jobs"]),
        _gaps(report["feeds"]),
        "".join(f"<p>Quality of {escape(told)}</p>" for told in report["volatile"].get("quality", ())),
        _alerts(report["volatile"].get("alerts", [])),
        f"<footer>{escape(_made(report))}</footer>",
    ]
    title = f"{escape(report['desk'])} {report['date']}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_CSS}</style></head>'
        f"<body>{''.join(sections)}</body></html>\n"
    )


def lead(report: Mapping[str, Any]) -> str:
    """The day in two sentences, as text."""
    trades, result = report["trades"], report["trading"]
    if not report["index_bars"]:
        return "No bar was closed, so there was nothing to trade."
    told = f"{number_of(report['signals'], 'signal')} on {number_of(report['index_bars'], 'bar')} of the index"
    if not trades:
        return f"{told} led to no trade."
    won = f"{number_of(len(trades), 'trade')}, {result['wins']} of them won"
    earned = f"{rupees(report['pnl'], sign=True)} after {rupees(report['charges'])} of charges"
    held = f" {result['open_position']} was still held at the end." if result["open_position"] else ""
    return f"{told} led to {won}. The result is {earned}.{held}"


def origin(report: Mapping[str, Any]) -> str:
    """Whose day it was, with what money, and whether every price was a market's."""
    modes = {"test": "TEST, paper money", "debug": "DEBUG, recorded candles", "live": "LIVE"}
    traded = any(trade.get("modelled") for trade in report["trades"])
    told = "no modelled prices"
    if report["modelled"]:
        told = "trades at modelled prices are marked" if traded else "some prices were modelled, none that was traded"
    return f"{report['desk']} · {modes.get(report['mode'], report['mode'])} · {told}"


def _wrong(checks: Iterable[Mapping[str, Any]]) -> str:
    failed = [check for check in checks if not check["ok"]]
    lines = "".join(f"<li><b>Not so:</b> {escape(check['name'])} ({escape(check['detail'])})</li>" for check in failed)
    return f'<ul class="wrong">{lines}</ul>' if failed else ""


def _figures(report: Mapping[str, Any]) -> str:
    feeds, result = report["feeds"].values(), report["trading"]
    pnl, gaps = report["pnl"], sum(feed["gaps"] for feed in feeds)
    share = pnl / result["balance"] if result["balance"] else None
    cells = {
        "net result": coloured(rupees(pnl, sign=True), pnl) if report["trades"] else f"<b>{NOTHING}</b>",
        f"of {rupees(result['balance'])}": f"<b>{percent(share, sign=True) if report['trades'] else NOTHING}</b>",
        "charges": f"<b>{rupees(report['charges'])}</b>",
        "deepest fall": f"<b>{rupees(result['max_drawdown'])}</b>",
        "trades": f"<b>{count(len(report['trades']))}</b>",
        "bars built": f"<b>{count(report['bars'])}</b>",
        "packets received": f"<b>{count(sum(feed['received'] for feed in feeds))}</b>",
        "gaps": f'<b class="{"bad" if gaps else ""}">{gaps}</b>',
    }
    told = "".join(f"<div><span>{name}</span>{value}</div>" for name, value in cells.items())
    return f'<div class="figures">{told}</div>'


def _chart(bars: Sequence[Line], fills: Sequence[Line]) -> str:
    keys = f'<span class="aside">{index_keys()}</span>' if bars else ""
    drawing = f'<div class="scroll chart">{day_chart(bars, fills)}</div>'
    return f'<div class="cap"><h2>SENSEX, three-minute bars</h2>{keys}</div>{drawing}'


def _trades(trades: Sequence[Mapping[str, Any]]) -> str:
    told = trade_table(trades) if trades else '<div class="quiet">None: no signal led to a position.</div>'
    return f"<h2>Trades</h2>{told}"


def _counts(title: str, what: str, counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [[escape(plain(reason)), count(number)] for reason, number in ordered]
    return _titled(title, (what, "times:n"), rows, "None.")


def _checks(checks: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            f"{mark(check['ok'])} {'yes' if check['ok'] else '<b>no</b>'}",
            escape(check["name"]),
            f'<span class="quiet">{escape(check["detail"])}</span>',
        ]
        for check in checks
    ]
    return _titled("Was the day sound?", ("", ":w", ":nx"), rows, "Nothing was to be checked.")


def _feeds(feeds: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [
            escape(name),
            count(facts.get("sent")),
            count(facts["received"]),
            count(facts.get("rows")),
            count(facts["gaps"]),
            count(facts["reconnects"]),
        ]
        for name, facts in feeds.items()
    ]
    heads = ("feed, in packets", "sent:n", "received:n", "kept:n", "gaps:n", "reconnects:n")
    return _titled("Feeds", heads, rows, "The desk has no feed.")


def _gaps(feeds: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [
            escape(name),
            escape(str(gap["from"])[11:19]),
            escape(str(gap["to"])[11:19]),
            duration(float(gap["seconds"] or 0)),
            escape(str(gap["reason"])),
        ]
        for name, facts in feeds.items()
        for gap in facts.get("gap_list", [])
    ]
    return _titled("Gaps", ("feed", "from", "to", "length:n", "reason:w"), rows, "") if rows else ""


def jobs_by_state(jobs: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Half of the day, state, how many and which, as text."""
    found: dict[tuple[str, str], list[str]] = {}
    for job in jobs:
        found.setdefault((job["phase"], job["status"]), []).append(job["name"])
    return [[phase, state, count(len(names)), ", ".join(names)] for (phase, state), names in found.items()]


def _jobs(jobs: Sequence[Mapping[str, Any]]) -> str:
    rows = [[escape(cell) for cell in row] for row in jobs_by_state(jobs)]
    return _titled("Jobs", ("", "state", "number:n", "which:w"), rows, "The desk has no jobs.")


def _services(services: Sequence[Mapping[str, Any]]) -> str:
    rows = [[escape(row["name"]), escape(row["state"]), count(row["restarts"])] for row in services]
    return _titled("Services", ("service", "at the end", "restarts:n"), rows, "No service ran that day.")


def _alerts(alerts: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [escape(alert["at"][11:19]), f'{escape(alert["what"])} <span class="quiet">{escape(alert["hint"])}</span>']
        for alert in alerts
    ]
    return _titled("Alerts", ("at", "what:w"), rows, "None.")


def _made(report: Mapping[str, Any]) -> str:
    """How a rehearsed day came about; of a real one nothing."""
    if "seed" not in report:
        return "Made by muhurat report from the day's journal, tick store and decisions."
    real = report["volatile"].get("duration_s")
    took = f", in {duration(real)} of real time" if real is not None else ""
    return f"Made by muhurat demo: a rehearsed day, seed {report['seed']}, {report['speed']:g} times as fast{took}."


def _two(left: str, right: str) -> str:
    return f'<div class="two"><div>{left}</div><div>{right}</div></div>'


def _titled(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> str:
    body = table(heads, rows) if rows else f'<div class="quiet">{escape(empty)}</div>'
    return f"<h2>{escape(title)}</h2>{body}"
