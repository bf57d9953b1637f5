"""Make the files of an hour whole again after whoever wrote them died.

Index rows that point beyond their file are dropped, complete records and lines beyond the index are indexed as
*recovered*, and only an incomplete remainder is cut: it is kept aside as `<file>.torn-<n>`. Doing it again changes
nothing.
"""

from __future__ import annotations

import mmap
import os
import zlib
from dataclasses import dataclass, field
from heapq import merge
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec

from muhurat.capture.journal.data import mapped
from muhurat.capture.journal.files import Files, write_all
from muhurat.capture.journal.format import CONTROL, HEADER, NS_PER_MS, RECOVERED, ROW, HourPaths
from muhurat.capture.journal.scan import Damage, Found, scan

Row = tuple[int, int, int, int, int, int]
_TIME_AT: Final = 1
_FLAGS_AT: Final = 5
_Summary = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What an hour's files hold once they are whole, and what had to be done to them."""

    hour: str
    bin_size: int = 0
    ctl_size: int = 0
    idx_size: int = 0
    records: int = 0
    latest_ts_ns: int = 0
    closed: bool = False
    dropped_rows: int = 0
    recovered_records: int = 0
    recovered_lines: int = 0
    torn_bytes: int = 0
    damaged: tuple[tuple[int, int], ...] = ()
    torn_files: tuple[Path, ...] = field(default=())

    @property
    def repaired(self) -> bool:
        """Whether anything had to be repaired."""
        return bool(self.dropped_rows or self.recovered_records or self.recovered_lines or self.torn_bytes)

    def report(self) -> dict[str, Any]:
        """The repair as an entry of the `.ctl` file."""
        return {
            "event": "recovered",
            "hour": self.hour,
            "records": self.recovered_records,
            "lines": self.recovered_lines,
            "dropped_rows": self.dropped_rows,
            "torn_bytes": self.torn_bytes,
            "torn_files": [path.name for path in self.torn_files],
            "damaged": [list(span) for span in self.damaged],
        }


def recover(paths: HourPaths, files: Files) -> Recovery:
    """Repair the files of one hour. Raises `OSError` when the disk refuses, having cut nothing it did not keep."""
    return _Repair(paths, files).run()


class _Repair:
    def __init__(self, paths: HourPaths, files: Files) -> None:
        self._paths = paths
        self._files = files
        self._torn: list[Path] = []
        for path in (paths.idx, paths.ctl, paths.bin):
            files.close(files.open(path))
        self._bin = mapped(paths.bin)
        self._ctl = mapped(paths.ctl)
        self._idx = mapped(paths.idx)

    def run(self) -> Recovery:
        kept, rescued = self._usable_rows()
        _, bin_end, ctl_end, _ = self._summary(kept, rescued)
        found, damaged, bin_torn = self._records_beyond(bin_end)
        lines, ctl_torn = self._lines_beyond(ctl_end)
        dropped = len(self._idx) // ROW.size - kept - len(rescued)
        fresh = list(merge(found, lines, key=_time))
        bin_size = self._cut(self._paths.bin, self._bin, bin_torn)
        ctl_size = self._cut(self._paths.ctl, self._ctl, ctl_torn)
        self._rewrite_index(kept, rescued + fresh)
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
            dropped_rows=dropped,
            recovered_records=len(found),
            recovered_lines=len(lines),
            torn_bytes=len(self._bin) - bin_size + len(self._ctl) - ctl_size,
            damaged=tuple((span.start, span.end) for span in damaged),
            torn_files=tuple(self._torn),
        )

    def _usable_rows(self) -> tuple[int, list[Row]]:
        """How many rows at the start are usable, and the usable ones after the first that is not."""
        whole = len(self._idx) // ROW.size
        while whole and not self._trusted(self._row(whole - 1)):
            whole -= 1
        beyond = self._rows_beyond(whole)
        kept = min(beyond, default=whole)
        return kept, [self._row(index) for index in range(kept, whole) if index not in beyond]

    def _rows_beyond(self, whole: int) -> set[int]:
        """The rows that point beyond their file; offsets only grow: the last good one of each kind ends the search."""
        beyond: set[int] = set()
        seen: set[int] = set()
        for index in range(whole - 1, -1, -1):
            row = self._row(index)
            if self._in_range(row):
                seen.add(row[_FLAGS_AT] & CONTROL)
                if len(seen) == 2:
                    break
            else:
                beyond.add(index)
        return beyond

    def _row(self, index: int) -> Row:
        return ROW.unpack_from(self._idx, index * ROW.size)

    def _in_range(self, row: Row) -> bool:
        offset, _, _, _, length, flags = row
        if flags & CONTROL:
            return offset + length <= len(self._ctl)
        return offset + HEADER.size + length <= len(self._bin)

    def _trusted(self, row: Row) -> bool:
        """Whether what a row says is what stands there; asked from the end, where a power cut may have left zeros."""
        offset, ts_ns, _, crc, length, flags = row
        if not self._in_range(row):
            return False
        if flags & CONTROL:
            return zlib.crc32(self._ctl[offset : offset + length]) == crc
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

    def _records_beyond(self, start: int) -> tuple[list[Row], list[Damage], int]:
        """Rows for complete records the index does not know, the damage between them, and where a torn tail begins."""
        rows: list[Row] = []
        damaged: list[Damage] = []
        for part in scan(self._bin, start, hour=self._paths.hour):
            if isinstance(part, Found):
                payload = self._bin[part.offset + HEADER.size : part.end]
                rows.append(
                    (part.offset, part.timestamp_ms * NS_PER_MS, 0, zlib.crc32(payload), part.length, RECOVERED)
                )
            else:
                damaged.append(part)
        torn = damaged.pop().start if damaged and damaged[-1].end == len(self._bin) else len(self._bin)
        return rows, damaged, torn

    def _lines_beyond(self, start: int) -> tuple[list[Row], int]:
        rows: list[Row] = []
        while (feed := self._ctl.find(b"\n", start)) >= 0:
            line = self._ctl[start : feed + 1]
            ts_ns = line_time_ns(line)
            if ts_ns is not None:
                rows.append((start, ts_ns, 0, zlib.crc32(line), len(line), CONTROL | RECOVERED))
            start = feed + 1
        return rows, start

    def _cut(self, path: Path, data: bytes | mmap.mmap, size: int) -> int:
        """Keep what lies beyond `size` aside, then cut it; returns `size`."""
        if size == len(data):
            return size
        aside = _free_name(path)
        try:
            self._append(aside, data[size:])
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        self._torn.append(aside)
        self._shorten(path, size)
        return size

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
            self._files.close(fd)

    def _shorten(self, path: Path, size: int) -> None:
        fd = self._files.open(path)
        try:
            self._files.truncate(fd, size)
        finally:
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


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.torn-{number}")).exists():
        number += 1
    return aside
