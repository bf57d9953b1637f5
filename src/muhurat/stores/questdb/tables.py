"""The tables on the server: made when they are missing, given the columns that were added since, checked.

* A partition is an hour: an hour of the journal that is inserted again touches two partitions, not a whole day's rows.
* `DEDUP UPSERT KEYS(timestamp, feed, seq)` are what a row is known by. Not the symbol: a token that got its name only
  later would otherwise be there twice, once under its number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from muhurat.clock import Clock
from muhurat.errors import StoreError
from muhurat.stores.questdb.named import UNIVERSE, named_view
from muhurat.stores.questdb.server import Server
from muhurat.stores.schema import TABLES, VERSION, Column, Kind, Table


class Layout(NamedTuple):
    """A table on the server: what rows are known by, and how much time a partition holds."""

    table: Table
    keys: tuple[str, ...]
    partition: str


LAYOUTS: Final = (
    *(Layout(table, ("timestamp", "feed", "seq"), "HOUR") for table in TABLES.values()),
    Layout(UNIVERSE, ("timestamp", "feed", "symbol"), "MONTH"),
)

VERSIONS: Final = "muhurat_schema"

_TYPES: Final[Mapping[Kind, str]] = {
    Kind.INSTANT: "TIMESTAMP",
    Kind.NANOSECONDS: "LONG",
    Kind.SECONDS: "TIMESTAMP",
    Kind.PRICE: "DOUBLE",
    Kind.COUNT: "LONG",
    Kind.SEQ: "LONG",
    Kind.TEXT: "SYMBOL",
    Kind.FLAG: "BOOLEAN",
}
_CAPACITIES: Final = {"symbol": 4096, "feed": 16}
"""Distinct symbols that are quickly found again; more are allowed."""

_MAKE_VERSIONS: Final = (
    f"CREATE TABLE IF NOT EXISTS {VERSIONS} (since TIMESTAMP, version LONG) TIMESTAMP(since) PARTITION BY YEAR WAL"
)


def prepare(server: Server, clock: Clock) -> None:
    """Bring the server's tables to this version. Raises `StoreError` for one that is not as it has to be."""
    place = server.address.place
    there = {row["table_name"]: row for row in server.table("SELECT table_name, walEnabled, dedup FROM tables()")}
    version = _version(server) if VERSIONS in there else 0
    if version > VERSION:
        raise StoreError(
            f"{place} has the tables of a later version ({version}; this one knows {VERSION})", hint="update Muhurat"
        )
    for layout in LAYOUTS:
        if layout.table.name in there:
            _bring_up(server, layout, there[layout.table.name])
        else:
            server.run(create_statement(layout))
    if version < VERSION:
        for statement in (named_view(), _MAKE_VERSIONS):
            server.run(statement)
        server.run(f"INSERT INTO {VERSIONS} VALUES ({clock.now_ns() // 1000}, {VERSION})")


def create_statement(layout: Layout) -> str:
    """The statement that makes a table."""
    columns = ", ".join(f'"{column.name}" {_declared(column)}' for column in layout.table.columns)
    return (
        f'CREATE TABLE IF NOT EXISTS {layout.table.name} ({columns}) TIMESTAMP("timestamp") '
        f"PARTITION BY {layout.partition} WAL {_dedup(layout)}"
    )


def _dedup(layout: Layout) -> str:
    return f"DEDUP UPSERT KEYS({', '.join(layout.keys)})"


def _declared(column: Column) -> str:
    kind = _TYPES[column.kind]
    return f"{kind} CAPACITY {_CAPACITIES.get(column.name, 256)}" if column.kind is Kind.TEXT else kind


def _version(server: Server) -> int:
    ((version,),) = server.query(f"SELECT max(version) FROM {VERSIONS}")
    return version or 0


def _bring_up(server: Server, layout: Layout, known: Mapping[str, Any]) -> None:
    """Add the columns that are missing; raises `StoreError` for what no added column mends."""
    name = layout.table.name
    sql = f"SELECT \"column\", type, upsertKey FROM table_columns('{name}')"
    columns = {row["column"]: row for row in server.table(sql)}
    for wrong, hint in _faults(layout, known, columns):
        raise StoreError(f"{server.address.place}: {name} {wrong}", hint=hint)
    for column in layout.table.columns:
        if column.name not in columns:
            server.run(f'ALTER TABLE {name} ADD COLUMN IF NOT EXISTS "{column.name}" {_declared(column)}')


def _faults(
    layout: Layout, known: Mapping[str, Any], columns: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """What is wrong with a table, and what a person does about it."""
    name = layout.table.name
    if not known["walEnabled"]:
        yield "has no write-ahead log", f"ALTER TABLE {name} SET TYPE WAL, then start the server again"
    for column in layout.table.columns:
        kind = columns.get(column.name, {"type": _TYPES[column.kind]})["type"]
        if kind != _TYPES[column.kind]:
            yield (
                f"has the column {column.name} of type {kind}, not {_TYPES[column.kind]}",
                "rename that table; Muhurat makes its own, and `muhurat ticks ingest` fills it from the journal",
            )
    keys = {name for name, column in columns.items() if column["upsertKey"]}
    if keys != set(layout.keys):
        told = f"tells rows apart by {', '.join(sorted(keys)) or 'nothing'}, not by {', '.join(layout.keys)}"
        yield told, f"ALTER TABLE {name} {_dedup(layout).replace('DEDUP', 'DEDUP ENABLE')}"
