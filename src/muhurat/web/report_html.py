"""The day's report as one HTML file that needs nothing else: figures, checks, chart, trades, services, feeds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from typing import Any

from muhurat.web.day_chart import day_chart
from muhurat.web.wording import NOTHING, count, duration, points, rupees

_CSS = """
:root { --text:#1d2126; --quiet:#6b7280; --line:#dedfdc; --good:#22794a; --bad:#b93232; --surface:#fbfbf9; }
@media (prefers-color-scheme: dark) {
  :root { --text:#e6e8ea; --quiet:#939ba5; --line:#2b3138; --good:#4cc38a; --bad:#f07178; --surface:#14171b; } }
body { margin:0 auto; max-width:1060px; padding:28px 20px 60px; background:var(--surface); color:var(--text);
  font:14px/1.45 Inter,"Segoe UI",Roboto,"DejaVu Sans",sans-serif; font-variant-numeric:tabular-nums; }
h1 { font-size:24px; margin:0 0 2px; } h2 { font-size:15px; margin:30px 0 8px; }
.quiet { color:var(--quiet); } .good { color:var(--good); } .bad { color:var(--bad); }
.figures { display:flex; flex-wrap:wrap; gap:10px 34px; margin:20px 0 4px; }
.figures div span { display:block; color:var(--quiet); } .figures b { font-size:20px; font-weight:600; }
table { width:100%; border-collapse:collapse; } th { text-align:left; font-weight:500; color:var(--quiet); }
th, td { padding:5px 10px 5px 0; border-bottom:1px solid var(--line); } .n { text-align:right; }
.scroll { overflow-x:auto; } svg { width:100%; height:auto; } svg text { fill:var(--quiet); font-size:11px; }
"""


def report_html(report: dict[str, Any], bars: Sequence[dict[str, Any]], fills: Sequence[dict[str, Any]]) -> str:
    """The page of a report as `day_report.collect` gives it, with the day's index bars and fills for the chart."""
    day = date.fromisoformat(report["date"])
    verdict = '<span class="good">sound</span>' if report["ok"] else '<span class="bad">not sound</span>'
    body = [
        f"<h1>{day:%A %d %B %Y}: {verdict}</h1>",
        f'<div class="quiet">{escape(report["desk"])} · {escape(report["mode"])} · {escape(_prices(report))}</div>',
        _figures(report),
        _checks(report["checks"]),
        "<h2>SENSEX, three-minute bars</h2>" + day_chart(bars, fills),
        _trades(report["trades"]),
        _refused(report["refused"]),
        _feeds(report["feeds"]),
        _services(report["services"]),
        _alerts(report["alerts"]),
    ]
    title = f"{escape(report['desk'])} {report['date']}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_CSS}</style><body>{"".join(body)}</body></html>\n'
    )


def _prices(report: dict[str, Any]) -> str:
    return "some prices are modelled, marked where they appear" if report["modelled"] else "no modelled prices"


def _figures(report: dict[str, Any]) -> str:
    received = sum(feed["received"] for feed in report["feeds"].values())
    gaps = sum(feed["gaps"] for feed in report["feeds"].values())
    pnl = report["pnl"]
    cells = [
        ("net result", f'<b class="{_sign(pnl)}">{rupees(pnl, sign=True)}</b>'),
        ("charges", f"<b>{rupees(report['charges'])}</b>"),
        ("trades", f"<b>{len(report['trades'])}</b>"),
        ("bars", f"<b>{count(report['bars'])}</b>"),
        ("packets received", f"<b>{count(received)}</b>"),
        ("gaps", f"<b>{gaps}</b>"),
    ]
    return (
        '<div class="figures">' + "".join(f"<div><span>{name}</span>{value}</div>" for name, value in cells) + "</div>"
    )


def _checks(checks: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            '<span class="good">✓ yes</span>' if check["ok"] else '<span class="bad">✗ no</span>',
            escape(check["name"]),
            f'<span class="quiet">{escape(check["detail"])}</span>',
        ]
        for check in checks
    ]
    return _table("Was the day sound?", ("", "claim", "found"), rows, "")


def _trades(trades: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            escape(trade["symbol"]) + (" (modelled)" if trade.get("modelled") else ""),
            str(trade["quantity"]),
            trade["entry_time"][11:19],
            points(trade["entry_price"]),
            trade["exit_time"][11:19],
            points(trade["exit_price"]),
            escape(trade["reason"].replace("_", " ")),
            rupees(trade["charges"]),
            f'<b class="{_sign(trade["net"])}">{rupees(trade["net"], sign=True)}</b>',
        ]
        for trade in trades
    ]
    heads = ("contract", "quantity:n", "bought", "at:n", "sold", "at:n", "reason", "charges:n", "net:n")
    return _table("Trades", heads, rows, "None: no signal led to a position.")


def _refused(refused: dict[str, int]) -> str:
    rows = [[escape(reason.replace("_", " ")), str(number)] for reason, number in sorted(refused.items())]
    return _table("Signals that were refused", ("reason", "times:n"), rows, "None.")


def _feeds(feeds: dict[str, dict[str, Any]]) -> str:
    rows = [
        [
            escape(name),
            count(facts.get("sent")) if "sent" in facts else NOTHING,
            count(facts["received"]),
            count(facts.get("rows")),
            str(facts["gaps"]),
            str(facts["reconnects"]),
        ]
        for name, facts in feeds.items()
    ]
    gaps = [
        [escape(name), gap["from"][11:19], gap["to"][11:19], duration(gap["seconds"]), escape(gap["reason"])]
        for name, facts in feeds.items()
        for gap in facts.get("gap_list", [])
    ]
    heads = ("feed", "packets sent:n", "received:n", "ticks kept:n", "gaps:n", "reconnects:n")
    told = _table("Feeds", heads, rows, "Nothing was recorded.")
    return told + (_table("Gaps", ("feed", "from", "to", "length", "reason"), gaps, "") if gaps else "")


def _services(services: Sequence[dict[str, Any]]) -> str:
    rows = [[escape(row["name"]), escape(row["state"]), str(row["restarts"])] for row in services]
    return _table("Services", ("service", "at the end", "restarts:n"), rows, "No service ran.")


def _alerts(alerts: Sequence[dict[str, Any]]) -> str:
    rows = [[alert["at"][11:19], escape(alert["what"]), escape(alert["hint"])] for alert in alerts]
    return _table("Alerts", ("at", "what", "what to do"), rows, "None.")


def _sign(amount: float) -> str:
    return "good" if amount > 0 else "bad" if amount < 0 else ""


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> str:
    """A titled table; `:n` after a head aligns its column right."""
    if not rows:
        return f'<h2>{escape(title)}</h2><div class="quiet">{escape(empty)}</div>'
    kinds = ["n" if head.endswith(":n") else "" for head in heads]
    top = "".join(f'<th class="{kind}">{head.removesuffix(":n")}</th>' for kind, head in zip(kinds, heads, strict=True))
    lines = [
        "<tr>" + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    ]
    return f'<h2>{escape(title)}</h2><div class="scroll"><table><tr>{top}</tr>{"".join(lines)}</table></div>'
