"""Compressing an hour, beside bare zstandard on the same bytes; and a past minute out of archive and raw file.

The hour has 59.5 KB messages of 320 packets, one a second, as a Kite feed does. The baseline reads the file in pieces
of 1 MiB and compresses each at the same level with its checksum, and does nothing with the frames. Ours also writes
them with their table, and brings the file to the disk. Both are measured in turns; the ratio is the median over them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from zstandard import ZstdCompressor

from benchmarks import Result, seconds, within
from benchmarks.bench_decode import message
from muhurat.capture.archive.compress import compress_hour
from muhurat.capture.journal import HourPaths, JournalWriter, hour_name, hour_start_ns, verify_hour
from muhurat.capture.journal.data import pieces, write_part
from muhurat.capture.journal.files import Files
from muhurat.capture.journal.offline import read_between
from muhurat.capture.journal.seekable import FRAME_BYTES, LEVEL, seekable
from muhurat.clock import NS_PER_S, SystemClock

BAR: Final = 0.8
MINUTE_BAR_S: Final = 0.5
TURNS: Final = 7
MESSAGES: Final = 1800
"""Half an hour's, about 107 MB."""


def run() -> list[Result]:
    """MB/s of compressing, and seconds until a minute in the middle has been read."""
    with TemporaryDirectory(prefix="muhurat-bench-") as folder:
        paths = recorded(Path(folder))
        megabytes = paths.bin.stat().st_size / 1e6
        part = paths.zst.with_suffix(".part")
        turns = [
            (
                megabytes / taken(lambda: write_part(part, seekable(pieces(paths.bin)), Files())),
                megabytes / taken(lambda: bare(paths.bin)),
            )
            for _ in range(TURNS)
        ]
        part.unlink()
        whole = megabytes / taken(lambda: compress_hour(paths))
        smaller = paths.bin.stat().st_size / paths.zst.stat().st_size
        note = f"{smaller:.1f}:1; verified {whole:,.0f} MB/s"
        ours, baseline = (median(column) for column in zip(*turns, strict=True))
        ratio = median(mine / theirs for mine, theirs in turns)
        return [
            Result("compress an hour", ratio, BAR, "MB/s", ours, baseline, note),
            minute(paths),
        ]


def minute(paths: HourPaths) -> Result:
    """The same sixty messages out of the archive, and out of the raw file."""
    archived = HourPaths(paths.bin.parent, paths.feed, paths.hour)
    archived.bin = paths.zst
    begin = hour_start_ns(paths.hour) + MESSAGES // 2 * NS_PER_S
    assert len(read(archived, begin)) == 60
    assert read(archived, begin) == read(paths, begin)
    ours, baseline = (seconds(partial(read, hour, begin)) for hour in (archived, paths))
    return within(
        "read a past minute from .bin.zst", ours=ours, baseline=baseline, bar=MINUTE_BAR_S, unit="s", note="vs .bin"
    )


def read(paths: HourPaths, begin_ns: int) -> list[object]:
    return list(read_between(paths, begin_ns, begin_ns + 60 * NS_PER_S))


def recorded(folder: Path) -> HourPaths:
    """Prices that differ from message to message, in one and the same set of instruments."""
    chance = random.Random(5)
    frames = [message(chance, 320, 10) for _ in range(60)]
    clock = SystemClock()
    start = hour_start_ns(hour_name(clock.now_ns()))
    with JournalWriter(folder, "bench", clock, sync_interval_s=None) as writer:
        for second in range(MESSAGES):
            writer.append([(changed(frames[second % 60], second), start + second * NS_PER_S, 0)])
    paths = HourPaths(folder, "bench", hour_name(start))
    assert verify_hour(paths).records == MESSAGES
    return paths


def changed(frame: bytes, second: int) -> bytes:
    """A frame in which every packet has a time and a volume of its own second."""
    made = bytearray(frame)
    for at in range(2 + 2 + 44, len(made) - 4, 186):
        made[at : at + 4] = (1_791_431_409 + second).to_bytes(4, "big")
    return bytes(made)


def bare(path: Path) -> None:
    compress = ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True).compress
    with path.open("rb") as file:
        while piece := file.read(FRAME_BYTES):
            compress(piece)


def taken(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
