"""The files of one attempt in `<run_dir>/jobs`, by which whoever comes next learns what became of it.

`<run_id>.spec.json` says what to run, written by the runner; `<run_id>.outcome.json` is the job's own word;
`<run_id>.json` is the word of the process around it: `begun` before the job's process is started, `ended` at the end.
`<name>.lock` is held by the process around the job and by the job itself, as long as one of them lives.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

BEGUN: Final = "begun"
ENDED: Final = "ended"


class AttemptFiles:
    """Paths of one attempt."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.spec = folder / f"{run_id}.spec.json"
        self.outcome = folder / f"{run_id}.outcome.json"
        self.result = folder / f"{run_id}.json"

    def remove(self) -> None:
        """Forget them, when the run log has all that they say."""
        for path in (self.spec, self.outcome, self.result):
            path.unlink(missing_ok=True)


def write_whole(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON file whole or not at all, so that it outlives a power cut. Raises `OSError`."""
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read_whole(path: Path) -> dict[str, Any] | None:
    """What `write_whole` wrote; None when there is no such file or it is no JSON object."""
    try:
        told = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def lock_of(folder: Path, name: str) -> Path:
    """The lock of a job: whatever the date, one run of it at a time."""
    return folder / f"{name}.lock"
