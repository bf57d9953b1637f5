"""One pass over a feed's journal of a day: gaps, and records and packets of which something is doubtful."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from muhurat.capture.journal import (
    CLOCK_DOUBT,
    RECOVERED,
    ControlRecord,
    HourPaths,
    hours_of,
    read_control,
    read_entries,
)
from muhurat.model.tick import MessageDecoder

Gap = dict[str, Any]


@dataclass(slots=True)
class JournalPass:
    """What the pass found. `unknown_lengths` counts packets that mean nothing by their length."""

    records: int = 0
    bytes: int = 0
    packets: int = 0
    connections: int = 0
    clock_doubt: int = 0
    recovered: int = 0
    truncated: int = 0
    unknown_lengths: Counter[int] = field(default_factory=Counter)
    gaps: list[Gap] = field(default_factory=list)


def gaps_of(journal: Path, feed: str, day: date) -> list[Gap]:
    """The spans of a day that the recorder itself knows it missed, in order; each has `from_ns, to_ns, reason`."""
    entries = (control.entry for paths in hours_on(journal, feed, day) for control in read_control(paths))
    return [entry for entry in entries if entry.get("event") == "gap"]


def pass_over(journal: Path, feed: str, day: date, decode: MessageDecoder) -> JournalPass:
    """Read a day's journal from end to end."""
    found = JournalPass()
    for paths in hours_on(journal, feed, day):
        for entry in read_entries(paths):
            if isinstance(entry, ControlRecord):
                _note(found, entry.entry)
                continue
            found.records += 1
            found.bytes += len(entry.payload)
            found.clock_doubt += bool(entry.flags & CLOCK_DOUBT)
            found.recovered += bool(entry.flags & RECOVERED)
            batch = decode(entry.payload)
            found.packets += batch.packets
            found.truncated += batch.truncated
            found.unknown_lengths.update(batch.unknown)
    return found


def hours_on(journal: Path, feed: str, day: date) -> Iterator[HourPaths]:
    """The journal hours of a day."""
    for hour in hours_of(journal, feed):
        if hour.startswith(f"{day:%Y%m%d}"):
            yield HourPaths(journal, feed, hour)


def _note(found: JournalPass, entry: Gap) -> None:
    match entry.get("event"):
        case "gap":
            found.gaps.append(entry)
        case "connected":
            found.connections += 1
