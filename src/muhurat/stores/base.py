"""What every store promises, whatever keeps the data: the contracts that the rest of the desk is written against.

A tick is known by its `seq`, which says where in the journal it was received; so inserting any stretch of a journal a
second time changes nothing. The names and kinds of the columns are declared in `stores.schema`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from muhurat.clock import IST
from muhurat.errors import StoreError
from muhurat.stores.schema import TICK_TABLES

HOUR_SHIFT: Final = 44
RECORD_SHIFT: Final = 12
MOST_PACKETS: Final = 1 << RECORD_SHIFT
MOST_RECORDS: Final = 1 << (HOUR_SHIFT - RECORD_SHIFT)

_HOUR_NAME: Final = "%Y%m%d_%H00"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)


@cache
def hour_number(hour: str) -> int:
    """Whole hours from the epoch to the start of a journal hour named `YYYYMMDD_HH00` in India's time.

    India is half an hour off, so the number is rounded down; `hour_name` is its exact inverse.
    """
    try:
        start = datetime.strptime(hour, _HOUR_NAME).replace(tzinfo=IST)
    except ValueError as error:
        raise StoreError(f"{hour!r} is no journal hour; one looks like 20250902_0900") from error
    return (start - _EPOCH) // _HOUR


def hour_name(number: int) -> str:
    """The journal hour `YYYYMMDD_HH00` that `hour_number` numbers so."""
    return (_EPOCH + number * _HOUR + timedelta(minutes=30)).astimezone(IST).strftime(_HOUR_NAME)


def hour_of(seq: NDArray[Any]) -> str:
    """The one journal hour of these seqs; raises `StoreError` when they are of several."""
    first, last = int(seq.min()) >> HOUR_SHIFT, int(seq.max()) >> HOUR_SHIFT
    if first != last:
        raise StoreError(f"rows of {hour_name(first)} and of {hour_name(last)} cannot be appended together")
    return hour_name(first)


def check_of_hour(table: str, seq: NDArray[Any], hour: str) -> None:
    """Raise `StoreError` unless rows of a table with these seqs may replace those of a journal hour."""
    if table not in TICK_TABLES:
        raise StoreError(f"{table!r} is not made from the journal's records; {', '.join(TICK_TABLES)} are")
    if len(seq) and hour_of(seq) != hour:
        raise StoreError(f"rows of {hour_of(seq)} cannot replace those of {hour}")


def make_seq(hour: str, record: NDArray[Any], packet: NDArray[Any]) -> NDArray[np.uint64]:
    """The `seq` of packets: `hours since epoch << 44 | record ordinal in the hour << 12 | packet index in the record`.

    Raises `StoreError` when an ordinal or index does not fit, as 4,096 packets in one record would not.
    """
    if len(packet) and (int(packet.max()) >= MOST_PACKETS or int(record.max()) >= MOST_RECORDS):
        raise StoreError(f"record {int(record.max())}, packet {int(packet.max())} of {hour} do not fit into a seq")
    base = np.uint64(hour_number(hour) << HOUR_SHIFT)
    return base | (record.astype(np.uint64) << np.uint64(RECORD_SHIFT)) | packet.astype(np.uint64)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a store holds of one table, feed and journal hour: how many rows, from when to when (received, UTC)."""

    table: str
    feed: str
    hour: str
    rows: int
    first_ns: int
    last_ns: int


class QueryError(StoreError):
    """A query the store cannot run; `line` and `column` count from 1 and say where, if the store knows."""

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None, hint: str = "") -> None:
        where = f"line {line}, column {column}: " if line is not None else ""
        super().__init__(f"the query cannot be run: {where}{message}", hint=hint)
        self.line = line
        self.column = column


class Rows:
    """The answer to a query: its column names at once, its rows as they are read, once.

    Instants are naive datetimes in UTC, as tick stores keep them.
    """

    def __init__(self, columns: Sequence[str], batches: Iterator[Sequence[tuple[Any, ...]]]) -> None:
        self.columns = tuple(columns)
        self._batches = batches

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for batch in self._batches:
            yield from batch

    def dicts(self) -> Iterator[dict[str, Any]]:
        """The rows as mappings from column names."""
        for row in self:
            yield dict(zip(self.columns, row, strict=True))


