"""From a journal into a Redis stream, the whole way; the baseline is redis-py's pipeline adding the same payloads.

The baseline has its payloads in memory, adds them under the one field `data` with IDs of Redis's own, without a
transaction, in pipelines of the length that suits it, and reads the answers with hiredis. Ours reads and checks the
journal, adds every field a follower needs, trims, and keeps its place. Both go to the same private server, in turns,
each into an empty one.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from datetime import time as time_of_day
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from redis import Redis
from redis.exceptions import RedisError

from benchmarks import Result, faster
from muhurat.capture.journal import JournalWriter
from muhurat.capture.publisher import Publisher, PublishSettings
from muhurat.capture.stream_records import FIELDS
from muhurat.clock import ManualClock, SystemClock, ist_ns
from muhurat.stores.registry import open_stream

FEED: Final = "bench"
STREAM: Final = "ticks:raw:bench"
NINE: Final = ist_ns(date(2025, 9, 2), time_of_day(9, 0))
BAR: Final = 0.8
ROUNDS: Final = 7
LIMIT_BYTES: Final = 1 << 30
CASES: Final = (("59.5 KB", 59_522, 10, 5_000), ("200 B", 200, 200, 150_000))
"""Name, bytes of a message, entries of the baseline's pipelines, messages in all."""


def run() -> list[Result]:
    """Entries per second at a full Kite frame and at a small message."""
    with TemporaryDirectory(prefix="muhurat-bench-") as folder, _server(Path(folder)) as url:
        return [_measured(url, Path(folder) / name.replace(" ", ""), name, *case) for name, *case in CASES]


def _measured(url: str, folder: Path, name: str, size: int, pipeline: int, count: int) -> Result:
    payload = os.urandom(size)
    _record(folder / "raw", payload, count)
    ours, bare = [], []
    for _ in range(ROUNDS):
        bare.append(count / _bare(url, payload, pipeline, count))
        ours.append(count / _published(url, folder, count))
    note = f"{median(ours) * size / 1e6:,.0f} MB/s; bare XADD, pipelines of {pipeline}"
    return faster(
        f"journal to Redis stream, {name}",
        ours=median(ours),
        baseline=median(bare),
        bar=BAR,
        unit="records/s",
        note=note,
    )


def _record(folder: Path, payload: bytes, count: int) -> None:
    with JournalWriter(folder, FEED, ManualClock(NINE), sync_interval_s=None) as writer:
        for first in range(0, count, 100):
            writer.append([(payload, NINE + 1000 * number, 0) for number in range(first, first + 100)])


def _bare(url: str, payload: bytes, pipeline: int, count: int) -> float:
    with Redis.from_url(url) as redis:
        redis.flushall()
        started = time.perf_counter()
        with redis.pipeline(transaction=False) as together:
            for _ in range(0, count, pipeline):
                for _ in range(pipeline):
                    together.xadd(STREAM, {"data": payload})
                together.execute()
        return time.perf_counter() - started


def _published(url: str, folder: Path, count: int) -> float:
    """Seconds the service takes for the whole journal, until every entry is acknowledged and the place kept."""
    (folder / "raw" / "readers" / "publish.json").unlink(missing_ok=True)
    with Redis.from_url(url) as redis:
        redis.flushall()
        stream = open_stream(url, STREAM, fields=FIELDS, limit_bytes=LIMIT_BYTES)
        settings = PublishSettings(folder / "raw", FEED)
        started = time.perf_counter()
        with Publisher(settings, stream, SystemClock(), Random(1)) as publisher:
            while publisher.step():
                pass
        taken = time.perf_counter() - started
        stream.close()
        if redis.xlen(STREAM) != count:
            raise AssertionError(f"{redis.xlen(STREAM)} of {count} entries were published")
    return taken


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """A private server that keeps nothing on disk."""
    program = shutil.which("redis-server")
    if program is None:
        raise FileNotFoundError("redis-server is not installed: tests/servers/install.sh does that")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([*command, "--dir", str(folder)], stdout=subprocess.DEVNULL)
    try:
        url = f"redis://127.0.0.1:{port}/0"
        _wait_for(url)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(url: str) -> None:
    until = time.monotonic() + 10
    with Redis.from_url(url) as redis:
        while True:
            try:
                redis.ping()
            except RedisError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return
