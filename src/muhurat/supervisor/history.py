"""When each service was in which state: one JSON line a step, `<run_dir>/history.jsonl`, for the day's timeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from muhurat.supervisor import jsonlines

_FILE: Final = "history.jsonl"


class History:
    """Appends every step of every service."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / _FILE

    def note(self, at_ns: int, service: str, state: str, detail: str) -> None:
        jsonlines.append(self._path, {"at_ns": at_ns, "service": service, "state": state, "detail": detail})

    def trim(self) -> None:
        """Forget the oldest steps."""
        jsonlines.trim(self._path)


def read_history(run_dir: Path) -> list[dict[str, Any]]:
    """The newest steps, oldest first; a line cut by a crash is left out."""
    return jsonlines.read(run_dir / _FILE)
