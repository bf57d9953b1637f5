"""Appending to the journal, beside the least that could do the same: `writev`, a checksum, a 32-byte row.

The baseline writes the very same bytes in the same batches: header and payload by one `writev` per batch, a crc32 of
every payload, and the batch's index rows by one `write`. Neither side synchronises with the disk here: in the journal
a thread does that once a second. Both go to the same file system, in turns.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from struct import Struct
from tempfile import TemporaryDirectory

from benchmarks import Result, faster
from muhurat.capture.journal import JournalReader, JournalWriter
from muhurat.clock import SystemClock

HEADER, ROW = Struct(">QI"), Struct("<QQIIII")
Message = tuple[bytes, int, int]
Batches = Sequence[Sequence[Message]]

BAR = 0.8
ROUNDS = 9
CASES = (("59.5 KB", 59_522, 17, 3_400), ("200 B", 200, 256, 307_200))
"""Name, bytes of a message, messages of a batch (about 1 MiB or 256), messages in all."""


def run() -> list[Result]:
    """Records per second at a full Kite frame and at a small message."""
    return [measured(*case) for case in CASES]


def measured(name: str, size: int, batch: int, count: int) -> Result:
    batches = made(size, batch, count)
    ours, baseline = [], []
    for _ in range(ROUNDS):
        baseline.append(rate(plain, batches))
        ours.append(rate(journal, batches))
    note = f"{median(ours) * (size + 12) / 1e6:,.0f} MB/s, batches of {batch}"
    return faster(
        f"journal append, {name}", ours=median(ours), baseline=median(baseline), bar=BAR, unit="records/s", note=note
    )


def made(size: int, batch: int, count: int) -> Batches:
    """Batches of messages a microsecond apart."""
    payload, start_ns = os.urandom(size), SystemClock().now_ns()
    return [
        [(payload, start_ns + 1000 * n, 0) for n in range(first, first + batch)] for first in range(0, count, batch)
    ]


def rate(write: Callable[[Path, Batches], float], batches: Batches) -> float:
    """Messages per second of one way of writing, in a fresh folder."""
    with TemporaryDirectory(prefix="muhurat-bench-") as folder:
        return sum(map(len, batches)) / write(Path(folder), batches)


def journal(folder: Path, batches: Batches) -> float:
    writer = JournalWriter(folder, "bench", SystemClock(), sync_interval_s=None)
    started = time.perf_counter()
    for batch in batches:
        writer.append(batch)
    taken = time.perf_counter() - started
    writer.close()
    with JournalReader(folder, "bench") as reader:
        assert reader.read(1)
    return taken


def plain(folder: Path, batches: Batches) -> float:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    data, index = os.open(folder / "plain.bin", flags), os.open(folder / "plain.idx", flags)
    started, offset = time.perf_counter(), 0
    for batch in batches:
        buffers: list[bytes] = []
        rows: list[bytes] = []
        for payload, ts_ns, mark in batch:
            length = len(payload)
            buffers.append(HEADER.pack(ts_ns // 1_000_000, length))
            buffers.append(payload)
            rows.append(ROW.pack(offset, ts_ns, 0, zlib.crc32(payload), length, mark))
            offset += 12 + length
        os.writev(data, buffers)
        os.write(index, b"".join(rows))
    taken = time.perf_counter() - started
    os.close(data)
    os.close(index)
    return taken
