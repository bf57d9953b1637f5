"""What tests of merging share: recordings made of few words, and a slow reference without arrays."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from muhurat.capture.journal import HourPaths, JournalWriter, Record
from muhurat.capture.journal.files import Files
from muhurat.capture.journal.offline import read_file
from muhurat.capture.merge import OneFile, merge
from muhurat.clock import ManualClock
from muhurat.venues.kite.packets import KitePackets
from tests.capture.support import FEED, MS, NINE

WINDOW_MS = 5_000

Packet = bytes
Frame = tuple[int, Sequence[Packet]]
"""Milliseconds after nine, packets."""


class Hasty(Files):
    """Files that are not brought to the disk, so that many small merges are quick."""

    def sync(self, fd: int) -> None:
        """A test reads from the page cache."""


def ltp(token: int, value: int) -> Packet:
    return struct.pack(">II", token, value)


def full(token: int, value: int) -> Packet:
    """A packet of 184 bytes in which only one number, near the end, is another's."""
    return struct.pack(">I", token) + bytes(172) + struct.pack(">II", value, 0)


def index(token: int, value: int, length: int = 32) -> Packet:
    return struct.pack(">II", token, value) + bytes(length - 8)


def frame(packets: Sequence[Packet]) -> bytes:
    return struct.pack(">H", len(packets)) + b"".join(struct.pack(">H", len(p)) + p for p in packets)


def packets_of(payload: bytes) -> list[Packet]:
    """The packets of a message; one that is not made of whole packets stands as it is."""
    found, at = [], 2
    while at + 2 <= len(payload):
        length = int.from_bytes(payload[at : at + 2], "big")
        found.append(payload[at + 2 : at + 2 + length])
        at += 2 + length
    return found if found and frame(found) == payload else [payload]


def recording(folder: Path, messages: Iterable[tuple[int, bytes]], *, start_ns: int = NINE) -> Path:
    """Record messages given as (milliseconds, payload); returns the feed's folder."""
    with JournalWriter(folder, FEED, ManualClock(start_ns), sync_interval_s=None) as writer:
        writer.append([(payload, start_ns + ms * MS, 1 << 16) for ms, payload in messages])
    return folder


def nine(folder: Path) -> Path:
    return folder / f"{FEED}_20250902_0900.bin"


def recorded(folder: Path, frames: Iterable[Frame]) -> Path:
    """Record frames; returns the `.bin` of nine o'clock."""
    path = nine(recording(folder, [(ms, frame(packets)) for ms, packets in frames]))
    if not path.exists():
        path.touch()
    return path


def united(a: Path, b: Path, out: Path, **more: Any) -> dict[str, Any]:
    """What merging two files tells."""
    given = {"files": Hasty(), **more}
    return merge([HourPaths.of(a)], [HourPaths.of(b)], OneFile(out), KitePackets(), **given).told({})


def records_of(path: Path) -> list[Record]:
    return list(read_file(path))


def all_packets(records: Iterable[Record]) -> list[tuple[int, Packet]]:
    """Every packet with the millisecond in which it was received."""
    return [((r.ts_recv_ns - NINE) // MS, packet) for r in records for packet in packets_of(r.payload)]


def by_token(packets: Iterable[tuple[int, Packet]]) -> dict[bytes, list[tuple[int, Packet]]]:
    found: dict[bytes, list[tuple[int, Packet]]] = {}
    for ms, packet in packets:
        found.setdefault(packet[:4], []).append((ms, packet))
    return found


def longest(a: Sequence[tuple[int, Any]], b: Sequence[tuple[int, Any]]) -> int:
    """The length of the longest common part, items being (time, content), by the table everybody learns."""
    row = [0] * (len(b) + 1)
    for at, item in a:
        before, row = row, [0]
        for j, (bt, other) in enumerate(b):
            same = item == other and abs(at - bt) <= WINDOW_MS
            row.append(before[j] + 1 if same else max(row[j], before[j + 1]))
    return row[-1]


def contains(whole: Sequence[Any], part: Sequence[Any]) -> bool:
    """Whether a sequence has another in it, in order."""
    rest = iter(whole)
    return all(any(item == other for other in rest) for item in part)
