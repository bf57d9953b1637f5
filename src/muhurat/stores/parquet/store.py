"""The Parquet tick store: rows gathered in memory, written as parts, found again by DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import pyarrow as pa
from numpy.typing import NDArray

from muhurat.clock import Clock
from muhurat.errors import StoreError
from muhurat.log import get_logger
from muhurat.stores.base import Coverage, Replacement, Rows, hour_number, hour_of
from muhurat.stores.feed_locks import FeedLocks
from muhurat.stores.parquet.columns import by_seq, to_arrow
from muhurat.stores.parquet.coverage import coverage_of
from muhurat.stores.parquet.layout import check_feed, hour_directories, hour_directory, hour_of_directory, live_parts
from muhurat.stores.parquet.partition import Partition, make_directory
from muhurat.stores.parquet.replacing import ParquetReplacement
from muhurat.stores.schema import TABLES, table_named

_log = get_logger(__name__)

_Key = tuple[str, str, str]
"""Table, feed and journal hour."""

EARLY_ROWS: Final = 1 << 16
"""So many rows of one hour are written without waiting for `flush`, in a thread beside whoever makes more."""


@dataclass(slots=True)
class _Waiting:
    """Rows of one partition that are not yet being written."""

    rows: list[pa.Table] = field(default_factory=list)
    count: int = 0
    last: int = 0

    def add(self, rows: pa.Table, last: int) -> None:
        self.rows.append(rows)
        self.count += len(rows)
        self.last = max(self.last, last)


class _Writing(NamedTuple):
    key: _Key
    waiting: _Waiting
    done: Future[None]


class ParquetTickStore:
    """See `stores.base.TickStore`; an hour's parts are united once a later hour of the feed begins, and on `close`."""

    def __init__(self, directory: Path, clock: Clock, *, universe: Path) -> None:
        """Open the store in `directory`, made when needed; `universe` is the folder of the feeds' universe files."""
        self._directory = directory
        self._clock = clock
        self._universe = universe
        self._waiting: dict[_Key, _Waiting] = {}
        self._writing: _Writing | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="parquet")
        self._partitions: dict[_Key, Partition] = {}
        self._closing: list[_Key] = []
        self._locks = FeedLocks(directory, str(directory))

    def append(self, table: str, columns: Mapping[str, NDArray[Any]], *, feed: str) -> None:
        kind = table_named(table)
        rows = to_arrow(kind, columns, feed)
        if not len(rows):
            return
        key = (table, feed, hour_of(columns["seq"]))
        self._lock(feed)
        waiting = self._waiting.setdefault(key, _Waiting())
        if waiting.count >= EARLY_ROWS and int(columns["seq"].min()) > waiting.last:
            with suppress(StoreError):  # the rows wait on, and `flush` says why
                self._begin(key)
            waiting = self._waiting.setdefault(key, _Waiting())
        waiting.add(rows, int(columns["seq"].max()))

    def flush(self) -> None:
        self._settle()
        while self._waiting:
            self._begin(next(iter(self._waiting)))
            self._settle()
        self._tidy_a_little()

    @contextmanager
    def replacing(self, feed: str, hour: str) -> Iterator[Replacement]:
        hour_number(hour)
        self._lock(feed)
        self.flush()
        replacement = ParquetReplacement(feed, hour, lambda table: self._partition((table, feed, hour)))
        try:
            yield replacement
            replacement.commit()
        finally:
            replacement.abandon()

    def query(self, sql: str) -> Rows:
        from muhurat.stores.parquet.sql import TickSql  # DuckDB, which a process that only appends does without

        return TickSql(self._directory, self._clock, universe=self._universe).query(sql)

    def coverage(self) -> list[Coverage]:
        return coverage_of(self._directory)

    def close(self) -> None:
        try:
            self.flush()
            for key, partition in self._partitions.items():
                while self._compact_one(key):
                    pass
                partition.sweep(now=True)
        finally:
            self._writer.shutdown()
            self._partitions.clear()
            self._closing.clear()
            self._locks.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, key: _Key) -> None:
        """Have what waits for a partition written while more rows are prepared; one at a time."""
        self._settle()
        waiting = self._waiting.pop(key)
        waiting.rows = [by_seq(pa.concat_tables(waiting.rows))]
        self._writing = _Writing(key, waiting, self._writer.submit(self._put, key, waiting.rows[0]))

    def _settle(self) -> None:
        """Wait until what is being written is durable; when it cannot be, it waits again and the error is raised."""
        if self._writing is None:
            return
        key, written, done = self._writing
        self._writing = None
        try:
            done.result()
        except StoreError:
            for rows in self._waiting.get(key, _Waiting()).rows:
                written.add(rows, self._waiting[key].last)
            self._waiting[key] = written
            raise

    def _put(self, key: _Key, rows: pa.Table) -> None:
        self._partition(key).put(rows)

    def _partition(self, key: _Key) -> Partition:
        if key not in self._partitions:
            self._close_earlier(key)
            self._partitions[key] = self._open(*key)
        return self._partitions[key]

    def _open(self, table: str, feed: str, hour: str) -> Partition:
        return Partition(TABLES[table], hour_directory(self._directory / table, hour), feed, self._clock)

    def _tidy_a_little(self) -> None:
        """One step towards tidy hours, short enough to go unnoticed between two batches of ticks."""
        while self._closing and not self._compact_one(self._closing[0]):
            self._closing.pop(0)
        for key, partition in list(self._partitions.items()):
            if partition.sweep() and key not in self._closing and self._is_over(key) and not self._compact_one(key):
                del self._partitions[key]

    def _is_over(self, key: _Key) -> bool:
        """Whether a later hour of the same table and feed is being kept."""
        return any(other[:2] == key[:2] and other[2] > key[2] for other in self._partitions)

    def _close_earlier(self, key: _Key) -> None:
        """Have the hours before a new one tidied, with those that an earlier process left untidy."""
        table, feed, hour = key
        for directory in hour_directories(self._directory / table):
            earlier = hour_of_directory(directory)
            if earlier is None or earlier >= hour or sum(part.feed == feed for part in live_parts(directory)) < 2:
                continue
            known = (table, feed, earlier)
            try:
                if known not in self._partitions:
                    self._partitions[known] = self._open(*known)
            except StoreError as error:
                _log.error("an hour cannot be tidied", directory=str(directory), error=str(error))
                continue
            self._closing.append(known)

    def _compact_one(self, key: _Key) -> bool:
        """One step in an hour that is over; what is wrong with it is no reason to stop keeping new ticks."""
        try:
            return self._partitions[key].compact_one()
        except StoreError as error:
            _log.error("an hour cannot be tidied", hour=key, error=str(error))
            return False

    def _lock(self, feed: str) -> None:
        check_feed(feed)
        make_directory(self._directory)
        self._locks.take(feed)
