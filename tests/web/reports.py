"""A day's report as `day_report.collect` gives it, made up for tests of how it is shown."""

from __future__ import annotations

from typing import Any

from muhurat.trading.report import trading_report
from tests.web.made import BARS, FEED, lines


def made_report(**changed: Any) -> dict[str, Any]:
    """The report of the made-up session, sound unless changed."""
    traded = trading_report(lines())
    report: dict[str, Any] = {
        "ok": True,
        "date": "2026-11-19",
        "desk": "made",
        "mode": "test",
        "feeds": {FEED: {"received": 123_456, "rows": 123_456, "gaps": 0, "reconnects": 0, "gap_list": []}},
        "bars": 2 * BARS,
        "index_bars": BARS,
        "signals": traded.signals,
        "trades": list(traded.trades),
        "refused": traded.refused,
        "exits": traded.exits,
        "charges": traded.charges,
        "pnl": traded.net,
        "modelled": False,
        "trading": {name: getattr(traded, name) for name in ("balance", "wins", "max_drawdown", "open_position")},
        "jobs": [],
        "services": [{"name": "recorder", "state": "waiting", "restarts": 0}],
        "checks": [{"name": "the trader closed its session", "ok": True, "detail": "15 index bars"}],
        "volatile": {"alerts": []},
    }
    return report | changed


def told(kind: str) -> list[dict[str, Any]]:
    return [line for line in lines() if line["kind"] == kind]
