"""The desk's state in one document, put together from what its processes wrote last in the run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from muhurat.clock import SystemClock
from muhurat.heartbeat import read_heartbeats
from muhurat.supervisor.alerts import read_alerts
from muhurat.supervisor.process import identify, lock_is_held, names
from muhurat.supervisor.supervisor import supervisor_lives

_SILENT_S: Final = 10.0
_AT_REST: Final = frozenset({"waiting", "stopped", "finished", "fatal"})


def desk_status(run_dir: Path) -> dict[str, Any]:
    """`{supervisor, services, feeds, disk, alerts}`; without a supervisor the services are looked at one by one.

    `supervisor` is `running`, `not running`, or `not answering` when it lives but has written nothing for 10 s.
    """
    heartbeats = read_heartbeats(run_dir)
    last = heartbeats.get("supervisor", {})
    lives = supervisor_lives(run_dir)
    services = last.get("gauges", {}).get("services", [])
    recorded = heartbeats.get("recorder", {}).get("gauges", {})
    return {
        "supervisor": _supervisor(last) if lives else "not running",
        "services": services if lives else _unsupervised(services, run_dir),
        "feeds": recorded.get("feeds", {}),
        "disk": recorded.get("disk", {}),
        "alerts": read_alerts(run_dir),
    }


def _supervisor(last: dict[str, Any]) -> str:
    silent_s = SystemClock().monotonic() - float(last.get("monotonic", 0.0))
    return "running" if silent_s < _SILENT_S else "not answering"


def _unsupervised(rows: list[dict[str, Any]], run_dir: Path) -> list[dict[str, Any]]:
    """The services as they are without anyone watching, with those that a killed supervisor did not get to tell of."""
    told = {row["name"] for row in rows}
    untold = [name for name in sorted(names(run_dir) - told) if lock_is_held(name, run_dir)]
    more = [{"name": name, "state": "", "pid": None, "since": "", "restarts": 0, "detail": ""} for name in untold]
    return [_by_its_lock(row, run_dir) for row in [*rows, *more]]


def _by_its_lock(row: dict[str, Any], run_dir: Path) -> dict[str, Any]:
    """A service whose supervisor has gone: alive when its lock is held."""
    name = str(row["name"])
    if not lock_is_held(name, run_dir):
        return {**row, "state": row["state"] if row["state"] in _AT_REST else "gone", "pid": None}
    identity = identify(name, run_dir)
    pid = identity.pid if identity is not None else None
    return {**row, "state": "unsupervised", "pid": pid, "detail": "runs on; `muhurat up` takes it over"}
