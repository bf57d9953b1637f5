"""When each service was in which state: one JSON line a step, `<run_dir>/history.jsonl`, for the day's timeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class History:
    """Appends every step of every service."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / "history.jsonl"

    def note(self, at_ns: int, service: str, state: str, detail: str) -> None:
        line = json.dumps({"at_ns": at_ns, "service": service, "state": state, "detail": detail})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def read_history(run_dir: Path) -> list[dict[str, Any]]:
    """All steps, oldest first; a line cut by a crash is left out."""
    try:
        lines = (run_dir / "history.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    steps = []
    for line in lines:
        try:
            steps.append(json.loads(line))
        except ValueError:
            continue
    return steps
