"""Merging two recordings of one feed; the baseline reads the same bytes and writes as many as come out, checked.

Both recordings are of 320 instruments in mode full, once a second, one moment per record or a little more or less: the
two connections cut the stream at different places, and each misses one packet in a hundred. Each packet is unlike any
other, as its exchange's time and volume make it. The baseline takes a crc32 of everything it reads and of everything
it writes, in blocks as long as a record, and brings it to the disk at the end, as the merge does.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks import Result, faster
from muhurat.capture.journal import HourPaths, JournalWriter, hour_name, verify_hour
from muhurat.capture.merge import OneFile, merge
from muhurat.clock import SystemClock
from muhurat.venues.kite.packets import KitePackets

INSTRUMENTS, MOMENTS, MISSED = 320, 2_000, 0.01
START_NS = 1_756_784_700 * 10**9  # 2025-09-02 09:15 IST
FLOOR_MB, BAR = 300, 0.15
SIDES = (("a", 0), ("b", 3_000_000))
"""Name of a recording, and how many nanoseconds later it receives."""
ROUNDS = 5
BLOCK = 59_522

Packets = NDArray[np.uint8]


def run() -> list[Result]:
    """Bytes of input per second, against the bare reading and writing, and against the floor in MB/s."""
    with TemporaryDirectory(prefix="muhurat-bench-") as folder:
        return measured(Path(folder))


def measured(folder: Path) -> list[Result]:
    packets = feed()
    chance = np.random.default_rng(320)
    sides = [recorded(folder / name, packets[chance.random(len(packets)) > MISSED], late) for name, late in SIDES]
    size = sum(side.bin.stat().st_size for side in sides)
    turns = [(bare(sides, folder / "bare.bin", size // 2), merged(sides, folder / "out.bin")) for _ in range(ROUNDS)]
    baseline, ours = (size / median(seconds) / 1e6 for seconds in zip(*turns, strict=True))
    ratio = median(theirs / mine for theirs, mine in turns)
    note = f"{2 * ours * len(packets) / size:.1f} million packets/s; the floor is the baseline"
    return [
        faster("merge two journals, 59.5 KB", ours=ours, baseline=FLOOR_MB, bar=1, unit="MB/s", note=note),
        Result("merge beside bare copying", ratio, BAR, "MB/s", ours, baseline),
    ]


def feed() -> Packets:
    """All packets in the order in which the venue sends them."""
    chance = np.random.default_rng(1)
    packets = np.tile(chance.integers(0, 256, (INSTRUMENTS, 184), np.uint8), (MOMENTS, 1))
    number = np.arange(len(packets))
    moment = number // INSTRUMENTS
    order = np.argsort(chance.random((MOMENTS, INSTRUMENTS)), axis=1).ravel()
    put(packets, 0, order << 8 | 2)
    put(packets, 4, chance.integers(10_000, 20_000, len(packets)))
    put(packets, 16, moment * 75)
    put(packets, 60, moment + START_NS // 10**9)
    return packets


def put(packets: Packets, at: int, values: NDArray[np.int64]) -> None:
    """Set the four-byte field that begins at a byte."""
    packets[:, at : at + 4] = values.astype(">u4").view(np.uint8).reshape(-1, 4)


def recorded(folder: Path, packets: Packets, late_ns: int) -> HourPaths:
    """Record what one connection received, in messages of its own."""
    writer = JournalWriter(folder, "bench", SystemClock(), sync_interval_s=None)
    first = int.from_bytes(packets[0, 60:64].tobytes(), "big")
    for part in messages(packets, np.random.default_rng(late_ns)):
        seconds = int.from_bytes(part[-1, 60:64].tobytes(), "big") - first
        framed = np.concatenate((np.full((len(part), 2), (0, 184), np.uint8), part), axis=1)
        payload = struct.pack(">H", len(part)) + framed.tobytes()
        writer.append([(payload, START_NS + seconds * 10**9 + late_ns, 1 << 16)])
    writer.close()
    return HourPaths(folder, "bench", hour_name(START_NS))


def messages(packets: Packets, chance: np.random.Generator) -> Iterator[Packets]:
    at = 0
    while at < len(packets):
        count = int(chance.integers(INSTRUMENTS - 8, INSTRUMENTS + 9))
        yield packets[at : at + count]
        at += count


def merged(sides: list[HourPaths], out: Path) -> float:
    started = perf_counter()
    report = merge(sides[:1], sides[1:], OneFile(out), KitePackets())
    taken = perf_counter() - started
    assert report.both > 0.97 * INSTRUMENTS * MOMENTS
    assert verify_hour(HourPaths.alone(out, hour_name(START_NS))).sound
    for path in (out, out.with_suffix(".ctl"), out.with_suffix(".idx")):
        path.unlink()
    return taken


def bare(sides: list[HourPaths], out: Path, most: int) -> float:
    """Read everything, write the first `most` bytes of it."""
    started = perf_counter()
    with out.open("wb", buffering=0) as written:
        for side in sides:
            with side.bin.open("rb", buffering=0) as read:
                while block := read.read(BLOCK):
                    zlib.crc32(block)
                    if most > 0:
                        zlib.crc32(block)
                        written.write(block)
                        most -= len(block)
        os.fdatasync(written.fileno())
    taken = perf_counter() - started
    out.unlink()
    return taken


if __name__ == "__main__":
    print(run())
