"""What earlier recorders of the day left behind, so that a restarted one counts on instead of from nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from muhurat.capture.journal.format import CONTROL, HEADER, HourPaths, hours_of
from muhurat.capture.journal.offline import read_control
from muhurat.capture.journal.rows import IndexRows
from muhurat.capture.journal.scan import open_bytes

_BATCH: Final = 4096
_FIRST_BYTES: Final = 2


@dataclass(slots=True)
class RecordedToday:
    """A day's journal in numbers; `gaps` are its gap entries. `begun` are gaps of a connection that were not over when
    the recorder died, by the connection's number: since when."""

    messages: int = 0
    packets: int = 0
    bytes: int = 0
    connections: int = 0
    last_ts_ns: int = 0
    gaps: list[dict[str, Any]] = field(default_factory=list)
    begun: dict[int, int] = field(default_factory=dict)

    @property
    def heard_until_ns(self) -> int:
        """Until when every connection is accounted for, by records or by gaps that are over."""
        ended_ns = max((int(gap.get("to_ns", 0)) for gap in self.gaps), default=0)
        return min((max(self.last_ts_ns, ended_ns), *self.begun.values()))


def recorded_on(day: str, directory: Path, feed: str, count_packets: Callable[[bytes], int]) -> RecordedToday:
    """Count the hours of a day `YYYYMMDD`. Looks at no more than the first two bytes of each message."""
    found = RecordedToday()
    for hour in hours_of(directory, feed):
        paths = HourPaths(directory, feed, hour)
        if hour.startswith(day) and paths.idx.exists():
            _count_records(paths, found, count_packets)
            _count_entries(paths, found)
    return found


def _count_records(paths: HourPaths, found: RecordedToday, count_packets: Callable[[bytes], int]) -> None:
    data = open_bytes(paths.bin)
    rows = IndexRows(paths.idx)
    while batch := rows.peek(_BATCH):
        for offset, ts_ns, _, _, length, flags in batch:
            start = offset + HEADER.size
            if flags & CONTROL or start + length > len(data):
                continue
            found.messages += 1
            found.last_ts_ns = max(found.last_ts_ns, ts_ns)
            found.bytes += length
            found.packets += count_packets(data[start : start + min(length, _FIRST_BYTES)])
        rows.skip(len(batch))
    rows.close()


def _count_entries(paths: HourPaths, found: RecordedToday) -> None:
    for control in read_control(paths):
        event = control.entry.get("event")
        found.connections += event == "connected"
        if event == "gap":
            found.gaps.append(control.entry)
            if (ended := control.entry.get("connection")) is None:  # of all connections: the recorder was down
                found.begun.clear()
            else:
                found.begun.pop(ended, None)
        if event == "gap_begins":
            found.begun[control.entry["connection"]] = control.entry["from_ns"]
