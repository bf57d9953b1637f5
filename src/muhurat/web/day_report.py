"""What a day came to, as one document: what was recorded, kept, decided, earned, and whether the day was sound.

Everything outside `volatile` follows from what was recorded and decided, so two runs of one rehearsed day give the same
document. Alerts are inside: they carry the instant at which the supervisor noticed, which depends on the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec

from muhurat.capture.feed_recorder import packets_by_header
from muhurat.capture.journal import HourPaths, hours_of, summary, verify_hour
from muhurat.capture.quality import quality_path
from muhurat.capture.quality.report import sentences
from muhurat.capture.recorded_today import recorded_on
from muhurat.clock import ist
from muhurat.errors import CalendarError
from muhurat.jobs.process import Row
from muhurat.stores.base import TickStore
from muhurat.trading.inputlog import read_decisions
from muhurat.trading.report import TradingReport, trading_report
from muhurat.web.decisions import Line
from muhurat.web.snapshot import Place, Snapshot
from muhurat.web.verdict import wanting
from muhurat.web.wording import count, number_of

Document = dict[str, Any]

_TICK_TABLES: Final = frozenset({"ticks_full", "ticks_quote", "ticks_ltp"})
_GAP_FIELDS: Final = ("from", "to", "seconds", "reason")
_RESULT_FIELDS: Final = (
    *("balance", "wins", "losses", "win_rate", "average_net", "profit_factor", "max_drawdown"),
    *("late_ticks", "open_position", "ended"),
)


def collect(place: Place, shot: Snapshot, feeds: Sequence[str], store: TickStore, day: date) -> Document:
    """The report of a day; `shot` is the desk as it is now, for services, alerts and gauges."""
    told = {feed: _feed(place.data_dir / "raw_ticks" / feed, feed, store, day) for feed in feeds}
    lines = _lines(place.decisions_path(day))
    traded = trading_report(lines)
    jobs = place.jobs.look(day)[0] if place.jobs is not None else ()
    checks = [*_job_checks(jobs), *_feed_checks(place, told, day), *_trading_checks(place, traded, day)]
    return {
        "date": day.isoformat(),
        "desk": place.name,
        "mode": traded.mode or place.mode,
        "feeds": {feed: facts["report"] for feed, facts in told.items()},
        "bars": traded.bars + traded.option_bars,
        "index_bars": traded.bars,
        "signals": traded.signals,
        "trades": list(traded.trades),
        "refused": traded.refused,
        "exits": traded.exits,
        "charges": traded.charges,
        "pnl": traded.net,
        "modelled": any(line.get("modelled") for line in lines),
        "trading": {name: getattr(traded, name) for name in _RESULT_FIELDS},
        "jobs": [{"name": row.process.name, "phase": row.process.phase, "status": row.state.value} for row in jobs],
        "services": _services(shot, day),
        "checks": checks,
        "ok": all(check["ok"] for check in checks),
        "volatile": {
            "alerts": [alert for alert in shot.status["alerts"] if alert["at"][:10] == day.isoformat()],
            "receive_lag": {
                feed: {f"{name}_s": gauges.get(f"receive_lag_{name}_since_start_s") for name in ("p50", "p95")}
                for feed, gauges in shot.decoders.items()
            },
            "records": {feed: facts["records"] for feed, facts in told.items()},
            "quality": _quality(quality_path(place.data_dir, day)),
            "pids": {row["name"]: row["pid"] for row in shot.status["services"]},
        },
    }


def _quality(path: Path) -> list[str]:
    """A sentence for each feed, from the day's quality report; none before the job has written it."""
    try:
        return sentences(msgspec.json.decode(path.read_bytes()))
    except FileNotFoundError:
        return []


def _job_checks(jobs: Sequence[Row]) -> list[Document]:
    """Whether the jobs that block did their work, as far as the day has come; none on a desk without jobs."""
    if not jobs:
        return []
    bad = wanting(jobs)
    told = "; ".join(f"{row.process.title} {row.state.lower()}: {row.reason}" for row in bad)
    return [_check("no blocking job failed or is late", not bad, told or number_of(len(jobs), "job"))]


def _feed(directory: Path, feed: str, store: TickStore, day: date) -> Document:
    """One feed's day: packets and gaps by the journal, ticks by the store."""
    name = f"{day:%Y%m%d}"
    hours = [HourPaths(directory, feed, hour) for hour in hours_of(directory, feed) if hour.startswith(name)]
    proved = summary(verify_hour(paths) for paths in hours)
    found = recorded_on(name, directory, feed, packets_by_header)
    parts = (part for part in store.coverage() if part.feed == feed and part.table in _TICK_TABLES)
    return {
        "records": proved["records"],
        "sound": proved["sound"],
        "report": {
            "received": found.packets,
            "rows": sum(part.rows for part in parts if part.hour.startswith(name)),
            "gaps": len(found.gaps),
            "reconnects": max(0, found.connections - 1),
            "gap_list": [{key: gap.get(key) for key in _GAP_FIELDS} for gap in found.gaps],
        },
    }


def _lines(path: Path) -> list[Line]:
    """What the trader said that day; nothing when it did not run."""
    return list(read_decisions(path)) if path.exists() else []


def _services(shot: Snapshot, day: date) -> list[Document]:
    """How each service ended the day and how often it was started again, by the supervisor's history.

    Of today, services that took no step yet are as the supervisor says.
    """
    steps: dict[str, list[Line]] = {}
    if day == shot.day:
        steps = {str(row["name"]): [] for row in shot.status["services"]}
    for step in shot.history:
        if ist(int(step["at_ns"])).date() == day:
            steps.setdefault(str(step["service"]), []).append(step)
    now = {str(row["name"]): str(row["state"]) for row in shot.status["services"]}
    return [
        {
            "name": name,
            "state": str(taken[-1]["state"]) if taken else now[name],
            "restarts": _restarts(str(step["state"]) for step in taken),
        }
        for name, taken in steps.items()
    ]


def _restarts(states: Iterable[str]) -> int:
    taken = list(states)
    return sum(before == "backoff" and after == "starting" for before, after in pairwise(taken))


def _feed_checks(place: Place, told: dict[str, Document], day: date) -> list[Document]:
    checks = []
    for feed, facts in told.items():
        report = facts["report"]
        received, rows = report["received"], report["rows"]
        if _trades_on(place, day):
            checks.append(_check(f"{feed} was recorded", received > 0, number_of(received, "packet")))
        checks += [
            _check(f"the journal of {feed} is whole", facts["sound"], "every record against its checksum"),
            _check(f"every packet of {feed} is in the tick store", rows == received, f"{count(rows)} ticks kept"),
            _check(f"{feed} has no gap", report["gaps"] == 0, number_of(report["gaps"], "gap")),
        ]
    return checks


def _trading_checks(place: Place, traded: TradingReport, day: date) -> list[Document]:
    """None on a desk that trades by hand or on a day without a session."""
    if place.mode == "debug" or not (_trades_on(place, day) or traded.mode):
        return []
    held = traded.open_position
    return [
        _check("the trader closed its session", traded.ended, number_of(traded.bars, "index bar")),
        _check("no position was left open", held is None, held or "flat at the end"),
    ]


def _trades_on(place: Place, day: date) -> bool:
    try:
        return place.calendar.is_open(day)
    except CalendarError:
        return False


def _check(name: str, ok: bool, detail: str) -> Document:
    return {"name": name, "ok": ok, "detail": detail}
