"""The QuestDB tick store: rows sent by the official client, answers taken over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from numpy.typing import NDArray

from muhurat.clock import Clock
from muhurat.errors import StoreError
from muhurat.stores.base import HOUR_SHIFT, Coverage, Replacement, Rows, hour_name, hour_number, hour_of
from muhurat.stores.feed_locks import FeedLocks
from muhurat.stores.questdb.address import Address
from muhurat.stores.questdb.named import NAMED_VIEW, UNIVERSE, changed_files, universe_columns
from muhurat.stores.questdb.outbox import Outbox
from muhurat.stores.questdb.replacing import QuestDbReplacement, mend
from muhurat.stores.questdb.server import Refused, Server
from muhurat.stores.questdb.sql import mentions, prepare
from muhurat.stores.questdb.tables import prepare as prepare_tables
from muhurat.stores.schema import TABLES, row_count, table_named

_NS_PER_US: Final = 1000


class QuestDbTickStore:
    """See `stores.base.TickStore`. Nothing is connected to before it is needed, so that a process whose server is away
    for now can wait for it.

    `flush` returns when the rows are in the server's tables, as `wal_tables()` tells. They outlive the server's death;
    a loss of power they outlive for certain only where `cairo.commit.mode` is `sync`, else the journal is asked again.
    """

    def __init__(self, address: Address, clock: Clock, *, universe: Path, locks: Path) -> None:
        """`universe` is the folder of the feeds' universe files; `locks` one of this machine's desk, for its locks."""
        self._clock = clock
        self._universe = universe
        self._server = Server(address)
        self._outbox = Outbox(self._server, clock, self._prepare_to_append)
        self._locks_folder = locks
        self._locks = FeedLocks(locks, address.place, prefix=f"questdb-{address.host}-{address.port}-")
        self._prepared = False
        self._mended: set[str] = set()

    def append(self, table: str, columns: Mapping[str, NDArray[Any]], *, feed: str) -> None:
        kind = table_named(table)
        if not row_count(kind, columns):
            return
        hour_of(columns["seq"])
        self._lock(feed)
        self._outbox.add(kind, columns, feed)
        if self._outbox.full:
            with suppress(StoreError):  # the rows wait on, and `flush` says why
                self._outbox.send_early()

    def flush(self) -> None:
        if self._outbox:
            self._outbox.flush()

    @contextmanager
    def replacing(self, feed: str, hour: str) -> Iterator[Replacement]:
        hour_number(hour)
        self._lock(feed)
        self.flush()
        self._prepare()
        mend(self._server, self._clock, self._locks, also_others=True)
        outbox = Outbox(self._server, self._clock, self._prepare)
        replacement = QuestDbReplacement(self._server, self._clock, self._locks, outbox, feed, hour)
        try:
            yield replacement
            replacement.commit()
        finally:
            replacement.abandon()

    def query(self, sql: str) -> Rows:
        prepared = prepare(sql, self._clock.now_ns())
        self._prepare()
        if mentions(sql, NAMED_VIEW) or mentions(sql, UNIVERSE.name):
            self._bring_up_universe()
        try:
            return self._server.query(prepared.sql)
        except Refused as error:
            raise prepared.error(error) from error

    def coverage(self) -> list[Coverage]:
        self._prepare()
        found = (covered for table in TABLES for covered in self._covered(table))
        return sorted(found, key=lambda covered: (covered.table, covered.feed, covered.hour))

    def close(self) -> None:
        try:
            self.flush()
        finally:
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """After an error nothing more is sent: what was not flushed is for whoever goes on from the journal."""
        if error is None:
            self.close()
        else:
            self._let_go()

    def _let_go(self) -> None:
        self._outbox.close()
        self._server.close()
        self._locks.release()

    def _prepare(self) -> None:
        """Make sure once that the tables are there and are right."""
        if not self._prepared:
            prepare_tables(self._server, self._clock)
            self._prepared = True

    def _prepare_to_append(self) -> None:
        """The same, and what a killed process left of replacing an hour of our feeds is mended first."""
        self._prepare()
        if self._locks.feeds - self._mended:
            mend(self._server, self._clock, self._locks)
            self._mended |= self._locks.feeds

    def _lock(self, feed: str) -> None:
        self._locks_folder.mkdir(parents=True, exist_ok=True)
        self._locks.take(feed)

    def _covered(self, table: str) -> Iterator[Coverage]:
        sql = (
            f"SELECT feed, seq / {1 << HOUR_SHIFT} AS hour, count() AS rows, min(timestamp)::long AS first_us, "
            f"max(timestamp)::long AS last_us FROM {table}"
        )
        for row in self._server.query(sql).dicts():
            times = (row["first_us"] * _NS_PER_US, row["last_us"] * _NS_PER_US)
            yield Coverage(table, row["feed"], hour_name(row["hour"]), row["rows"], *times)

    def _bring_up_universe(self) -> None:
        """Send the universe files that have changed, and wait until the server has them."""
        outbox = Outbox(self._server, self._clock, self._prepare)
        try:
            for file in changed_files(self._server, self._universe):
                outbox.add(UNIVERSE, universe_columns(file), file.feed)
            if outbox:
                outbox.flush()
        finally:
            outbox.close()
