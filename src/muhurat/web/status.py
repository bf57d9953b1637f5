"""The desk's state in one document, put together from what its processes wrote last in the run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from muhurat.heartbeat import read_heartbeats
from muhurat.supervisor.alerts import read_alerts
from muhurat.supervisor.process import is_alive, lock_is_held, recorded
from muhurat.supervisor.supervisor import supervisor_lives


def desk_status(run_dir: Path) -> dict[str, Any]:
    """`{supervisor, services, feeds, alerts}`; without a supervisor the services are looked at one by one."""
    heartbeats = read_heartbeats(run_dir)
    lives = supervisor_lives(run_dir)
    services = heartbeats.get("supervisor", {}).get("gauges", {}).get("services", [])
    return {
        "supervisor": "running" if lives else "not running",
        "services": services if lives else [_unsupervised(row, run_dir) for row in services],
        "feeds": heartbeats.get("recorder", {}).get("gauges", {}).get("feeds", {}),
        "alerts": read_alerts(run_dir),
    }


def _unsupervised(row: dict[str, Any], run_dir: Path) -> dict[str, Any]:
    """A service as it is without anyone watching: alive by its lock, or gone."""
    name = str(row["name"])
    if not lock_is_held(name, run_dir):
        gone = row["state"] if row["state"] in ("stopped", "finished", "fatal", "waiting") else "gone"
        return {**row, "state": gone, "pid": None}
    identity = recorded(name, run_dir)
    pid = identity.pid if identity is not None and is_alive(identity) else None
    return {**row, "state": "unsupervised", "pid": pid, "detail": "runs on; `muhurat up` takes it over"}
