"""What tests of publisher and follower share: a journal that grows, its stream, and what is in it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from redis import Redis

from muhurat.capture.journal import JournalWriter, Record
from muhurat.capture.publisher import Publisher, PublishSettings
from muhurat.capture.stream_records import FIELDS, record_of
from muhurat.clock import ManualClock
from muhurat.stores.base import Stream, StreamEntry
from muhurat.stores.redis.reading import entry_of, raw_id
from muhurat.stores.registry import open_stream
from tests.capture.support import FEED, MS, NINE, records_in

STREAM = "ticks:raw:desk"
MB = 1_000_000


class Recording:
    """A feed's journal on one side, its stream on the other."""

    def __init__(self, folder: Path, url: str, *, limit_bytes: int = 16 * MB, stream: str = STREAM) -> None:
        self.folder = folder
        self.url = url
        self.journal = folder / "raw_ticks"
        self.clock = ManualClock(NINE)
        self.name = stream
        self.limit_bytes = limit_bytes
        self.settings = PublishSettings(self.journal, FEED)
        self.writer = JournalWriter(self.journal, FEED, self.clock, sync_interval_s=None)
        self.redis: Redis = Redis.from_url(url)

    def record(self, *payloads: bytes, at_ns: int = NINE, flags: int = 0) -> None:
        self.writer.append([(payload, at_ns + number * MS, flags) for number, payload in enumerate(payloads)])

    def stream(self) -> Stream:
        return open_stream(self.url, self.name, fields=FIELDS, limit_bytes=self.limit_bytes)

    def publisher(self) -> Publisher:
        return Publisher(self.settings, self.stream(), self.clock, random.Random(1))

    def publish(self) -> dict[str, Any]:
        """Run a publisher over what is there; returns its last gauges."""
        with self.publisher() as publisher:
            while publisher.step():
                pass
            return publisher.gauges()

    def recorded(self) -> list[Record]:
        return records_in(self.journal)

    def entries(self) -> list[StreamEntry]:
        return entries_in(self.redis, self.name)

    def published(self) -> list[Record]:
        return [record_of(entry).record for entry in self.entries()]

    def close(self) -> None:
        self.writer.close()
        self.redis.close()


def entries_in(redis: Redis, name: str) -> list[StreamEntry]:
    found: list[StreamEntry] = []
    after = "-"
    while raw := list(redis.xrange(name, after, count=1000)):
        found += [entry_of(each) for each in raw]
        after = f"({raw_id(found[-1].id)}"
    return found


def payloads(count: int, size: int = 200, seed: int = 1) -> list[bytes]:
    chance = random.Random(seed)
    return [chance.randbytes(chance.randrange(1, 2 * size)) for _ in range(count)]
