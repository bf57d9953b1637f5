"""The index rows of one hour, from its `.idx` or, where there is none, from a walk over its `.bin`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Final, Protocol

from muhurat.capture.journal.checksum import crc32
from muhurat.capture.journal.format import CONTROL, HEADER, NS_PER_MS, RECOVERED, ROW
from muhurat.capture.journal.scan import Damage, Found, open_bytes, scan

Row = tuple[int, int, int, int, int, int]
_SEEK_ROWS: Final = 65_536
_FLAGS_AT: Final = 5


class Rows(Protocol):
    """Rows in order, with a place among them."""

    def peek(self, most: int) -> list[Row]:
        """The next rows, without going on."""

    def skip(self, count: int) -> None:
        """Go on past `count` rows."""

    def seek(self, ordinal: int) -> int:
        """Go behind record `ordinal - 1`; returns the ordinal reached, smaller when there are not so many."""

    def left(self) -> int:
        """How many rows there are behind the place reached."""

    def close(self) -> None: ...


class IndexRows:
    """Rows of an `.idx` file that may still be growing."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._next = 0

    def peek(self, most: int) -> list[Row]:
        data = os.pread(self._fd, most * ROW.size, self._next * ROW.size)
        whole = len(data) // ROW.size * ROW.size
        return list(ROW.iter_unpack(data if whole == len(data) else data[:whole]))

    def skip(self, count: int) -> None:
        self._next += count

    def seek(self, ordinal: int) -> int:
        self._next = count = 0
        while count < ordinal and (rows := self.peek(_SEEK_ROWS)):
            for row in rows:
                if count == ordinal:
                    break
                self._next += 1
                count += not row[_FLAGS_AT] & CONTROL
        return count

    def left(self) -> int:
        return max(0, os.fstat(self._fd).st_size // ROW.size - self._next)

    def data_end(self) -> int:
        """Where the last record that the index knows ends in the `.bin`."""
        at = os.fstat(self._fd).st_size // ROW.size
        while at > 0:
            offset, _, _, _, length, flags = ROW.unpack(os.pread(self._fd, ROW.size, (at - 1) * ROW.size))
            if not flags & CONTROL:
                return int(offset + HEADER.size + length)
            at -= 1
        return 0

    def shrunk(self) -> bool:
        """Whether the file became shorter than the place reached, as a repair makes it."""
        return os.fstat(self._fd).st_size < self._next * ROW.size

    def close(self) -> None:
        os.close(self._fd)


class ScannedRows:
    """Rows made from the `.bin` alone; times are exact to the millisecond. Damage met is kept in `damaged`."""

    def __init__(self, path: Path, header: Struct, *, start: int = 0, hour: str | None = None) -> None:
        self.damaged: list[tuple[int, int]] = []
        self._path = path
        self._header = header
        self._hour = hour
        self._end = start
        self._seen_size = start
        self._rows: list[Row] = []
        self._next = 0

    def peek(self, most: int) -> list[Row]:
        if self._next + most > len(self._rows):
            self._scan_more()
        return self._rows[self._next : self._next + most]

    def skip(self, count: int) -> None:
        self._next += count

    def seek(self, ordinal: int) -> int:
        self._scan_more()
        self._next = min(ordinal, len(self._rows))
        return self._next

    def left(self) -> int:
        self._scan_more()
        return len(self._rows) - self._next

    def torn_tail(self) -> tuple[int, int] | None:
        """The bytes at the end that are no complete record, as far as the file has been walked."""
        self._scan_more()
        return (self._end, self._seen_size) if self._end < self._seen_size else None

    def close(self) -> None:
        self._rows = []

    def _scan_more(self) -> None:
        data = open_bytes(self._path)
        if len(data) == self._seen_size:
            return
        self._seen_size = len(data)
        for found in self._without_tail(scan(data, self._end, header=self._header, hour=self._hour)):
            crc = crc32(data[found.offset + HEADER.size : found.end])
            self._rows.append((found.offset, found.timestamp_ms * NS_PER_MS, 0, crc, found.length, RECOVERED))
            self._end = found.end

    def _without_tail(self, parts: Iterator[Found | Damage]) -> Iterator[Found]:
        """Records only; damage with a record behind it is noted, the tail may be a record still being written."""
        waiting: Damage | None = None
        for part in parts:
            if isinstance(part, Damage):
                waiting = part
                continue
            if waiting:
                self.damaged.append((waiting.start, waiting.end))
                waiting = None
            yield part


def latest_ts_ns(path: Path) -> int:
    """The latest time of a record in an `.idx` file; 0 without one."""
    if not path.exists():
        return 0
    rows, latest = IndexRows(path), 0
    while batch := rows.peek(_SEEK_ROWS):
        latest = max([latest, *(row[1] for row in batch if not row[_FLAGS_AT] & CONTROL)])
        rows.skip(len(batch))
    rows.close()
    return latest
