"""What went wrong and should reach a person: one JSON line each, `<run_dir>/alerts.jsonl`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from muhurat.clock import Clock, ist
from muhurat.log import get_logger
from muhurat.supervisor import jsonlines

Level = Literal["warning", "critical"]

_FILE: Final = "alerts.jsonl"


class Alerts:
    """Appends alerts; one that says the same as the last goes to the log only."""

    def __init__(self, run_dir: Path, clock: Clock) -> None:
        self._path = run_dir / _FILE
        self._clock = clock
        self._last = ""
        self._log = get_logger("alerts")

    def raise_(self, level: Level, what: str, hint: str) -> bool:
        """Tells whether it is in the file; on a full disk it is not."""
        self._log.warning("alert", level_of=level, what=what, hint=hint)
        if what == self._last:
            return True
        at = ist(self._clock.now_ns()).isoformat(timespec="seconds")
        written = jsonlines.append(self._path, {"at": at, "level": level, "what": what, "hint": hint})
        self._last = what if written else self._last
        return written

    def trim(self) -> None:
        """Forget the oldest."""
        jsonlines.trim(self._path)


def read_alerts(run_dir: Path, newest: int = 100) -> list[dict[str, Any]]:
    """The newest alerts, oldest first; a line cut by a crash is left out."""
    return jsonlines.read(run_dir / _FILE, newest)
