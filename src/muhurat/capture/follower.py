"""Follow a stream of records on any host: the same records, in the same order, as in the journal they came from.

A follower is one consumer of a group. It acknowledges an entry after its ticks were kept, so one that dies gets it
again, and `seq` shows that it is the same. What the stream no longer holds is told as a gap, never passed over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from random import Random
from typing import Final, NamedTuple, Protocol

from muhurat.capture.journal import Position, Record
from muhurat.capture.stream_records import ForeignEntry, StreamedRecord, id_of, position_of, record_of
from muhurat.capture.tick_columns import decode_records
from muhurat.capture.token_names import DayNames
from muhurat.clock import Clock
from muhurat.errors import StoreError
from muhurat.model.tick import MessageDecoder
from muhurat.stores.base import StreamEntry, StreamGroup, StreamId, TickStore

_AT_ONCE: Final = 128
_WAIT_S: Final = 0.5
_KEEP_EVERY_S: Final = 1.0
_KEEP_AT_LEAST: Final = 1024
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0


class Gap(NamedTuple):
    """Entries that the stream no longer held: those behind `after` and before `until`; `records` if it is known."""

    after: Position | None
    until: Position
    records: int | None
    why: str

    def __str__(self) -> str:
        many = "an unknown number of records" if self.records is None else f"{self.records:,} records"
        return f"gap before {self.until}: {many} behind {self.after}, {self.why}"


class Sink(Protocol):
    """Where a follower's records go."""

    def take(self, feed: str, records: Sequence[Record]) -> None:
        """Records of one feed and hour, in order."""

    def keep(self) -> None:
        """Make what was taken safe; on return its entries may be acknowledged. Raises `StoreError`."""


class StoreSink:
    """Decodes records into a tick store, as the decode service does."""

    def __init__(self, store: TickStore, decode: MessageDecoder, names: DayNames) -> None:
        self._store = store
        self._decode = decode
        self._names = names

    def take(self, feed: str, records: Sequence[Record]) -> None:
        for rows in decode_records(records, self._decode, self._names).rows:
            self._store.append(rows.table, rows.columns, feed=feed)

    def keep(self) -> None:
        self._store.flush()


