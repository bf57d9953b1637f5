"""What a day came to, as one document: what was recorded, kept, decided, earned, and whether the day was sound.

Everything outside `volatile` follows from what was recorded, so two runs of one rehearsed day give the same document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from muhurat.capture.journal import ControlRecord, HourPaths, hours_of, read_entries, summary, verify_hour
from muhurat.stores.base import TickStore
from muhurat.web.decisions import Decisions
from muhurat.web.snapshot import Place, Snapshot

_TICK_TABLES: Final = frozenset({"ticks_full", "ticks_quote", "ticks_ltp"})


def collect(place: Place, shot: Snapshot, feeds: Sequence[str], store: TickStore, day: date) -> dict[str, Any]:
    """The report of a day; `shot` is the desk as it is now, for services, alerts and gauges."""
    told = {feed: _feed(place.data_dir / "raw_ticks" / feed, feed, store, day) for feed in feeds}
    seen = Decisions(place.decisions_path(day))
    seen.follow()
    trades = [_trade(line) for line in seen.trades]
    return {
        "date": day.isoformat(),
        "desk": place.name,
        "mode": seen.session.get("mode", place.mode),
        "feeds": {feed: facts["report"] for feed, facts in told.items()},
        "bars": len(seen.bars) + seen.option_bars,
        "index_bars": len(seen.bars),
        "signals": len(seen.signals),
        "trades": trades,
        "refused": dict(Counter(str(line["reason"]) for line in seen.refused)),
        "charges": round(sum(trade["charges"] for trade in trades), 2),
        "pnl": round(sum(trade["net"] for trade in trades), 2),
        "modelled": any(trade["modelled"] for trade in trades) or any(bar["modelled"] for bar in seen.bars),
        "jobs": [],
        "services": [
            {"name": row["name"], "state": row["state"], "restarts": row["restarts"]} for row in shot.status["services"]
        ],
        "alerts": [{key: alert[key] for key in ("at", "level", "what", "hint")} for alert in shot.status["alerts"]],
        "checks": _checks(told, seen),
        "volatile": {
            "receive_lag_p50_s": shot.decode.get("receive_lag_p50_s"),
            "receive_lag_p99_s": shot.decode.get("receive_lag_p99_s"),
            "records": {feed: facts["records"] for feed, facts in told.items()},
            "pids": {row["name"]: row["pid"] for row in shot.status["services"]},
        },
    }


def _feed(directory: Path, feed: str, store: TickStore, day: date) -> dict[str, Any]:
    """One feed's day: packets by the journal, ticks by the store, gaps and connections by the recorder's own words."""
    hours = [HourPaths(directory, feed, hour) for hour in _hours_on(directory, feed, day)]
    proved = summary(verify_hour(paths) for paths in hours)
    packets, connects = _count(hours)
    gaps = [_gap(gap) for gap in proved["gaps"]]
    kept = sum(
        part.rows
        for part in store.coverage()
        if part.feed == feed and part.table in _TICK_TABLES and part.hour.startswith(f"{day:%Y%m%d}")
    )
    return {
        "records": proved["records"],
        "sound": proved["sound"],
        "report": {
            "received": packets,
            "rows": kept,
            "gaps": len(gaps),
            "reconnects": max(0, connects - 1),
            "gap_list": gaps,
        },
    }


def _hours_on(directory: Path, feed: str, day: date) -> list[str]:
    return [hour for hour in hours_of(directory, feed) if hour.startswith(f"{day:%Y%m%d}")]


def _count(hours: Iterable[HourPaths]) -> tuple[int, int]:
    """Market packets and connections: a Kite message's first two bytes count its packets, a heartbeat has one byte."""
    packets = connects = 0
    for paths in hours:
        for entry in read_entries(paths):
            if isinstance(entry, ControlRecord):
                connects += entry.entry.get("event") == "connected"
            elif len(entry.payload) > 2:
                packets += int.from_bytes(entry.payload[:2], "big")
    return packets, connects


def _gap(gap: dict[str, Any]) -> dict[str, Any]:
    begin, end = datetime.fromisoformat(gap["from"]), datetime.fromisoformat(gap["to"])
    return {"from": gap["from"], "to": gap["to"], "seconds": (end - begin).total_seconds(), "reason": gap["reason"]}


def _trade(line: dict[str, Any]) -> dict[str, Any]:
    amounts = {key: float(line[key]) for key in ("entry_price", "exit_price", "charges", "net", "strike")}
    return {key: value for key, value in line.items() if key != "kind"} | amounts


def _checks(told: dict[str, dict[str, Any]], seen: Decisions) -> list[dict[str, Any]]:
    checks = []
    for feed, facts in told.items():
        report = facts["report"]
        kept = report["rows"] == report["received"]
        checks += [
            _check(f"the journal of {feed} is whole", facts["sound"], "every record against its checksum"),
            _check(f"every packet of {feed} is in the tick store", kept, f"{report['rows']:,} ticks kept"),
            _check(f"{feed} has no gap", report["gaps"] == 0, f"{report['gaps']} gaps"),
        ]
    checks.append(_check("the trader closed its session", seen.ended, f"{len(seen.bars)} index bars"))
    return checks


def _check(name: str, ok: bool, detail: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "detail": detail}
