"""Make the files of an hour whole again after whoever wrote them died.

Index rows that point beyond their file are dropped, complete records and lines beyond the index are indexed as
*recovered*, and only an incomplete remainder is cut: it is kept aside as `<file>.torn-<n>`. Doing it again changes
nothing.

A process that dies leaves a beginning of what it wrote. A power cut need not: of what had not been synchronised any
part may be there and any other be zeros. So the last stretch of the index is checked row by row: rows that make no
sense are dropped, records between them that nobody knows are indexed as recovered, and what was lost is told.
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from heapq import merge
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec

from muhurat.capture.journal.checksum import crc32
from muhurat.capture.journal.data import mapped
from muhurat.capture.journal.files import Files, write_all
from muhurat.capture.journal.format import CONTROL, HEADER, NS_PER_MS, RECOVERED, ROW, HourPaths, plausible
from muhurat.capture.journal.repaired import Recovery, RepairInterrupted
from muhurat.capture.journal.scan import Found, scan
from muhurat.clock import NS_PER_S

Row = tuple[int, int, int, int, int, int]
_TIME_AT: Final = 1
_FLAGS_AT: Final = 5
_UNSYNCED_NS: Final = 35 * NS_PER_S
"""Older than this is on the disk, whatever became of our own synchronising: the kernel writes what is 30 s old."""
_Summary = tuple[int, int, int, int]


def recover(paths: HourPaths, files: Files) -> Recovery:
    """Repair the files of one hour. Raises `RepairInterrupted` when the disk refuses, having cut nothing unkept."""
    repair = _Repair(paths, files)
    try:
        return repair.run()
    except OSError as error:
        raise RepairInterrupted(error, repair.done()) from error


class _Repair:
    def __init__(self, paths: HourPaths, files: Files) -> None:
        self._paths = paths
        self._files = files
        self._torn: list[Path] = []
        self._torn_bytes = 0
        self._damaged: list[tuple[int, int]] = []
        self._dropped = self._between = 0

    def done(self) -> Recovery:
        """What has been cut so far."""
        return Recovery(self._paths.hour, torn_bytes=self._torn_bytes, torn_files=tuple(self._torn))

    def run(self) -> Recovery:
        for path in (self._paths.idx, self._paths.ctl, self._paths.bin):
            self._close(self._files.open(path))
        self._bin = mapped(self._paths.bin)
        self._ctl = mapped(self._paths.ctl)
        self._idx = mapped(self._paths.idx)
        kept, rewritten = self._checked_rows()
        _, bin_end, ctl_end, _ = self._summary(kept, rewritten)
        found, bin_torn = self._records_beyond(bin_end)
        lines, ctl_torn = self._lines_beyond(ctl_end)
        bin_size = self._cut(self._paths.bin, self._bin, bin_torn)
        ctl_size = self._cut(self._paths.ctl, self._ctl, ctl_torn)
        self._rewrite_index(kept, rewritten + list(merge(found, lines, key=_time)))
        self._idx = mapped(self._paths.idx)
        records, _, _, latest_ts_ns = self._summary(len(self._idx) // ROW.size, [])
        return Recovery(
            hour=self._paths.hour,
            bin_size=bin_size,
            ctl_size=ctl_size,
            idx_size=len(self._idx),
            records=records,
            latest_ts_ns=latest_ts_ns,
            closed=ends_closed(self._paths),
            dropped_rows=self._dropped,
            recovered_records=self._between + len(found),
            recovered_lines=len(lines),
            torn_bytes=self._torn_bytes,
            damaged=tuple(self._damaged),
            torn_files=tuple(self._torn),
        )

    def _checked_rows(self) -> tuple[int, list[Row]]:
        """How many rows at the start stand as they are, and the rows to stand behind them."""
        total = whole = len(self._idx) // ROW.size
        while whole and not self._trusted(self._row(whole - 1)):
            whole -= 1
        start = self._doubtful_from(whole)
        _, bin_end, _, _ = self._summary(start, [])
        before = [self._row(index) for index in range(start, whole)]
        after = self._without_lost_end(self._sensible(before, bin_end))
        self._dropped = total - start - len(after) + self._between
        same = next((n for n, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), len(after))
        return start + same, after[same:]

    def _doubtful_from(self, whole: int) -> int:
        """Where the rows begin that a crash may have spoilt: the newest, and control lines that are gone."""
        newest_ns = self._row(whole - 1)[_TIME_AT] if whole else 0
        start = whole
        for index in range(whole - 1, -1, -1):
            row = self._row(index)
            if not row[_FLAGS_AT] & CONTROL and row[_TIME_AT] < newest_ns - _UNSYNCED_NS and self._trusted(row):
                break
            start = index
        for index in range(start - 1, -1, -1):
            row = self._row(index)
            if row[_FLAGS_AT] & CONTROL:
                if self._trusted(row):
                    break
                start = index
        return start

    def _sensible(self, rows: list[Row], end: int) -> list[Row]:
        """The rows that can be what they were, and between them rows for records that none of them tells of."""
        sensible: list[Row] = []
        for row in rows:
            offset, _, _, crc, length, flags = row
            if flags & CONTROL:
                sensible += [row] if self._trusted(row) else []
            elif self._follows(row, end):
                between = self._found(end, offset)
                self._between += len(between)
                end = offset + HEADER.size + length
                if crc32(self._bin[offset + HEADER.size : end]) != crc:
                    self._damaged.append((offset, end))
                sensible += [*between, row]
        return sensible

    def _follows(self, row: Row, end: int) -> bool:
        """Whether a row tells of a record at `end`; or of one behind it, which must then be seen there."""
        offset = row[0]
        return self._in_range(row) and (offset == end or (offset > end and self._trusted(row)))

    def _without_lost_end(self, rows: list[Row]) -> list[Row]:
        """Without the last records where their bytes never came: they are a torn tail, not damage in mid-file."""
        for index in range(len(rows) - 1, -1, -1):
            row = rows[index]
            if row[_FLAGS_AT] & CONTROL:
                continue
            if self._trusted(row):
                break
            del rows[index]
        _, end, _, _ = self._summary(0, rows)
        self._damaged = [span for span in self._damaged if span[1] <= end]
        return rows

    def _row(self, index: int) -> Row:
        return ROW.unpack_from(self._idx, index * ROW.size)

    def _in_range(self, row: Row) -> bool:
        offset, ts_ns, _, _, length, flags = row
        if flags & CONTROL:
            return offset + length <= len(self._ctl)
        return plausible(ts_ns // NS_PER_MS, length) and offset + HEADER.size + length <= len(self._bin)

    def _trusted(self, row: Row) -> bool:
        """Whether what a row says is what stands there; asked from the end, where a power cut may have left zeros."""
        offset, ts_ns, _, crc, length, flags = row
        if not self._in_range(row):
            return False
        if flags & CONTROL:
            return crc32(self._ctl[offset : offset + length]) == crc
        return HEADER.unpack_from(self._bin, offset) == (ts_ns // NS_PER_MS, length)

    def _summary(self, kept: int, rescued: list[Row]) -> _Summary:
        """(records, end of the .bin, end of the .ctl, latest time of all)."""
        records = bin_end = ctl_end = latest_ts_ns = 0
        for offset, ts_ns, _, _, length, flags in chain(
            ROW.iter_unpack(memoryview(self._idx)[: kept * ROW.size]), rescued
        ):
            if flags & CONTROL:
                ctl_end = max(ctl_end, offset + length)
                continue
            records += 1
            bin_end = max(bin_end, offset + HEADER.size + length)
            latest_ts_ns = max(latest_ts_ns, ts_ns)
        return records, bin_end, ctl_end, latest_ts_ns

    def _records_beyond(self, start: int) -> tuple[list[Row], int]:
        """Rows for complete records the index does not know, and where a torn tail begins."""
        size = len(self._bin)
        rows = self._found(start, size)
        if self._damaged and self._damaged[-1][1] == size and self._damaged[-1][0] >= start:
            return rows, self._damaged.pop()[0]
        return rows, size

    def _found(self, start: int, end: int) -> list[Row]:
        """Rows for the complete records of a span; what is none is noted as damaged."""
        rows: list[Row] = []
        for part in scan(self._bin, start, end, hour=self._paths.hour):
            if isinstance(part, Found):
                crc = crc32(self._bin[part.offset + HEADER.size : part.end])
                rows.append((part.offset, part.timestamp_ms * NS_PER_MS, 0, crc, part.length, RECOVERED))
            else:
                self._damaged.append((part.start, part.end))
        return rows

    def _lines_beyond(self, start: int) -> tuple[list[Row], int]:
        rows: list[Row] = []
        while (feed := self._ctl.find(b"\n", start)) >= 0:
            line = self._ctl[start : feed + 1]
            ts_ns = line_time_ns(line)
            if ts_ns is not None:
                rows.append((start, ts_ns, 0, crc32(line), len(line), CONTROL | RECOVERED))
            start = feed + 1
        return rows, start

    def _cut(self, path: Path, data: bytes | mmap.mmap, size: int) -> int:
        """Keep what lies beyond `size` aside, then cut it; returns `size`."""
        if size < len(data):
            aside, kept = _place_aside(path, data[size:])
            if not kept:
                self._keep(aside, data[size:])
            self._shorten(path, size)
            self._torn.append(aside)
            self._torn_bytes += len(data) - size
        return size

    def _keep(self, aside: Path, data: bytes) -> None:
        try:
            self._append(aside, data)
        except OSError:
            aside.unlink(missing_ok=True)
            raise

    def _rewrite_index(self, kept: int, rows: list[Row]) -> None:
        if len(self._idx) != kept * ROW.size:
            self._shorten(self._paths.idx, kept * ROW.size)
        if rows:
            self._append(self._paths.idx, b"".join(ROW.pack(*row) for row in rows))

    def _append(self, path: Path, data: bytes) -> None:
        fd = self._files.open(path)
        try:
            write_all(self._files, fd, [data], len(data))
            self._files.sync(fd)
        finally:
            self._close(fd)

    def _shorten(self, path: Path, size: int) -> None:
        fd = self._files.open(path)
        try:
            self._files.truncate(fd, size)
        finally:
            self._close(fd)

    def _close(self, fd: int) -> None:
        with suppress(OSError):  # what mattered has been synchronised, or will be by the writer
            self._files.close(fd)


def ends_closed(paths: HourPaths) -> bool:
    """Whether an hour's last word is that it was closed in order."""
    try:
        with paths.idx.open("rb") as index, paths.ctl.open("rb") as control:
            size = index.seek(0, os.SEEK_END)
            if size < ROW.size or size % ROW.size:
                return False
            index.seek(size - ROW.size)
            offset, _, _, _, length, flags = ROW.unpack(index.read(ROW.size))
            control.seek(offset)
            return bool(flags & CONTROL) and parse_line(control.read(length)).get("event") == "closed"
    except FileNotFoundError:
        return False


def _time(row: Row) -> int:
    return row[_TIME_AT]


def parse_line(line: bytes) -> dict[str, Any]:
    """A line of the `.ctl` file; an empty entry when it is not a JSON object."""
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def line_time_ns(line: bytes) -> int | None:
    """The time a line says it was written; None when it is no line of ours."""
    ts_ns = parse_line(line).get("ts_recv_ns")
    return ts_ns if isinstance(ts_ns, int) and 0 <= ts_ns < 1 << 63 else None


def _place_aside(path: Path, data: bytes) -> tuple[Path, bool]:
    """Where to keep a remainder, and whether a repair that was interrupted has kept it there already."""
    number = 1
    while (aside := path.with_name(f"{path.name}.torn-{number}")).exists():
        if aside.stat().st_size == len(data) and aside.read_bytes() == data:
            return aside, True
        number += 1
    return aside, False