class Follower:
    """One consumer's way through a stream. `records`, `foreign` and `gaps` are what it met."""

    def __init__(self, group: StreamGroup, sink: Sink, clock: Clock, tell: Callable[[str], None]) -> None:
        """`tell` gets a sentence for people whenever something is wrong, or right again."""
        self.records = self.foreign = 0
        self.gaps: list[Gap] = []
        self._group = group
        self._sink = sink
        self._clock = clock
        self._tell = tell
        self._last: Position | None = None
        self._kept: list[StreamId] = []
        self._kept_at = clock.monotonic()
        self._got: StreamId = (0, 0)
        self._missed: StreamId | None = (0, 0)
        self._told_emptiness = False

    def run(self, stop: threading.Event, *, once: bool = False) -> None:
        """Follow until `stop` is set, or with `once` until there is nothing more.

        A server that is away is tried again and again, but with `once`; raises `StoreError` for what cannot be mended.
        """
        pause_s, chance = 0.0, Random()
        while not stop.is_set():
            try:
                if not self.step(0.0 if once else _WAIT_S):
                    self._tell_emptiness()
                    if once:
                        break
            except StoreError as error:
                if error.permanent or once:
                    raise
                if not pause_s:
                    self._tell(f"{error}; trying again")
                pause_s = min(_LONGEST_PAUSE_S, max(_FIRST_PAUSE_S, 2 * pause_s))
                stop.wait(pause_s * chance.uniform(0.5, 1.0))
                continue
            if pause_s:
                self._tell("the stream is there again")
            pause_s = 0.0
        self._finish()

    def step(self, wait_s: float) -> bool:
        """Take the next entries, waiting so long for the first; tells whether there were any. Raises `StoreError`."""
        if self._kept and self._is_time():
            self._keep()
        try:
            entries = self._next(wait_s)
            self._look_for_gap(entries)
        except StoreError:
            self._missed = self._got  # what was handed over while the line broke is behind it
            raise
        if entries:
            self._got = entries[-1].id
            self._take(entries)
        elif self._kept:
            self._keep()
        return bool(entries)

    def _tell_emptiness(self) -> None:
        """A misspelt stream looks just like one into which nothing has been published yet."""
        if self._last is None and self._got == (0, 0) and not self._told_emptiness:
            self._told_emptiness = True
            self._tell("nothing has been published to this stream yet")

    def _next(self, wait_s: float) -> list[StreamEntry]:
        """The next entries, those first that this consumer once was handed and did not acknowledge."""
        if self._missed is not None:
            if self._last is None and (delivered := self._group.delivered()) is not None:
                self._last = position_of(delivered)
            if entries := self._group.unacknowledged(_AT_ONCE, self._missed):
                self._missed = entries[-1].id
                return entries
            self._missed = None
        return self._group.read(_AT_ONCE, wait_s)

    def _take(self, entries: Sequence[StreamEntry]) -> None:
        records = list(self._records(entries))
        for (feed, _), alike in groupby(records, lambda each: (each.feed, each.record.position.hour)):
            self._sink.take(feed, [each.record for each in alike])
        self.records += len(records)
        self._kept += [entry.id for entry in entries]

    def _records(self, entries: Iterable[StreamEntry]) -> Iterator[StreamedRecord]:
        """The records of entries; those that were cut off before they could be read again are a gap."""
        for gone, alike in groupby(entries, lambda entry: not entry.fields):
            if gone:
                self._tell_lost([entry.id for entry in alike])
                continue
            for entry in alike:
                try:
                    yield record_of(entry)
                except ForeignEntry as error:
                    self.foreign += 1
                    if self.foreign == 1:
                        self._tell(f"{error}; passed over, and others like it")

    def _tell_lost(self, ids: Sequence[StreamId]) -> None:
        places = [place for place in map(position_of, ids) if place is not None]
        if places:
            self._note(Gap(None, places[-1], len(places), "handed over before, gone from the stream since"))

    def _look_for_gap(self, entries: Sequence[StreamEntry]) -> None:
        """Whether anything lies between the last entry and these, or among these."""
        for entry in entries:
            place, last = position_of(entry.id), self._last
            if place is None or (last is not None and place <= last):
                continue
            before = _before(place, entry)
            if last is not None and before is not None and before != last:
                self._look_into(last, before, place, first=entry is entries[0])
            self._last = place

    def _look_into(self, last: Position, before: Position, place: Position, *, first: bool) -> None:
        """The record at `before` was not among ours: a gap, unless another consumer of the group got it."""
        if first and self._group.shared() and self._group.has(id_of(before)):
            return
        known = before.ordinal - last.ordinal if before.hour == last.hour else None
        self._note(Gap(last, place, known, "no longer in the stream"))

    def _note(self, gap: Gap) -> None:
        self.gaps.append(gap)
        self._tell(str(gap))

    def _is_time(self) -> bool:
        return len(self._kept) >= _KEEP_AT_LEAST or self._clock.monotonic() - self._kept_at >= _KEEP_EVERY_S

    def _finish(self) -> None:
        """Keep what was taken; entries that cannot be acknowledged now come again."""
        try:
            self._keep()
        except StoreError as error:
            if error.permanent:
                raise
            self._tell(str(error))

    def _keep(self) -> None:
        """Make safe what was taken, and only then give the entries up."""
        self._sink.keep()
        self._group.acknowledge(self._kept)
        self._kept, self._kept_at = [], self._clock.monotonic()


def _before(place: Position, entry: StreamEntry) -> Position | None:
    """The record before an entry's, if it is known."""
    if place.ordinal:
        return Position(place.hour, place.ordinal - 1)
    told = entry.fields.get("prev", b"").decode()
    return Position.parse(told) if told else None
