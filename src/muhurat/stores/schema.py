"""The tick tables: which columns each has and what kind of fact every column holds.

Adding a table is one entry of `TABLES`; every tick store builds its files, tables and empty answers from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, Final

from numpy.typing import NDArray

from muhurat.errors import StoreError

VERSION: Final = 1
"""Of all tables together; it grows when a column is added. Stores write it beside the data."""

LEVELS: Final = range(1, 6)


class Kind(Enum):
    """What a column holds, and how a decoder's array says "none"; stores keep none as null."""

    INSTANT = "milliseconds since the epoch; always there"
    NANOSECONDS = "nanoseconds since the epoch; always there"
    SECONDS = "seconds since the epoch, 0 for none; kept as an instant"
    PRICE = "rupees as float64, NaN for none"
    COUNT = "a whole number; 0 is a number"
    SEQ = "unsigned 64 bits; always there"
    TEXT = "text of few values; always there"
    FLAG = "true or false; always there"


_ALWAYS: Final = frozenset({Kind.INSTANT, Kind.NANOSECONDS, Kind.SEQ, Kind.TEXT, Kind.FLAG})


@dataclass(frozen=True, slots=True)
class Column:
    """A column; where the column `none_with` is null, this one is null too."""

    name: str
    kind: Kind
    none_with: str | None = None

    @property
    def required(self) -> bool:
        return self.kind in _ALWAYS


@dataclass(frozen=True, eq=False)
class Table:
    """A table, the same only as itself, so that what is derived from it is quickly found again."""

    name: str
    columns: tuple[Column, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def _depth(side: str) -> tuple[Column, ...]:
    """Five levels, best first; a level without a price has no quantity and no orders either."""
    return tuple(
        column
        for level in LEVELS
        for column in (
            Column(f"{side}_price_{level}", Kind.PRICE),
            Column(f"{side}_quantity_{level}", Kind.COUNT, none_with=f"{side}_price_{level}"),
            Column(f"{side}_orders_{level}", Kind.COUNT, none_with=f"{side}_price_{level}"),
        )
    )


_RECEIVED: Final = (
    Column("timestamp", Kind.INSTANT),
    Column("ts_event", Kind.SECONDS),
    Column("ts_recv_ns", Kind.NANOSECONDS),
    Column("feed", Kind.TEXT),
    Column("symbol", Kind.TEXT),
    Column("instrument_token", Kind.COUNT),
    Column("seq", Kind.SEQ),
)
_MODELLED: Final = (Column("modelled", Kind.FLAG),)
_LAST: Final = (Column("last_price", Kind.PRICE),)
_QUOTE: Final = (
    Column("last_quantity", Kind.COUNT),
    Column("average_price", Kind.PRICE),
    Column("volume", Kind.COUNT),
    Column("buy_quantity", Kind.COUNT),
    Column("sell_quantity", Kind.COUNT),
    Column("open", Kind.PRICE),
    Column("high", Kind.PRICE),
    Column("low", Kind.PRICE),
    Column("close", Kind.PRICE),
    Column("net_change", Kind.PRICE),
)
_FULL: Final = (
    Column("last_trade_time", Kind.SECONDS),
    Column("oi", Kind.COUNT),
    Column("oi_day_high", Kind.COUNT),
    Column("oi_day_low", Kind.COUNT),
    Column("exchange_timestamp", Kind.SECONDS),
    *_depth("bid"),
    *_depth("ask"),
)
_REPAIRED: Final = (
    Column("open", Kind.PRICE),
    Column("high", Kind.PRICE),
    Column("low", Kind.PRICE),
    Column("close", Kind.PRICE),
    Column("volume", Kind.COUNT),
    Column("repaired", Kind.FLAG),
    Column("source", Kind.TEXT),
    Column("reason", Kind.TEXT),
    Column("fetched_at", Kind.SECONDS),
)

TABLES: Final = {
    table.name: table
    for table in (
        Table("ticks_full", _RECEIVED + _LAST + _QUOTE + _FULL + _MODELLED),
        Table("ticks_quote", _RECEIVED + _LAST + _QUOTE + _MODELLED),
        Table("ticks_ltp", _RECEIVED + _LAST + _MODELLED),
        Table("repaired_candles", _RECEIVED + _REPAIRED + _MODELLED),
    )
}
"""Kite's three packet families: 184 and 32 bytes, 44 and 28, and 8; and the venue's candles of one minute in place of
minutes that were missed: their times are the minute's start, `seq` is made of it and of the token."""

TICK_TABLES: Final = ("ticks_full", "ticks_quote", "ticks_ltp")
"""Those that are made from the journal's records alone."""


def table_named(name: str) -> Table:
    """The table of that name; raises `StoreError` naming the known ones otherwise."""
    try:
        return TABLES[name]
    except KeyError:
        raise StoreError(f"unknown table {name!r}; known: {', '.join(TABLES)}") from None


def row_count(table: Table, columns: Mapping[str, NDArray[Any]]) -> int:
    """How many rows these columns are of the table, the feed being given apart.

    Raises `StoreError` naming a column that the table does not have, lacks or has too short or too long.
    """
    if strange := columns.keys() - set(table.names):
        raise StoreError(f"{table.name} has no column {min(strange)!r}")
    for column in table.columns:
        if column.required and column.name not in columns and column.name != "feed":
            raise StoreError(f"rows need the column {column.name!r}")
    rows = len(columns["seq"])
    for name, values in columns.items():
        if len(values) != rows:
            raise StoreError(f"the column {name!r} has {len(values)} values for {rows} rows")
    return rows
