"""One recording to be merged, read in parts from its first hour to its last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from muhurat.capture.journal.format import HEADER, ControlRecord, HourPaths, Record
from muhurat.capture.journal.hour_reader import Entry, HourReader
from muhurat.capture.journal.lock import writer_pid
from muhurat.capture.journal.recovery import parse_line
from muhurat.capture.journal.scan import header_of, open_bytes

_BATCH: Final = 4096


@dataclass(frozen=True, slots=True)
class Note:
    """A control line waiting for its place: before record `before` of the part it came with."""

    before: int
    ts_ns: int
    entry: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive records, and the control lines among them."""

    records: list[Record]
    notes: list[Note]


class Source:
    """The hours of one side in order. What could not be read is counted: `damaged` by file, `torn_bytes`."""

    def __init__(self, hours: Sequence[HourPaths], side: str) -> None:
        self.hours = hours
        self.side = side
        self.records = self.bytes = self.torn_bytes = 0
        self.damaged: list[tuple[str, int, int]] = []
        self.ended = False
        self._entries = self._read_all()

    def read(self, most_bytes: int) -> Part:
        """The next records, about so many bytes of them; `ended` is set with the last."""
        part, size = Part([], []), 0
        for entries in self._entries:
            size += sum(map(_size, entries))
            self._take(entries, part)
            if size >= most_bytes:
                return part
        self.ended = True
        return part

    def gaps(self) -> list[tuple[int, int]]:
        """The spans of which the recorder itself said that records may be missing."""
        there = (paths.ctl for paths in self.hours if paths.ctl.exists())
        lines = (line for path in there for line in path.read_bytes().splitlines())
        return [span for line in lines if (span := gap_span(parse_line(line)))]

    def _take(self, entries: list[Entry], part: Part) -> None:
        for entry in entries:
            if isinstance(entry, ControlRecord):
                part.notes.append(Note(len(part.records), entry.ts_recv_ns, entry.entry))
            else:
                part.records.append(entry)
                self.bytes += _size(entry)
        self.records += sum(isinstance(entry, Record) for entry in entries)

    def _read_all(self) -> Iterator[list[Entry]]:
        for paths in self.hours:
            yield from self._read_hour(paths)

    def _read_hour(self, paths: HourPaths) -> Iterator[list[Entry]]:
        data = open_bytes(paths.bin)
        reader = HourReader(paths, header=header_of(data, "auto"))
        live = writer_pid(paths.bin.parent, paths.feed) is not None
        try:
            while True:
                while entries := reader.read(_BATCH, with_control=True):
                    yield entries
                if live or not reader.turn_to_tail():
                    break
            self.damaged += [(paths.bin.name, *span) for span in reader.damaged]
            self.torn_bytes += 0 if live else len(data) - (reader.end or 0)
        finally:
            reader.close()


def gap_span(entry: dict[str, Any]) -> tuple[int, int] | None:
    """From when to when a control line says that records may be missing; None when it says nothing of the kind."""
    begin, end = entry.get("from_ns"), entry.get("to_ns")
    if entry.get("event") == "gap" and isinstance(begin, int) and isinstance(end, int):
        return begin, end
    return None


def _size(entry: Entry) -> int:
    return HEADER.size + len(entry.payload) if isinstance(entry, Record) else 0
