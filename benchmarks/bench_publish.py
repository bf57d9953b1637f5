"""From a journal into a Redis stream, the whole way; the baseline is redis-py's pipeline adding the same payloads.

The baseline has its payloads in memory, adds them under the one field `data` with IDs of Redis's own, without a
transaction, in pipelines of the length that suits it, and reads the answers with hiredis. Ours reads and checks the
journal, adds every field a follower needs, trims, and keeps its place. Both streams are full, as they are all day: each
holds about 128 MB, the baseline's by `MAXLEN ~`. They are on the same private server, and written to in turns.
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
BARE: Final = "ticks:raw:bare"
NINE: Final = ist_ns(date(2025, 9, 2), time_of_day(9, 0))
HOUR_NS: Final = 3600 * 10**9
BAR: Final = 0.8
ROUNDS: Final = 9
LIMIT_BYTES: Final = 128_000_000
CASES: Final = (("59.5 KB", 59_522, 10, 1_800), ("200 B", 200, 200, 150_000))
"""Name, bytes of a message, entries of the baseline's pipelines, messages of a round."""


def run() -> list[Result]:
    """Entries per second at a full Kite frame and at a small message."""
    with TemporaryDirectory(prefix="muhurat-bench-") as folder, _server(Path(folder)) as url:
        return [_measured(url, Path(folder) / name.replace(" ", ""), name, *case) for name, *case in CASES]


def _measured(url: str, folder: Path, name: str, size: int, pipeline: int, count: int) -> Result:
    payload = os.urandom(size)
    bare, ours = [], []
    stream = open_stream(url, STREAM, fields=FIELDS, limit_bytes=LIMIT_BYTES)
    settings = PublishSettings(folder, FEED)
    with Redis.from_url(url) as redis, Publisher(settings, stream, SystemClock(), Random(1)) as publisher:
        redis.flushall()
        for number in range(ROUNDS + 1):
            _record(folder, payload, number, count)
            bare.append(count / _bare(redis, payload, pipeline, count))
            ours.append(count / _published(publisher))
        added = redis.xinfo_stream(STREAM)["entries-added"]
        if not added == publisher.records == count * (ROUNDS + 1):
            raise AssertionError(f"{publisher.records} of {count * (ROUNDS + 1)} records were published, {added} came")
    stream.close()
    middle, baseline = median(ours[1:]), median(bare[1:])
    note = f"{middle * size / 1e6:,.0f} MB/s; bare XADD, pipelines of {pipeline}"
    name = f"journal to Redis stream, {name}"
    return faster(name, ours=middle, baseline=baseline, bar=BAR, unit="records/s", note=note)


def _record(folder: Path, payload: bytes, hour: int, count: int) -> None:
    start_ns = NINE + hour * HOUR_NS
    with JournalWriter(folder, FEED, ManualClock(start_ns), sync_interval_s=None) as writer:
        for first in range(0, count, 100):
            writer.append([(payload, start_ns + 1000 * number, 0) for number in range(first, first + 100)])


def _bare(redis: Redis, payload: bytes, pipeline: int, count: int) -> float:
    most = LIMIT_BYTES // (len(payload) + 100)
    started = time.perf_counter()
    with redis.pipeline(transaction=False) as together:
        for _ in range(0, count, pipeline):
            for _ in range(pipeline):
                together.xadd(BARE, {"data": payload}, maxlen=most, approximate=True)
            together.execute()
    return time.perf_counter() - started


def _published(publisher: Publisher) -> float:
    """Seconds until every record that is in the journal is acknowledged and the place kept."""
    started = time.perf_counter()
    while publisher.step():
        pass
    return time.perf_counter() - started


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
