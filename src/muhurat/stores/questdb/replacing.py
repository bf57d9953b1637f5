"""An hour replaced on a server that cannot delete rows (9.3.2 has no DELETE): the partitions it lies in are made anew.

A table is made beside the ticks' one, and filled with what those partitions are to hold: the new rows, and of the old
ones those of other feeds and hours. When it is whole it is renamed; then the partitions are dropped and filled from it.
An hour of India lies in two partitions, and in more where a clock was wrong.

Whoever next appends to the feed, or replaces anything, finds what a killed process left: a table not yet renamed is
dropped, for the ticks are untouched; of one that is whole, the partitions that were dropped already are filled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from numpy.typing import NDArray

from muhurat.clock import Clock
from muhurat.errors import StoreError
from muhurat.stores.base import HOUR_SHIFT, check_of_hour, hour_number
from muhurat.stores.feed_locks import FeedLocks
from muhurat.stores.questdb.outbox import Outbox
from muhurat.stores.questdb.server import ANSWER_S, Server
from muhurat.stores.questdb.wal import await_applied
from muhurat.stores.schema import TABLES, TICK_TABLES, Table, row_count

_FILLING: Final = "muhurat_filling"
_WHOLE: Final = "muhurat_whole"
_NAME: Final = re.compile(
    rf"(?P<state>{_FILLING}|{_WHOLE})_(?P<table>{'|'.join(TICK_TABLES)})_(?P<hour>\d{{8}}_\d\d00)_(?P<feed>.+)"
)
_COPIED_AT_ONCE: Final = 1_000_000
"""Rows of a statement that copies, which has to be done within QuestDB's own minute."""

_HOUR: Final = timedelta(hours=1)


class Beside(NamedTuple):
    """The table beside `table` in which the partitions of a feed's hour are made anew."""

    table: str
    feed: str
    hour: str

    @property
    def filling(self) -> str:
        return f"{_FILLING}_{self.table}_{self.hour}_{self.feed}"

    @property
    def whole(self) -> str:
        return f"{_WHOLE}_{self.table}_{self.hour}_{self.feed}"

    @property
    def rows(self) -> str:
        """The condition for the rows that are replaced, and for those that replace them."""
        first, feed = hour_number(self.hour) << HOUR_SHIFT, self.feed.replace("'", "''")
        return f"(feed = '{feed}' AND seq BETWEEN {first} AND {first + (1 << HOUR_SHIFT) - 1})"


def mend(server: Server, clock: Clock, locks: FeedLocks, *, also_others: bool = False) -> None:
    """Finish or undo what killed processes left of feeds that this process appends, `also_others` of all feeds.

    Raises `StoreError` when another process appends to such a feed.
    """
    for state, beside in _left_over(server):
        if also_others:
            locks.take(beside.feed)
        if beside.feed in locks.feeds:
            if state == _WHOLE:
                _fill_dropped(server, clock, beside)
            server.run(f'DROP TABLE IF EXISTS "{state}_{beside.table}_{beside.hour}_{beside.feed}"')


