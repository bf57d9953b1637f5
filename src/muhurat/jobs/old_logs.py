"""Logs whose time is over: those that a service set aside, and those of the attempts of a day."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Final

from muhurat.clock import NS_PER_S, ist

_SET_ASIDE: Final = re.compile(r".+\.log\.\d+")
_LAST_BYTES: Final = 65_536


def old_logs(logs_dir: Path, days: int, today: date) -> Iterator[Path]:
    """Files and folders of the logs that are `days` old or older; a log that is being written is never among them.

    A log set aside is as old as its last line says, in the desk's time; one that does not say, as its file.
    """
    for path in sorted(logs_dir.glob("*.log.*")):
        if _SET_ASIDE.fullmatch(path.name) and (today - _last_day(path)).days >= days:
            yield path
    for path in sorted((logs_dir / "jobs").glob("????-??-??")):
        day = _day(path.name)
        if day is not None and (today - day).days >= days:
            yield path


def remove_log(path: Path) -> None:
    """Delete a log, or a folder of them; raises `OSError`."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _last_day(path: Path) -> date:
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - _LAST_BYTES))
        lines = file.read().splitlines()
    try:
        return datetime.fromisoformat(json.loads(lines[-1])["timestamp"]).date()
    except (IndexError, KeyError, TypeError, ValueError):
        return ist(int(path.stat().st_mtime * NS_PER_S)).date()


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None
