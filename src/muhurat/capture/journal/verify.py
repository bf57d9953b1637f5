"""Prove that an hour's files are whole, or say where they are not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from muhurat.capture.journal.checksum import crc32
from muhurat.capture.journal.data import Data, open_data
from muhurat.capture.journal.format import (
    CLOCK_DOUBT,
    CONTROL,
    HEADER,
    NS_PER_MS,
    RECOVERED,
    HourPaths,
)
from muhurat.capture.journal.lock import writer_pid
from muhurat.capture.journal.recovery import parse_line
from muhurat.capture.journal.rows import IndexRows, Row, ScannedRows
from muhurat.capture.journal.scan import ByteOrder, header_of, open_bytes, order_of

_BATCH: Final = 1024
_BLOCK: Final = 8 * 1024 * 1024


class Verification(msgspec.Struct):
    """What one hour holds. `damaged` are byte ranges of the `.bin`; `gaps` what the recorder said it missed.

    `byte_order` is that of the headers: `big`, as we write them, or `little` in a file of somebody else's. `unindexed`
    records are complete but unknown to the index (their writer died and none came after it); `live` means
    that a writer is at work, whose unfinished end is left out.
    """

    file: str
    records: int = 0
    bytes: int = 0
    torn_bytes: int = 0
    damaged: list[tuple[int, int]] = []
    gaps: list[dict[str, Any]] = []
    first_ts_ns: int = 0
    last_ts_ns: int = 0
    control_lines: int = 0
    damaged_lines: int = 0
    recovered: int = 0
    clock_doubt: int = 0
    unindexed: int = 0
    byte_order: str = "big"
    indexed: bool = True
    closed: bool = False
    live: bool = False

    @property
    def sound(self) -> bool:
        return not (self.torn_bytes or self.damaged or self.damaged_lines)


def verify_hour(paths: HourPaths, byte_order: ByteOrder = "auto") -> Verification:
    """Check every record of an hour against its header, its index row and its checksum; raises `JournalError`."""
    found = Verification(paths.data.name, live=writer_pid(paths.bin.parent, paths.feed) is not None)
    end = 0
    found.byte_order = order_of(open_bytes(paths.bin)) if byte_order == "auto" else byte_order
    found.indexed = paths.idx.exists()
    if found.indexed:
        end = _check_index(paths, found)
    _check_tail(paths, found, end, byte_order)
    _read_control(paths, found)
    found.damaged = _joined(found.damaged)
    return found


def summary(hours: Iterable[Verification]) -> dict[str, Any]:
    """Verifications of several hours as one document; byte ranges are those of the file named in `files`."""
    checked = list(hours)
    return {
        "records": sum(hour.records for hour in checked),
        "bytes": sum(hour.bytes for hour in checked),
        "torn_bytes": sum(hour.torn_bytes for hour in checked),
        "damaged": [list(span) for hour in checked for span in hour.damaged],
        "gaps": [gap for hour in checked for gap in hour.gaps],
        "sound": all(hour.sound for hour in checked),
        "files": [msgspec.to_builtins(hour) for hour in checked],
    }


def _check_index(paths: HourPaths, found: Verification) -> int:
    """Check what the index knows; returns where the last record it knows ends."""
    rows = IndexRows(paths.idx)
    data = open_data(paths.bin)
    try:
        end = 0
        while batch := rows.peek(_BATCH):
            for block in _blocks([row for row in batch if not row[5] & CONTROL]):
                end = _check_block(data, block, found, end)
            rows.skip(len(batch))
        size = data.size()
        if end > size:
            found.damaged.append((size, end))
        return end
    finally:
        rows.close()
        data.close()


def _blocks(rows: list[Row]) -> Iterable[list[Row]]:
    """Rows in groups whose records span about 8 MiB."""
    block: list[Row] = []
    for row in rows:
        if block and row[0] + row[4] - block[0][0] > _BLOCK:
            yield block
            block = []
        block.append(row)
    if block:
        yield block


def _check_block(data: Data, rows: list[Row], found: Verification, expected: int) -> int:
    base = rows[0][0]
    chunk = data.read(rows[-1][0] + HEADER.size + rows[-1][4] - base, base)
    for offset, ts_ns, _, crc, length, flags in rows:
        if offset > expected:
            found.damaged.append((expected, offset))
        start = offset - base
        payload = chunk[start + HEADER.size : start + HEADER.size + length]
        expected = offset + HEADER.size + length
        header = chunk[start : start + HEADER.size]
        if header == HEADER.pack(ts_ns // NS_PER_MS, length) and crc32(payload) == crc:
            _count(found, ts_ns, length, flags)
        elif base + len(chunk) > offset:
            found.damaged.append((offset, min(expected, base + len(chunk))))
    return expected


def _count(found: Verification, ts_ns: int, length: int, flags: int) -> None:
    found.records += 1
    found.bytes += HEADER.size + length
    found.first_ts_ns = found.first_ts_ns or ts_ns
    found.last_ts_ns = ts_ns
    found.recovered += bool(flags & RECOVERED)
    found.clock_doubt += bool(flags & CLOCK_DOUBT)


def _check_tail(paths: HourPaths, found: Verification, end: int, byte_order: ByteOrder) -> None:
    """Walk what lies beyond the index, unless a writer is just writing it."""
    if found.live and found.indexed:
        return
    header = header_of(open_bytes(paths.bin), byte_order)
    rows = ScannedRows(paths.bin, header, start=end, hour=paths.hour)
    while batch := rows.peek(_BATCH):
        for _, ts_ns, _, _, length, _ in batch:
            _count(found, ts_ns, length, 0)
        found.unindexed += len(batch) if found.indexed else 0
        rows.skip(len(batch))
    found.damaged += rows.damaged
    if torn := rows.torn_tail():
        found.torn_bytes += torn[1] - torn[0]


def _read_control(paths: HourPaths, found: Verification) -> None:
    if not paths.ctl.exists():
        return
    lines = paths.ctl.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        torn = lines.pop()
        found.torn_bytes += 0 if found.live else len(torn)
    for line in lines:
        entry = parse_line(line)
        found.control_lines += 1
        found.damaged_lines += not entry
        found.closed = entry.get("event") == "closed"
        if entry.get("event") == "gap":
            found.gaps.append(
                {
                    key: entry[key]
                    for key in ("from", "to", "seconds", "reason", "records", "connection")
                    if key in entry
                }
            )
    _check_closed(lines, found)


def _check_closed(lines: list[bytes], found: Verification) -> None:
    """A `closed` line that ends an hour counts its bytes; fewer in the file mean that its end is missing."""
    if not (found.closed and lines):
        return
    said = parse_line(lines[-1]).get("bytes")
    have = found.bytes + sum(end - start for start, end in found.damaged) + found.torn_bytes
    if isinstance(said, int) and have < said:
        found.damaged.append((have, said))


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping and adjoining ranges as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
