"""What went wrong and should reach a person: one JSON line each, `<run_dir>/alerts.jsonl`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from muhurat.clock import Clock, ist
from muhurat.log import get_logger

Level = Literal["warning", "critical"]


class Alerts:
    """Appends alerts; an alert equal to the last one is counted in the log only."""

    def __init__(self, run_dir: Path, clock: Clock) -> None:
        self._path = run_dir / "alerts.jsonl"
        self._clock = clock
        self._last = ""
        self._log = get_logger("alerts")

    def raise_(self, level: Level, what: str, hint: str) -> None:
        self._log.warning("alert", level_of=level, what=what, hint=hint)
        if what == self._last:
            return
        self._last = what
        at = ist(self._clock.now_ns()).isoformat(timespec="seconds")
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": at, "level": level, "what": what, "hint": hint}) + "\n")


def read_alerts(run_dir: Path, newest: int = 100) -> list[dict[str, Any]]:
    """The newest alerts, oldest first; a line cut by a crash is left out."""
    try:
        lines = (run_dir / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines[-newest:]:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