class Replacement(Protocol):
    """The rows that are to stand in the place of those kept of one feed and journal hour."""

    def append(self, table: str, columns: Mapping[str, NDArray[Any]]) -> None:
        """Take rows of the hour, the journal's stretches one after the other: none begins before an earlier one did.

        The arrays are as those of `TickStore.append`. Raises `StoreError` as it does, for a table that is not made from
        the journal's records, for rows of another hour, and for rows before those that are already written.
        """


class TickStore(Protocol):
    """Ticks by table, queried with SQL. One process appends to a feed at a time; any number may query."""

    def append(self, table: str, columns: Mapping[str, NDArray[Any]], *, feed: str) -> None:
        """Take rows of one journal hour and feed; they are kept for good once `flush` has returned.

        The arrays are the store's from then on. Within a feed `seq` identifies a row: one that is already there is
        replaced, never doubled. Columns that are not given are null, as are NaN prices and zero times. Raises
        `StoreError` for an unknown table or column, for a missing one that no row can do without, and when another
        process appends to the feed.
        """

    def flush(self) -> None:
        """Make everything appended durable: on return it survives the death of any process, and the loss of power as
        far as the store's own documentation says. Raises `StoreError`."""

    def replacing(self, feed: str, hour: str) -> AbstractContextManager[Replacement]:
        """A `with` block that puts other rows in the place of everything that `TICK_TABLES` hold of a feed and hour.

        For an hour whose journal is another one now (a merged one): its seqs mean other records, so inserting it again
        would double its ticks. At the end of the block the old rows go and the new ones are there, durably; if it
        raises, all stays as it was. Each table changes by itself: a process that is killed leaves every one of them as
        it was or as it is to be, a server's perhaps only once the next process that appends to the feed has finished
        it. The journal is the truth: doing it again mends it. Raises `StoreError`, also when another process appends to
        the feed.
        """

    def query(self, sql: str) -> Rows:
        """Run one SELECT in the store's own dialect; raises `QueryError` when it is wrong."""

    def coverage(self) -> list[Coverage]:
        """What is kept, by table, feed and hour, in that order."""

    def close(self) -> None:
        """Flush, tidy up and let another process append."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


Columns = Mapping[str, Sequence[Any]]
"""Rows by column: every sequence (list, tuple or numpy array) of one length; None and NaN are null."""


class ReferenceTransaction(Protocol):
    """Changes that become visible together, or not at all."""

    def replace(self, table: str, columns: Columns, *, where: Mapping[str, Any]) -> int:
        """Delete the rows whose columns equal `where`, insert these (with those columns); how many were inserted."""

    def delete(self, table: str, *, where: Mapping[str, Any]) -> int:
        """Delete the rows whose columns equal `where`; with nothing in it, all of them. How many."""


class ReferenceStore(Protocol):
    """The day's reference data: bans, bhavcopies, masters, risk arrays, margins. Any number of processes may read and
    write; writers wait for one another for a bounded time. Tables and columns: `stores.sql.tables`."""

    def transaction(self) -> AbstractContextManager[ReferenceTransaction]:
        """A `with` block that commits at its end and rolls back when it raises. Raises `StoreError`."""

    def read(
        self,
        table: str,
        *,
        where: Mapping[str, Any] | None = None,
        columns: Sequence[str] | None = None,
        order_by: Sequence[str] = (),
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """The rows whose columns equal `where`. Raises `StoreError` naming an unknown table or column."""

    def count(self, table: str, *, where: Mapping[str, Any] | None = None) -> int:
        """How many rows equal `where`."""

    def tables(self) -> tuple[str, ...]:
        """The names of all tables that hold data of the desk."""

    def checksum(self) -> dict[str, str]:
        """By table, a SHA-256 over its rows in key order: the same content gives the same, in any database."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Cached:
    """What a cache holds under a key: when it was put there (desk time) and how long it counts; None means for good."""

    value: bytes
    stored_ns: int
    ttl_s: float | None

    def age_s(self, now_ns: int) -> float:
        return (now_ns - self.stored_ns) / 1e9

    def stale(self, now_ns: int) -> bool:
        """Whether it is older than it was meant to count; stale values stay until overwritten, and show as stale."""
        return self.ttl_s is not None and self.age_s(now_ns) > self.ttl_s


