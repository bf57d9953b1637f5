"""A reader of journal hours of its own (DESIGN §5.1), so that what plays a journal shares no code with what wrote it.

`.bin`: records back to back, `[timestamp_ms u64][length u32][payload]`, numbers big-endian, or little-endian in files
of an older recorder. `.idx`, when it is there, has the nanoseconds: 32-byte little-endian rows `offset u64,
ts_recv_ns u64, reserved u32, crc32 u32, length u32, flags u32`, where flag 8 marks rows that belong to control lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final

import numpy as np

from muhurat.clock import NS_PER_S, ist_ns
from muhurat.errors import MuhuratError

_NAME: Final = re.compile(r"(?P<feed>.+)_(?P<day>\d{8})_(?P<hour>[01]\d|2[0-3])00\.bin")
_HEADERS: Final = (Struct(">QI"), Struct("<QI"))
_INDEX: Final = np.dtype(
    [
        ("offset", "<u8"),
        ("ts_recv_ns", "<u8"),
        ("reserved", "<u4"),
        ("crc32", "<u4"),
        ("length", "<u4"),
        ("flags", "<u4"),
    ]
)
_CONTROL: Final = 8
_NS_PER_MS: Final = 1_000_000
_HOUR_NS: Final = 3600 * NS_PER_S
_LONGEST: Final = 64 * 1024 * 1024
_CENTURY_MS: Final = range(946_684_800_000, 4_102_444_800_000)


@dataclass(frozen=True, slots=True, order=True)
class JournalHour:
    """One hour's `.bin` by its name; every record in it was received before `end_ns`."""

    day: date
    path: Path
    feed: str
    end_ns: int


def journal_hours(source: Path) -> list[JournalHour]:
    """The hours in a feed's folder, or the one hour a file is, in order; raises `MuhuratError` when there is none."""
    paths = sorted(source.glob("*.bin")) if source.is_dir() else [source]
    hours = sorted(hour for path in paths if (hour := _hour(path)) is not None)
    if not hours:
        raise MuhuratError(
            f"{source} holds no journal hour <feed>_<YYYYMMDD>_<HH>00.bin",
            hint="name a feed's folder below data/raw_ticks; hours ending in .zst must be decompressed first",
        )
    return hours


def read_hour(path: Path) -> Iterator[tuple[int, bytes]]:
    """The messages of an hour with their instants of reception, UTC nanoseconds; an unfinished last record is left out.

    Raises `MuhuratError` naming the file and the byte at which it stops making sense.
    """
    try:
        exact = _index(path.with_suffix(".idx"))
        with path.open("rb") as file:
            header = _byte_order(file)
            yield from _records(path, file, header, exact)
    except OSError as error:
        raise MuhuratError(f"the journal {path} cannot be read: {error}") from error


def _hour(path: Path) -> JournalHour | None:
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    day = date.fromisoformat(match["day"])
    return JournalHour(day, path, match["feed"], ist_ns(day, time(int(match["hour"]))) + _HOUR_NS)


def _records(path: Path, file: BinaryIO, header: Struct, exact: dict[int, int]) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while len(head := file.read(header.size)) == header.size:
        timestamp_ms, length = header.unpack(head)
        if timestamp_ms not in _CENTURY_MS or length > _LONGEST:
            raise MuhuratError(f"{path} is damaged at byte {offset}", hint="see `muhurat journal verify`")
        payload = file.read(length)
        if len(payload) < length:
            return
        yield exact.get(offset, timestamp_ms * _NS_PER_MS), payload
        offset += header.size + length


def _byte_order(file: BinaryIO) -> Struct:
    head = file.read(_HEADERS[0].size)
    file.seek(0)
    whole = len(head) == _HEADERS[0].size
    likely = [header for header in _HEADERS if whole and header.unpack(head)[0] in _CENTURY_MS]
    return likely[0] if likely else _HEADERS[0]


def _index(path: Path) -> dict[int, int]:
    if not path.is_file():
        return {}
    raw = path.read_bytes()
    rows = np.frombuffer(raw[: len(raw) // _INDEX.itemsize * _INDEX.itemsize], dtype=_INDEX)
    rows = rows[(rows["flags"] & _CONTROL) == 0]
    return dict(zip(rows["offset"].tolist(), rows["ts_recv_ns"].tolist(), strict=True))
