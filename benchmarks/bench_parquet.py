"""From a journal of full messages to Parquet; the baseline is pyarrow writing the same columns, zstd, from memory.

The journal has 320 instruments, as the widest feed does, at four messages a second. The baseline starts from finished
Arrow columns and neither reads, checks, decodes nor synchronises anything. Both are the best of a few runs in turn. The
service decodes and writes at the same time, which takes a second core.
"""

from __future__ import annotations

import struct
import threading
from datetime import date, time
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks import Result, faster
from muhurat.capture.decode_service import DecodeSettings
from muhurat.capture.decode_service import run as decode
from muhurat.capture.journal import JournalWriter
from muhurat.clock import ManualClock, SystemClock, ist_ns
from muhurat.heartbeat import Heartbeat
from muhurat.stores.parquet import ParquetTickStore
from muhurat.venues.kite.decode import decode_message

FEED: Final = "bench"
NINE: Final = ist_ns(date(2025, 9, 2), time(9, 0))
INSTRUMENTS: Final = 320
MESSAGES: Final = 6_000
REPEAT: Final = 4
_INDEX: Final = struct.Struct(">HIIIIIIII")


def run() -> list[Result]:
    """Only full packets; and with 3 % of index packets strewn among them, whose rows are sorted in again."""
    return [
        _measured("decode + Parquet, 320 instruments", 0, bar=0.8),
        _measured("decode + Parquet, 310 and 10 indices", 10, bar=0.6),
    ]


def _measured(name: str, indices: int, *, bar: float) -> Result:
    with TemporaryDirectory() as made:
        folder = Path(made)
        _record(folder / "raw", indices)
        taken, bare = [], []
        for number in range(REPEAT):
            kept = folder / str(number)
            taken.append(_decode(folder, kept))
            bare.append(_bare(kept, folder / "bare.parquet"))
    rows = MESSAGES * INSTRUMENTS / 1000
    ours, baseline = rows / min(taken), rows / min(bare)
    return faster(name, ours=ours, baseline=baseline, bar=bar, unit="k rows/s", note="bare pyarrow, same columns")


def _decode(folder: Path, kept: Path) -> float:
    """Seconds the decode service takes for the whole journal, until everything is durable and tidy."""
    clock, stop = SystemClock(), threading.Event()
    stop.set()
    (folder / "raw" / "readers" / "decode.json").unlink(missing_ok=True)
    settings = DecodeSettings(folder / "raw", FEED, folder / "universe", folder / "live.json")
    started = perf_counter()
    with ParquetTickStore(kept, clock, universe=folder / "universe") as store:
        decode(settings, decode_message, store, clock, Heartbeat("decode", folder / "run", clock), stop)
    return perf_counter() - started


def _bare(kept: Path, out: Path) -> float:
    """Seconds pyarrow takes to write the same rows with its own defaults and zstd."""
    parts = sorted(kept.rglob("*.parquet"))
    table = pa.concat_tables([pq.read_table(part, partitioning=None) for part in parts]).combine_chunks()
    if len(table) != MESSAGES * INSTRUMENTS:
        raise AssertionError(f"{len(table)} rows were kept")
    started = perf_counter()
    pq.write_table(table, out, compression="zstd")
    return perf_counter() - started


def _record(folder: Path, indices: int) -> None:
    chance = np.random.default_rng(1)
    price = chance.integers(1_000, 100_000, INSTRUMENTS - indices)
    volume = np.zeros_like(price)
    with JournalWriter(folder, FEED, ManualClock(NINE), sync_interval_s=None) as writer:
        for number in range(MESSAGES):
            price = np.maximum(price + chance.integers(-2, 3, len(price)) * 5, 50)
            volume = volume + chance.integers(0, 5, len(price)) * 25
            at_ns = NINE + number * 250_000_000
            writer.append([(_message(price, volume, at_ns // 10**9, indices, chance), at_ns, 0)])


def _message(
    price: NDArray[np.int64], volume: NDArray[np.int64], at_s: int, indices: int, chance: np.random.Generator
) -> bytes:
    """A message of mode full: prices that wander, five levels a side, indices in the middle."""
    words = np.zeros((len(price), 46), np.int64)
    words[:, 0] = np.arange(len(price)) << 8 | 2
    words[:, [1, 3, 7, 8, 9, 10]] = price[:, None]
    words[:, [4, 5, 6, 12, 13, 14]] = volume[:, None]
    words[:, 2] = 25
    words[:, [11, 15]] = at_s
    words[:, 16::3] = chance.integers(1, 200, (len(price), 10)) * 25
    words[:, 17::3] = price[:, None] + np.array([-5, -10, -15, -20, -25, 5, 10, 15, 20, 25])
    words[:, 18::3] = chance.integers(1, 30, (len(price), 10)) << 16
    packets = np.zeros((len(price), 186), np.uint8)
    packets[:, 1] = 184
    packets[:, 2:] = words.astype(">u4").view(np.uint8)
    half = len(price) // 2
    index = [
        _INDEX.pack(32, one << 8 | 9, 8_000_000 + at_s % 997, 8, 8, 8, 8_000_000, 0, at_s) for one in range(indices)
    ]
    return b"".join(
        [(len(price) + indices).to_bytes(2, "big"), packets[:half].tobytes(), *index, packets[half:].tobytes()]
    )
