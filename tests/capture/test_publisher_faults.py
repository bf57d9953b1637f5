"""The publishing service while a feed is recorded: killed, and with a Redis that is stopped, slow or killed.

`MUHURAT_REDIS_AWAY_S=60` makes each trouble last a minute, `MUHURAT_KILLS=100` kills so often; by default it is short.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from redis import Redis

from muhurat.capture.journal import HourPaths, JournalWriter, Record, hours_of, verify_hour
from muhurat.capture.stream_records import record_of
from muhurat.clock import SystemClock
from tests.capture.slow_relay import SlowRelay
from tests.capture.streams import STREAM, entries_in
from tests.capture.support import FEED, records_in
from tests.servers.processes import wait_until
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.servers, pytest.mark.slow]

AWAY_S = float(os.environ.get("MUHURAT_REDIS_AWAY_S", "1.2"))
KILLS = int(os.environ.get("MUHURAT_KILLS", "4"))
FRAME_BYTES = 59_522
FRAMES_PER_S = 100
MOST_GROWTH = 40 << 20
"""Bytes that the service may grow by while it is behind: two batches, a read of the journal, and some air."""


class Recorder:
    """A feed that is being recorded, in a thread of its own."""

    def __init__(self, journal: Path, make: Callable[[], list[bytes]], pause_s: float) -> None:
        self.journal = journal
        self._make = make
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._clock = SystemClock()
        self._writer = JournalWriter(journal, FEED, self._clock, sync_interval_s=None)
        self._thread = threading.Thread(target=self._record)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._writer.close()

    def _record(self) -> None:
        while not self._stop.wait(self._pause_s):
            self._writer.append([(payload, self._clock.now_ns(), 0) for payload in self._make()])


@contextmanager
def service(folder: Path, url: str, limit_mb: int) -> Iterator[subprocess.Popen[bytes]]:
    """`muhurat capture publish` on a desk; returns when it says that it is ready."""
    (folder / "desk.yaml").write_text(
        f"desk: {{name: x}}\nvenues: {{kite: {{}}}}\nstores: {{stream: '{url}'}}\n"
        f"feeds: {{{FEED}: {{venue: kite, universe: sensex_atm, publish_limit_mb: {limit_mb}}}}}\n"
    )
    command = [sys.executable, "-m", "muhurat", "capture", "publish"]
    environment = {**os.environ, "MUHURAT_READY_FD": "1"}
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, env=environment)
    try:
        assert process.stdout
        assert process.stdout.readline() == b"\n"
        yield process
    finally:
        process.kill()
        process.wait()


def finish(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def gauges(folder: Path, since: float = 0.0) -> dict[str, Any]:
    """What the service said last; behind by a million as long as it has said nothing since an instant."""
    word = json.loads((folder / "run" / "publish.status.json").read_bytes())
    found: dict[str, Any] = word["gauges"]
    return found if word["monotonic"] > since else found | {"behind_records": 1_000_000}


def published(redis: Redis) -> list[Record]:
    return [record_of(entry).record for entry in entries_in(redis, STREAM)]


def test_killed_again_and_again_it_neither_doubles_nor_leaves_out_a_record(
    tmp_path: Path, redis_server: RedisServer, redis_url: str
) -> None:
    chance, moments = random.Random(5), random.Random(6)
    journal = tmp_path / "data" / "raw_ticks" / FEED

    def some() -> list[bytes]:
        return [chance.randbytes(chance.choice((1, 200, 4_000))) for _ in range(chance.randrange(1, 20))]

    with Recorder(journal, some, 0.01):
        for _ in range(KILLS):
            with service(tmp_path, redis_url, 1000):
                time.sleep(moments.random() * 0.3)
    with service(tmp_path, redis_url, 1000) as last:
        finish(last)
    with redis_server.client() as redis:
        assert published(redis) == records_in(journal)


@contextmanager
def stopped(server: RedisServer, relay: SlowRelay) -> Iterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@contextmanager
def slowed(server: RedisServer, relay: SlowRelay) -> Iterator[None]:
    """What comes in a second takes about six."""
    relay.delay_s = 0.02
    try:
        yield
    finally:
        relay.delay_s = 0


@contextmanager
def killed(server: RedisServer, relay: SlowRelay) -> Iterator[None]:
    server.kill()
    try:
        yield
    finally:
        server.start()


Trouble = Callable[[RedisServer, SlowRelay], AbstractContextManager[None]]


@pytest.fixture
def relay(redis_server: RedisServer) -> Iterator[SlowRelay]:
    made = SlowRelay(redis_server.port)
    yield made
    made.close()


@pytest.mark.timeout(120 + 10 * AWAY_S)
@pytest.mark.parametrize("trouble", [stopped, slowed, killed])
def test_a_redis_in_trouble_costs_the_file_nothing_and_the_stream_goes_on_by_itself(
    tmp_path: Path, redis_server: RedisServer, redis_url: str, relay: SlowRelay, trouble: Trouble
) -> None:
    journal = tmp_path / "data" / "raw_ticks" / FEED
    limit_mb = max(2, round(AWAY_S * FRAMES_PER_S * FRAME_BYTES / 4e6))
    frame = random.Random(1).randbytes(FRAME_BYTES)
    url = redis_url.replace(str(redis_server.port), str(relay.port))
    with service(tmp_path, url, limit_mb) as process:
        watched = psutil.Process(process.pid)
        with Recorder(journal, lambda: [frame], 1 / FRAMES_PER_S):
            wait_until(lambda: gauges(tmp_path)["published_records"] > 20, "the first records")
            before = largest = watched.memory_info().rss
            with trouble(redis_server, relay):
                until, recorded = time.monotonic() + AWAY_S, len(records_in(journal))
                while time.monotonic() < until:
                    largest = max(largest, watched.memory_info().rss)
                    time.sleep(0.05)
                assert len(records_in(journal)) > recorded + 0.3 * AWAY_S * FRAMES_PER_S
            over = time.monotonic()
            wait_until(lambda: gauges(tmp_path, since=over)["behind_records"] < 5, "the way back")
            largest = max(largest, watched.memory_info().rss)
        finish(process)
        told = gauges(tmp_path)

    everything = records_in(journal)
    with redis_server.client() as redis:
        kept = published(redis)
        size: int = redis.memory_usage(STREAM, samples=0)
    print(f"{trouble.__name__} for {AWAY_S:g} s: RSS {before >> 20} MB, at most {largest >> 20} MB; {told}")
    by_place = {record.position: record for record in everything}
    assert all(by_place[record.position] == record for record in kept)
    assert kept[-1] == everything[-1]
    between = [record for record in everything if record.position >= kept[0].position]
    assert len(between) - len(kept) <= told["dropped_records"]
    assert told["dropped_records"] > 0
    assert len(kept) * FRAME_BYTES > 0.5e6 * limit_mb
    assert size <= 1.1e6 * limit_mb
    assert largest - before < MOST_GROWTH
    assert all(verify_hour(HourPaths(journal, FEED, hour)).sound for hour in hours_of(journal, FEED))
