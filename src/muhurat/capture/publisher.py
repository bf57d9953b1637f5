"""The service that publishes a feed's journal to a stream, for followers on other hosts.

It follows the journal like any other reader: nothing is published before it is in the file, and a stream that is slow
or away costs the recorder nothing. What was published is known by where it stands in the journal, so the service may
die at any moment and the next one goes on without doubling or leaving out an entry. Its memory holds a few batches of
512 KB, however far behind it is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, Self

from muhurat.capture.journal import JournalReader, Position, Record, saved_position
from muhurat.capture.journal.sizes import record_sizes
from muhurat.capture.publish_place import Place, place_of, skip
from muhurat.capture.stream_records import entries_of, id_of, position_of
from muhurat.clock import NS_PER_S, Clock
from muhurat.errors import StoreError
from muhurat.heartbeat import Heartbeat
from muhurat.log import get_logger
from muhurat.stores.base import Stream, StreamId, StreamState

READER: Final = "publish"
"""The name under which the service is registered with the journal."""

_RECORDS_AT_ONCE: Final = 2048
_BATCH_BYTES: Final = 1 << 19
_KEPT_BYTES: Final = 1 << 24
_UNDER_WAY: Final = 4
_LEAST_BATCH_BYTES: Final = 1 << 14
_LOOK_EVERY_S: Final = 0.1
_IDLE_S: Final = 0.2
_SAVE_EVERY_S: Final = 0.2
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_GOODBYE_S: Final = 5.0
_REPORT_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class PublishSettings:
    """Which journal to publish."""

    journal: Path
    feed: str


class _Batch(NamedTuple):
    """What is under way to the stream: behind which place it ends, and how much it is."""

    end: Position
    records: int
    bytes: int
    ts_recv_ns: int


def run(settings: PublishSettings, stream: Stream, clock: Clock, heartbeat: Heartbeat, stop: threading.Event) -> None:
    """Publish until `stop` is set, then what is left, as far as five seconds go. The caller closes the stream.

    A stream that cannot be reached is tried again, after longer and longer pauses of at most five seconds; raises
    `StoreError` for what no retry can mend.
    """
    with Publisher(settings, stream, clock, Random()) as publisher:
        publisher.report(heartbeat, now=True)
        heartbeat.ready()
        while not stop.is_set():
            if not publisher.step():
                publisher.wait(stop)
            publisher.report(heartbeat)
        publisher.finish()
        publisher.report(heartbeat, now=True)


class Publisher:
    """One feed's way into its stream. Counters are of this process."""

    def __init__(self, settings: PublishSettings, stream: Stream, clock: Clock, chance: Random) -> None:
        self.records = self.bytes = self.dropped_records = self.dropped_bytes = self.failures = 0
        self._settings = settings
        self._stream = stream
        self._clock = clock
        self._chance = chance
        self._wanted = saved_position(settings.journal, READER)
        self._reader = self._open(self._wanted)
        self._before: Position | None = None
        self._reached: Position | None = None
        self._connected = False
        self._under_way: deque[_Batch] = deque()
        self._most_bytes = self._batch_bytes = min(_BATCH_BYTES, stream.limit_bytes // 8)
        self._mean_bytes = _BATCH_BYTES
        self._last_ns = 0
        self._trouble = ""
        self._pause_s = 0.0
        self._retry_at = self._saved_at = self._looked_at = self._reported_at = float("-inf")
        self._log = get_logger(__name__)
        _keep_freed_memory()

    def step(self) -> bool:
        """Publish the next records; tells whether there were any."""
        try:
            return (self._connected or self._begin()) and self._publish()
        except (StoreError, OSError) as error:
            if getattr(error, "permanent", False):
                raise
            self._break_off(error)
            return False

    def wait(self, stop: threading.Event) -> None:
        """Wait for news of the journal, or for the time to try again."""
        if self._connected:
            self._reader.wait(_IDLE_S)
        else:
            stop.wait(max(0.01, min(_IDLE_S, self._retry_at - self._clock.monotonic())))

    def finish(self) -> None:
        """Publish what is left, unless the stream is away."""
        until = self._clock.monotonic() + _GOODBYE_S
        while self.step() and self._clock.monotonic() < until:
            pass

    def report(self, heartbeat: Heartbeat, *, now: bool = False) -> None:
        """Beat with the gauges, which cost something, only when it is time."""
        at = self._clock.monotonic()
        if now or at - self._reported_at >= _REPORT_EVERY_S:
            self._reported_at = at
            heartbeat.beat(self.detail(), now=now, **self.gauges())

    def detail(self) -> str:
        """A sentence for the heartbeat."""
        lost = f", {self.dropped_records:,} left out" if self.dropped_records else ""
        if self._trouble:
            return f"{self._trouble}: {self._behind()[0]:,} records wait in the journal{lost}"
        return f"{self.records:,} records published to {self._stream.name}{lost}"

    def gauges(self) -> dict[str, Any]:
        """The state in numbers; the lag is desk time, since the newest record of the stream was received."""
        records, size = self._behind()
        lag_ns = self._clock.now_ns() - self._last_ns if records and self._last_ns else 0
        return {
            "feed": self._settings.feed,
            "stream": self._stream.name,
            "state": "away" if self._trouble else "connected" if self._connected else "waiting for the first record",
            "published_records": self.records,
            "published_bytes": self.bytes,
            "dropped_records": self.dropped_records,
            "dropped_bytes": self.dropped_bytes,
            "behind_records": records,
            "behind_bytes": size,
            "lag_s": round(max(0, lag_ns) / NS_PER_S, 3),
            "stream_bytes": self._stream.used_bytes(),
            "limit_bytes": self._stream.limit_bytes,
            "failures": self.failures,
        }

    def close(self) -> None:
        """Keep the place and let go of the journal."""
        self._save(now=True)
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _begin(self) -> bool:
        """Look how far the stream is and go on there; false while it is not time, or nothing has been recorded."""
        if self._clock.monotonic() < self._retry_at:
            return False
        state = self._stream.look()
        place = place_of(state, self._stream.name, self._settings.journal, self._settings.feed)
        if place is None:
            self._retry_at = self._clock.monotonic() + _IDLE_S
            return False
        self._stream.holds(self._held(state))
        self._acknowledged(sum(batch.end <= place.start for batch in self._under_way))
        self._under_way.clear()
        if place.last is not None:
            self._wanted = max(self._wanted or place.start, place.start)
            self._reached = place.start
        self._go_to(place)
        if self._trouble:
            self._log.info("the stream is there again", stream=self._stream.name, at=str(place.start))
        self._trouble, self._connected = "", True
        return True

    def _held(self, state: StreamState) -> Iterator[tuple[StreamId, int]]:
        """The entries that are in the stream, by what the journal knows of them."""
        first = position_of(state.first_id) if state.first_id is not None else None
        if first is None or state.last_id is None:
            return
        for position, size in record_sizes(self._settings.journal, self._settings.feed, first):
            entry = id_of(position)
            if entry > state.last_id:
                return
            yield entry, size

    def _publish(self) -> bool:
        self._keep_up()
        records = self._read()
        for batch in self._batches(records):
            self._stream.append(entries_of(batch, self._settings.feed, self._before))
            last = batch[-1]
            size = sum(len(record.payload) for record in batch)
            end = Position(last.position.hour, last.position.ordinal + 1)
            self._under_way.append(_Batch(end, len(batch), size, last.ts_recv_ns))
            self._before = last.position
            self._acknowledged(self._stream.settle(_UNDER_WAY))
        if not records:
            self._acknowledged(self._stream.settle())
        self._save()
        return bool(records)

    def _read(self) -> list[Record]:
        """About a batch of records: the server takes the ones before while the next is read."""
        records = self._reader.read_records(max(1, min(_RECORDS_AT_ONCE, self._batch_bytes // self._mean_bytes)))
        if records:
            self._mean_bytes = 1 + sum(len(record.payload) for record in records) // len(records)
        return records

    def _batches(self, records: list[Record]) -> Iterator[list[Record]]:
        batch: list[Record] = []
        size = 0
        for record in records:
            if batch and size + len(record.payload) > self._batch_bytes:
                yield batch
                batch, size = [], 0
            batch.append(record)
            size += len(record.payload)
        if batch:
            yield batch

    def _acknowledged(self, batches: int) -> None:
        """So many of the oldest batches are in the stream."""
        for _ in range(batches):
            batch = self._under_way.popleft()
            self.records += batch.records
            self.bytes += batch.bytes
            self._last_ns = batch.ts_recv_ns
            self._wanted = max(self._wanted or batch.end, batch.end)
            self._reached = batch.end
        if batches:
            self._pause_s = 0.0
            self._batch_bytes = min(self._most_bytes, 2 * self._batch_bytes)

    def _keep_up(self) -> None:
        """Leave out what the stream would not hold any more by the time all the rest is in it."""
        at = self._clock.monotonic()
        if at - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = at
        if self._reader.behind()[1] <= self._stream.limit_bytes:
            return
        self._acknowledged(self._stream.settle())
        here = Place(self._reader.position, self._before)
        found = skip(self._stream, self._settings.journal, self._settings.feed, here, self._wanted)
        if found.start == here.start:
            return
        self._go_to(Place(found.start, found.last))
        self._reached = found.start
        self.dropped_records += found.records
        self.dropped_bytes += found.bytes
        if found.records:
            left_out = {"records": found.records, "bytes": found.bytes, "from": str(here.start), "to": str(found.start)}
            self._log.warning("the stream is too far behind, records are left out", **left_out)

    def _go_to(self, place: Place) -> None:
        self._reader.close()
        self._reader = self._open(place.start)
        self._before = place.last

    def _open(self, start: Position | None) -> JournalReader:
        return JournalReader(self._settings.journal, self._settings.feed, start, name=READER)

    def _behind(self) -> tuple[int, int]:
        """Records and bytes that are in the journal and not, for all we know, in the stream."""
        records, size = self._reader.behind()
        return (
            records + sum(batch.records for batch in self._under_way),
            size + sum(batch.bytes for batch in self._under_way),
        )

    def _save(self, *, now: bool = False) -> None:
        """Keep the place behind what was acknowledged, not too often: the stream knows it better."""
        at = self._clock.monotonic()
        if self._reached is None or (not now and at - self._saved_at < _SAVE_EVERY_S):
            return
        self._saved_at = at
        with suppress(OSError):  # a full disk must not end the publishing
            self._reader.save(self._reached)

    def _break_off(self, error: Exception) -> None:
        """The stream is away: try again after a pause, with less at once."""
        if not self._trouble:
            self._log.warning("the stream cannot be written, the journal waits", error=str(error))
        self._trouble, self._connected = str(error), False
        self.failures += 1
        self._batch_bytes = max(_LEAST_BATCH_BYTES, self._batch_bytes // 2)
        self._pause_s = min(_LONGEST_PAUSE_S, max(_FIRST_PAUSE_S, 2 * self._pause_s))
        self._retry_at = self._clock.monotonic() + self._pause_s * self._chance.uniform(0.5, 1.0)


def _keep_freed_memory() -> None:
    """Let the C library keep what one batch leaves for the next, instead of giving it back to the system each time.

    glibc takes the size of the largest block that was ever freed for its measure; new pages for every batch would cost
    more than all the copying. The block is never written to, so it takes no memory.
    """
    bytes(_KEPT_BYTES)