class Cache(Protocol):
    """Bytes by key, each with its age; and short series."""

    def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None: ...

    def get(self, key: str) -> Cached | None: ...

    def delete(self, prefix: str = "") -> int:
        """Forget every key (and series) that begins with `prefix`; how many."""

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that begin with `prefix`, in order; series are not among them."""

    def series_names(self, prefix: str = "") -> list[str]:
        """The series that begin with `prefix`, in order."""

    def append(self, series: str, point: bytes, *, keep: int) -> None:
        """Add a point to a series, stamped with the desk's time; only the newest `keep` stay."""

    def series(self, series: str, newest: int | None = None) -> list[tuple[int, bytes]]:
        """The points as (desk time in UTC ns, bytes), oldest first."""

    def close(self) -> None: ...


StreamId = tuple[int, int]
"""Where an entry stands in a stream: milliseconds and a number, ascending."""


class StreamEntry(NamedTuple):
    """What was added under an ID of its writer's choice; no fields when nothing but the ID is left of it."""

    id: StreamId
    fields: Mapping[str, bytes]


class StreamState(NamedTuple):
    """What a stream holds: the ID of its first entry, its last entry, and the last ID it ever had.

    A stream that lost all its entries still refuses IDs up to `last_id`; all are None where there is no stream.
    """

    first_id: StreamId | None = None
    newest: StreamEntry | None = None
    last_id: StreamId | None = None


class Stream(Protocol):
    """The writer's side of a stream of binary entries, bounded in bytes: the oldest make room for new ones.

    IDs are the writer's, so an entry that is there already is refused, never doubled. A failure that may pass raises a
    `StoreError` with `permanent=False` and ends the conversation; the next `look` begins another and tells how far the
    last one came.
    """

    name: str
    limit_bytes: int

    def look(self) -> StreamState:
        """Reach the server and see what is there. Raises `StoreError`."""

    def holds(self, entries: Iterable[tuple[StreamId, int]]) -> None:
        """Take account of entries that are there, oldest first, with the bytes of their payloads. Raises `StoreError`.

        What is older than the first of them counts as what is left of the stream's size.
        """

    def append(self, entries: Sequence[tuple[StreamId, Sequence[bytes]]]) -> None:
        """Hand a batch over, each entry with the values of the stream's fields, the payload last; do not wait for it.

        Raises `StoreError`.
        """

    def settle(self, under_way: int = 0) -> int:
        """Wait until at most so many batches are under way; how many were kept since the last call.

        Raises `StoreError` when one was refused or no answer came; which entries were kept, `look` tells.
        """

    def cost(self, payload_bytes: int) -> int:
        """How much of the limit an entry with such a payload takes."""

    def used_bytes(self) -> int:
        """How much of the limit all entries together take."""

    def close(self) -> None: ...


class StreamGroup(Protocol):
    """The reader's side: one consumer of a group, among which a stream's entries are shared out.

    An entry stays with the consumer who got it until it is acknowledged. A group that is not there is made, behind the
    last entry that this consumer got, else at the stream's beginning.
    """

    def delivered(self) -> StreamId | None:
        """The last entry that was handed to anybody of the group; None before the first. Raises `StoreError`."""

    def unacknowledged(self, most: int, after: StreamId) -> list[StreamEntry]:
        """This consumer's entries behind `after` that it got and never acknowledged. Raises `StoreError`."""

    def read(self, most: int, wait_s: float) -> list[StreamEntry]:
        """The next entries, waiting for the first one at most so long; none when none came. Raises `StoreError`."""

    def acknowledge(self, ids: Sequence[StreamId]) -> None:
        """These are done with. Raises `StoreError`."""

    def shared(self) -> bool:
        """Whether the group has other consumers. Raises `StoreError`."""

    def has(self, entry: StreamId) -> bool:
        """Whether the stream still holds this entry. Raises `StoreError`."""

    def close(self) -> None: ...