class QuestDbReplacement:
    """See `stores.base.Replacement`; the caller holds the feed's lock."""

    def __init__(self, server: Server, clock: Clock, locks: FeedLocks, outbox: Outbox, feed: str, hour: str) -> None:
        self._server = server
        self._clock = clock
        self._locks = locks
        self._outbox = outbox
        self._hour = hour
        self._beside = {table: Beside(table, feed, hour) for table in TICK_TABLES}
        self._made: dict[str, Table] = {}
        self._begun: set[str] = set()

    def append(self, table: str, columns: Mapping[str, NDArray[Any]]) -> None:
        check_of_hour(table, columns["seq"], self._hour)
        beside = self._beside[table]
        if row_count(TABLES[table], columns):
            self._outbox.add(self._table(beside), columns, beside.feed)
            if self._outbox.full:
                self._outbox.flush()

    def commit(self) -> None:
        """Put every table's rows in place; raises `StoreError`, after which `mend` finishes those that were begun."""
        if self._outbox:
            self._outbox.flush()
        partitions = {beside: found for beside in self._beside.values() if (found := self._complete(beside))}
        for beside in partitions:
            self._server.run(f'RENAME TABLE "{beside.filling}" TO "{beside.whole}"')
        for beside, hours in partitions.items():
            self._exchange(beside, hours)

    def abandon(self) -> None:
        """Drop what nothing depends on; when the server is away, `mend` does it later."""
        self._outbox.close()
        for beside in self._beside.values():
            if beside.table in self._made and beside.table not in self._begun:
                with suppress(StoreError):
                    self._server.run(f'DROP TABLE IF EXISTS "{beside.filling}"')
                    self._server.run(f'DROP TABLE IF EXISTS "{beside.whole}"')

    def _table(self, beside: Beside) -> Table:
        """The table beside, made when it is first needed."""
        if beside.table not in self._made:
            self._server.run(f'CREATE TABLE "{beside.filling}" (LIKE {beside.table})')
            self._made[beside.table] = Table(beside.filling, TABLES[beside.table].columns)
        return self._made[beside.table]

    def _complete(self, beside: Beside) -> list[datetime]:
        """Fill the table beside with the rows that stay; the partitions that are to be made anew, none if all is well.

        Whose rows stay must not append meanwhile, so their feeds are locked too.
        """
        await_applied(self._server, self._clock, beside.table, ANSWER_S)
        hours = set(_partitions(self._server, beside.table, beside.rows))
        if beside.table in self._made:
            hours |= set(_partitions(self._server, beside.filling, beside.rows))
        if hours:
            self._table(beside)
            within = _within(sorted(hours))
            for row in _asked(self._server, f"SELECT DISTINCT feed FROM {beside.table} WHERE {within}"):
                self._locks.take(row["feed"])
            for hour in sorted(hours):
                _copy(self._server, beside.table, beside.filling, beside.filling, hour, f" AND NOT {beside.rows}")
            await_applied(self._server, self._clock, beside.filling, ANSWER_S)
        return sorted(hours)

    def _exchange(self, beside: Beside, hours: Sequence[datetime]) -> None:
        """Drop the partitions and fill them from the table beside, unless somebody else has added to them since."""
        stay = _count(self._server, beside.whole, f"NOT {beside.rows}")
        if _count(self._server, beside.table, f"{_within(hours)} AND NOT {beside.rows}") != stay:
            raise StoreError(
                f"{self._server.address.place}: somebody has appended to {beside.table} in the hours being replaced",
                permanent=False,
                hint="stop the decode services of every machine that appends there, then do it again",
            )
        self._begun.add(beside.table)
        if there := _partitions(self._server, beside.table, _within(hours)):
            names = ", ".join(f"'{hour:%Y-%m-%dT%H}'" for hour in there)
            self._server.run(f"ALTER TABLE {beside.table} DROP PARTITION LIST {names}")
            await_applied(self._server, self._clock, beside.table, ANSWER_S)
        _fill(self._server, self._clock, beside, _partitions(self._server, beside.whole, "true"))
        self._server.run(f'DROP TABLE "{beside.whole}"')


def _left_over(server: Server) -> Iterator[tuple[str, Beside]]:
    for row in server.table("SELECT table_name FROM tables()"):
        if found := _NAME.fullmatch(row["table_name"]):
            yield found["state"], Beside(found["table"], found["feed"], found["hour"])


def _fill_dropped(server: Server, clock: Clock, beside: Beside) -> None:
    """Fill the partitions that were dropped: those that hold no row of the feed's hour but the new ones."""
    await_applied(server, clock, beside.table, ANSWER_S)
    keys = f'SELECT timestamp, seq FROM "{{}}" WHERE {beside.rows}'
    old = f"({keys.format(beside.table)} EXCEPT {keys.format(beside.whole)})"
    untouched = set(_floors(server, old))
    _fill(server, clock, beside, [hour for hour in _partitions(server, beside.whole, "true") if hour not in untouched])


def _fill(server: Server, clock: Clock, beside: Beside, hours: Sequence[datetime]) -> None:
    for hour in hours:
        _copy(server, beside.whole, beside.table, beside.whole, hour)
    await_applied(server, clock, beside.table, ANSWER_S)


def _copy(server: Server, source: str, target: str, columns_of: str, hour: datetime, and_also: str = "") -> None:
    """Copy a partition's rows, in the columns that a table has; rows that are there already are not doubled."""
    found = server.table(f"SELECT \"column\" FROM table_columns('{columns_of}')")
    columns = ", ".join(f'"{row["column"]}"' for row in found)
    pieces = _count(server, source, _within([hour])) // _COPIED_AT_ONCE + 1
    for number in range(pieces):
        span = _between(hour + _HOUR * number / pieces, hour + _HOUR * (number + 1) / pieces)
        sql = f'INSERT INTO "{target}" ({columns}) SELECT {columns} FROM "{source}" WHERE {span}{and_also}'
        server.run(sql, patience_s=ANSWER_S)


def _partitions(server: Server, table: str, where: str) -> list[datetime]:
    """The hours, in UTC, of the partitions in which there are such rows."""
    return _floors(server, f'"{table}" WHERE {where}')


def _floors(server: Server, rows: str) -> list[datetime]:
    sql = f"SELECT DISTINCT timestamp_floor('h', timestamp) AS hour FROM {rows}"
    return sorted(row["hour"] for row in _asked(server, sql))


def _count(server: Server, table: str, where: str) -> int:
    ((count),) = [row["rows"] for row in _asked(server, f'SELECT count() AS rows FROM "{table}" WHERE {where}')]
    return int(count)


def _asked(server: Server, sql: str) -> list[dict[str, Any]]:
    return server.table(sql, patience_s=ANSWER_S)


def _within(hours: Sequence[datetime]) -> str:
    return "(" + " OR ".join(_between(hour, hour + _HOUR) for hour in hours) + ")"


def _between(start: datetime, end: datetime) -> str:
    return f"(timestamp >= '{start.isoformat()}Z' AND timestamp < '{end.isoformat()}Z')"
