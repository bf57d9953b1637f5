"""An hour written anew beside the old one: a table's rows become one part whose range covers all the old parts.

By the rule that a part inside another's range does not count, giving it its name replaces them all in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from muhurat.errors import StoreError
from muhurat.stores.base import check_of_hour
from muhurat.stores.parquet.columns import ROW_GROUP, by_seq, part_writer, to_arrow
from muhurat.stores.parquet.partition import Partition, make_directory, unwritten
from muhurat.stores.schema import TABLES, TICK_TABLES, Table

_ROWS_AT_ONCE: Final = 1 << 16
"""So many at least make a row group, as soon as what follows lies behind them."""


class ParquetReplacement:
    """See `stores.base.Replacement`; `partition` opens a table's partition of the feed and hour."""

    def __init__(self, feed: str, hour: str, partition: Callable[[str], Partition]) -> None:
        self._feed = feed
        self._hour = hour
        self._partition = partition
        self._drafts: dict[str, _Draft] = {}

    def append(self, table: str, columns: Mapping[str, NDArray[Any]]) -> None:
        check_of_hour(table, columns["seq"], self._hour)
        rows = to_arrow(TABLES[table], columns, self._feed)
        if len(rows):
            self._draft(table).add(rows, int(columns["seq"].min()), int(columns["seq"].max()))

    def commit(self) -> None:
        """Put every table's rows in place; raises `StoreError`, and the tables not yet reached stay as they were."""
        for table in TICK_TABLES:
            if table in self._drafts or not self._partition(table).empty:
                self._draft(table).commit()

    def abandon(self) -> None:
        """Remove what was not put in place."""
        for draft in self._drafts.values():
            draft.remove()

    def _draft(self, table: str) -> _Draft:
        if table not in self._drafts:
            self._drafts[table] = _Draft(TABLES[table], self._partition(table))
        return self._drafts[table]


class _Draft:
    """A partition's rows to be, in a file without a name that counts."""

    def __init__(self, table: Table, partition: Partition) -> None:
        self._table = table
        self._partition = partition
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._rows = 0
        self._first: int | None = None
        self._last: int | None = None
        self._written: int | None = None
        self._writer: pq.ParquetWriter | None = None

    def add(self, rows: pa.Table, first: int, last: int) -> None:
        if self._waiting_rows >= _ROWS_AT_ONCE and self._last is not None and first > self._last:
            self._write()
        if self._written is not None and first <= self._written:
            raise StoreError(f"rows of {self._table.name} are not given in the journal's order")
        self._waiting.append(rows)
        self._waiting_rows += len(rows)
        self._first = first if self._first is None else min(self._first, first)
        self._last = last if self._last is None else max(self._last, last)

    def commit(self) -> None:
        self._write()
        self._close()
        self._partition.replace_all(self._first, self._last, self._rows)

    def remove(self) -> None:
        """Leave nothing behind; nothing is left to remove after `commit`."""
        try:
            self._close()
        finally:
            self._partition.draft.unlink(missing_ok=True)

    def _write(self) -> None:
        """Write a row group of what waits; without rows it is an empty file."""
        rows = by_seq(pa.concat_tables(self._waiting)) if self._waiting else None
        try:
            if self._writer is None:
                make_directory(self._partition.directory)
                self._writer = part_writer(self._table, self._partition.draft)
            if rows is not None:
                self._writer.write_table(rows, ROW_GROUP)
        except (OSError, pa.ArrowException) as error:
            raise unwritten(self._partition.draft, error) from error
        self._rows += 0 if rows is None else len(rows)
        self._waiting, self._waiting_rows, self._written = [], 0, self._last

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except (OSError, pa.ArrowException) as error:
                raise unwritten(self._partition.draft, error) from error
