"""What tests of archiving share: recorded hours of several days, their contents, rules for a folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from muhurat.capture.archive import Rules
from muhurat.capture.journal import ControlRecord, HourPaths, JournalWriter, Record, journal_files
from muhurat.capture.journal.offline import read_entries
from muhurat.clock import ManualClock, ist_ns

MONDAY = date(2025, 9, 1)
FEED, OTHER = "desk", "other"


def at(day: date, hour: int, minute: int = 0) -> int:
    return ist_ns(day, time(hour, minute))


def record(folder: Path, day: date, hours: Sequence[int] = (9, 10), feed: str = FEED, note: str = "") -> None:
    """Record three messages of 700 KB and a gap in each of these hours, and close the last."""
    with JournalWriter(folder / feed, feed, ManualClock(at(day, hours[0])), sync_interval_s=None) as writer:
        for hour in hours:
            start = at(day, hour)
            writer.append(
                [(f"{day} {hour} {number} {note}".encode() * 30_000, start + number, 0) for number in range(3)]
            )
            writer.control({"event": "gap", "from": "a", "to": "b", "seconds": 1, "reason": "drop"}, start + 5)


def evening(day: date, hour: int = 16) -> ManualClock:
    return ManualClock(at(day, hour))


def rules(folder: Path, **changes: Any) -> Rules:
    """A desk's rules, by its defaults."""
    defaults: dict[str, Any] = {"hot_days": 1, "archive_days": 90, "kinds": ("daily", "weekly", "monthly")}
    return Rules(journals=folder / "raw_ticks", bundles=folder / "archive", **(defaults | changes))


def weekdays(first: date, count: int) -> list[date]:
    """So many days from Monday to Friday."""
    days = (first + timedelta(days=number) for number in range(2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]


def entries(folder: Path) -> list[Record | ControlRecord]:
    """All that a folder's journals have."""
    return [entry for paths in journal_files(folder) for entry in read_entries(paths)]


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder, with what is in it and when it was changed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        with suppress(IsADirectoryError):
            found[str(path.relative_to(folder))] = (path.read_bytes(), path.stat().st_mtime_ns)
    return found


def hour_of(folder: Path, day: date, hour: int, feed: str = FEED) -> HourPaths:
    return HourPaths(folder / "raw_ticks" / feed, feed, f"{day:%Y%m%d}_{hour:02}00")
