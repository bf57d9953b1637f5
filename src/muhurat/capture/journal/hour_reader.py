"""Read the records of one hour, checked, in order, while it may still be growing."""

from __future__ import annotations

import os
from pathlib import Path
from struct import Struct
from typing import Final

from muhurat.capture.journal.checksum import crc32
from muhurat.capture.journal.data import open_data
from muhurat.capture.journal.format import CONTROL, HEADER, ControlRecord, HourPaths, Position, Record
from muhurat.capture.journal.recovery import parse_line
from muhurat.capture.journal.rows import IndexRows, Row, Rows, ScannedRows

Entry = Record | ControlRecord
_MOST_BYTES: Final = 8 * 1024 * 1024
_ROWS_AT_ONCE: Final = 4096
_LOOK_AHEAD: Final = 64


class HourReader:
    """One hour from record `ordinal` on. `damaged` lists the byte ranges of the `.bin` that it had to pass over."""

    def __init__(self, paths: HourPaths, ordinal: int = 0, *, header: Struct = HEADER) -> None:
        self.hour = paths.hour
        self._paths = paths
        self._header = header
        self._damaged: list[tuple[int, int]] = []
        self._data = open_data(paths.bin)
        indexed = paths.idx.exists()
        self._rows: Rows = IndexRows(paths.idx) if indexed else ScannedRows(paths.bin, header, hour=paths.hour)
        self._ctl = _open_if_there(paths.ctl)
        self._expected: int | None = None
        self.ordinal = self._rows.seek(ordinal)

    @property
    def damaged(self) -> list[tuple[int, int]]:
        return sorted({*self._damaged, *getattr(self._rows, "damaged", ())})

    @property
    def end(self) -> int | None:
        """Where the last record read ends in the `.bin`; None before the first."""
        return self._expected

    def read(self, most: int, with_control: bool) -> list[Entry]:
        """The next complete entries, at most `most` and about 8 MiB; empty when there are none yet."""
        while rows := self._next_rows(most):
            entries = self._entries(rows, with_control)
            self._rows.skip(len(rows))
            if entries:
                return entries
        return []

    def skip_before(self, ts_ns: int) -> None:
        """Go on to the first entry received at `ts_ns` or later, by the index alone."""
        while rows := self._rows.peek(_ROWS_AT_ONCE):
            count = next((number for number, row in enumerate(rows) if row[1] >= ts_ns), len(rows))
            self.ordinal += sum(not row[5] & CONTROL for row in rows[:count])
            self._rows.skip(count)
            if count < len(rows):
                return

    def has_more(self) -> bool:
        """Whether something has come behind the place reached."""
        return bool(self._limited(self._rows.peek(1)))

    def left(self) -> tuple[int, int]:
        """How many index rows, and bytes of the `.bin`, there are behind the place reached."""
        size, start = self._data_size(), self._expected
        if start is None:
            start = next((row[0] for row in self._rows.peek(_LOOK_AHEAD) if not row[5] & CONTROL), size)
        return self._rows.left(), max(0, size - start)

    def turn_to_tail(self) -> bool:
        """When the index is exhausted for good: go on with complete records that it does not know, if there are any."""
        if not isinstance(self._rows, IndexRows):
            return False
        end = self._rows.data_end()
        if self._data_size() <= end:
            return False
        self._rows.close()
        self._rows = ScannedRows(self._paths.bin, self._header, start=end, hour=self.hour)
        return True

    def close(self) -> None:
        self._rows.close()
        self._data.close()
        if self._ctl is not None:
            os.close(self._ctl)

    def _next_rows(self, most: int) -> list[Row]:
        rows = self._limited(self._rows.peek(most))
        if self._moved(rows):
            self.ordinal = self._rows.seek(self.ordinal)
            rows = self._limited(self._rows.peek(most))
        return rows

    def _moved(self, rows: list[Row]) -> bool:
        """Whether a repair has rewritten the index since, so that our place in it may be wrong."""
        if isinstance(self._rows, IndexRows) and self._rows.shrunk():
            return True
        first = next((row[0] for row in rows if not row[5] & CONTROL), None)
        return None not in (first, self._expected) and first != self._expected

    def _limited(self, rows: list[Row]) -> list[Row]:
        """As many rows as fit one read; none of those that point beyond the file (a crash left them, unrepaired)."""
        size = self._data_size()
        first = None
        for count, (offset, _, _, _, length, flags) in enumerate(rows):
            if flags & CONTROL:
                continue
            end = offset + HEADER.size + length
            first = offset if first is None else first
            if end > size or (end - first > _MOST_BYTES and offset != first):
                return rows[:count]
        return rows

    def _data_size(self) -> int:
        """Of what there is now: a writer that goes on in an archived hour brings its `.bin` back first."""
        if self._data.path != self._paths.bin and self._paths.bin.exists():
            self._data.close()
            self._data = open_data(self._paths.bin)
        return self._data.size()

    def _entries(self, rows: list[Row], with_control: bool) -> list[Entry]:
        data = [row for row in rows if not row[5] & CONTROL]
        base = data[0][0] if data else 0
        chunk = self._data.read(data[-1][0] + HEADER.size + data[-1][4] - base, base) if data else b""
        entries: list[Entry] = []
        hour, ordinal, skip = self.hour, self.ordinal, HEADER.size - base
        for offset, ts_ns, _, crc, length, flags in rows:
            if flags & CONTROL:
                if with_control and (entry := self._control(offset, length, crc)) is not None:
                    entries.append(ControlRecord(Position(hour, ordinal), ts_ns, entry))
                continue
            payload = chunk[offset + skip : offset + skip + length]
            if crc32(payload) == crc:
                entries.append(Record(Position(hour, ordinal), ts_ns, payload, flags))
            else:
                self._damaged.append((offset, offset + HEADER.size + length))
            ordinal += 1
        self._note_holes(data)
        self.ordinal = ordinal
        return entries

    def _note_holes(self, data: list[Row]) -> None:
        """Bytes between one record's end and the next one's beginning belong to no record."""
        expected = self._expected
        for offset, _, _, _, length, _ in data:
            if expected is not None and offset > expected:
                self._damaged.append((expected, offset))
            expected = offset + HEADER.size + length
        self._expected = expected

    def _control(self, offset: int, length: int, crc: int) -> dict[str, object] | None:
        if self._ctl is None:
            return None
        line = os.pread(self._ctl, length, offset)
        return parse_line(line) if crc32(line) == crc else None


def _open_if_there(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
