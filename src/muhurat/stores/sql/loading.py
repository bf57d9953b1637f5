"""Many rows into a table, as fast as the driver takes them.

A day's bhavcopy has 40,000 rows of 29 columns, of which a third hold one value all the way down. So rows are inserted
some dozens to a statement, and what is the same in all of them is handed over once. Rows go in by chunks, which bounds
the memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

from sqlalchemy import Column, Connection, Table

from muhurat.errors import StoreError
from muhurat.stores.base import Columns
from muhurat.stores.sql.tables import column_named
from muhurat.stores.sql.values import stored, stored_one

CHUNK_ROWS: Final = 4096
_PARAMETERS: Final = 900
"""Of one statement; SQLite takes 999 at least."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some rows by column: one value where it is the same in all of them, a list of values where it varies.

    At least one column varies, if only in name.
    """

    rows: int
    same: Mapping[str, Any]
    varying: Mapping[str, list[Any]]


def insert_columns(connection: Connection, table: Table, columns: Columns, same: Mapping[str, Any]) -> int:
    """Insert rows, each with the values of `same` as well; how many.

    A column may be in both: then every row has to agree. Raises `StoreError`, naming a column or value that is wrong.
    """
    rows = _length(table, columns)
    if rows == 0:
        return 0
    wanted = {name: stored_one(column_named(table, name), value) for name, value in same.items()}
    raw = connection.connection.driver_connection
    names = [*columns, *(name for name in wanted if name not in columns)]
    _refuse_missing(table, names)
    try:
        for chunk in _chunks(table, columns, rows, wanted):
            if isinstance(raw, sqlite3.Connection):
                _insert_sqlite(raw, table.name, chunk)
            else:
                _insert_mysql(connection, table.name, chunk)
    except (UnicodeEncodeError, OverflowError) as error:
        raise StoreError(f"a value for {table.name} cannot be kept: {error}") from error
    return rows


def _length(table: Table, columns: Columns) -> int:
    """How many rows the columns hold; they have to be columns of the table, and equally long."""
    lengths = {name: len(values) for name, values in columns.items()}
    for name in columns:
        column_named(table, name)
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in lengths.items())
        raise StoreError(f"the columns for {table.name} differ in length: {told}")
    return next(iter(lengths.values()), 0)


def _refuse_missing(table: Table, names: Sequence[str]) -> None:
    missing = [column.name for column in table.columns if not column.nullable and column.name not in names]
    if missing:
        raise StoreError(f"rows of {table.name} need the column {', '.join(missing)}")


def _chunks(table: Table, columns: Columns, rows: int, wanted: Mapping[str, Any]) -> Iterator[_Chunk]:
    for start in range(0, rows, CHUNK_ROWS):
        count = min(CHUNK_ROWS, rows - start)
        same, varying = dict(wanted), dict[str, list[Any]]()
        for name, values in columns.items():
            found = stored(table.columns[name], values[start : start + count])
            if name in wanted and found != [wanted[name]]:
                raise _contradiction(table.columns[name], found, wanted[name])
            if len(found) == 1:
                same[name] = found[0]
            else:
                varying[name] = found
        if not varying:
            name, value = same.popitem()
            varying[name] = [value] * count
        yield _Chunk(count, same, varying)


def _contradiction(column: Column[Any], values: list[Any], wanted: Any) -> StoreError:
    other = next(value for value in values if value != wanted)
    return StoreError(
        f"rows for {column.table.name} where {column.name} is {wanted!r} include one where it is {other!r}",
        hint="the file may be another day's; nothing was changed",
    )


def _insert_sqlite(raw: sqlite3.Connection, table: str, chunk: _Chunk) -> None:
    """Several rows to a statement; a column that is the same in the whole chunk is one parameter of each statement."""
    names, width = [*chunk.same, *chunk.varying], len(chunk.varying)
    flat: list[Any] = [None] * (width * chunk.rows)
    for place, values in enumerate(chunk.varying.values()):
        flat[place::width] = values
    head = list(chunk.same.values())
    many = max(1, (_PARAMETERS - len(head)) // width)
    full = chunk.rows // many * many
    for rows, first, end in ((many, 0, full), (chunk.rows - full, full, chunk.rows)):
        if end > first:
            step = rows * width
            raw.executemany(
                _statement(table, names, len(head), rows),
                ([*head, *flat[at : at + step]] for at in range(first * width, end * width, step)),
            )


def _statement(table: str, names: Sequence[str], constant: int, rows: int) -> str:
    """An INSERT of several rows whose first parameters serve them all."""
    width = len(names) - constant
    same = "".join(f"?{number}," for number in range(1, constant + 1))
    starts = range(constant + 1, constant + 1 + rows * width, width)
    values = ("(" + same + ",".join(f"?{number}" for number in range(start, start + width)) + ")" for start in starts)
    quoted = ", ".join(f'"{name}"' for name in names)
    return f'INSERT INTO "{table}" ({quoted}) VALUES {", ".join(values)}'


def _insert_mysql(connection: Connection, table: str, chunk: _Chunk) -> None:
    """PyMySQL turns these into statements of many rows, of up to 1 MB each. SQLite knows no -0.0, so nobody does."""
    names = ", ".join(f"`{name}`" for name in (*chunk.same, *chunk.varying))
    marks = ", ".join(["%s"] * (len(chunk.same) + len(chunk.varying)))
    columns = [*(repeat(value, chunk.rows) for value in chunk.same.values()), *chunk.varying.values()]
    rows = [tuple(map(_no_negative_zero, row)) for row in zip(*columns, strict=True)]
    cursor = connection.connection.cursor()
    try:
        cursor.executemany(f"INSERT INTO `{table}` ({names}) VALUES ({marks})", rows)
    finally:
        cursor.close()


def _no_negative_zero(value: Any) -> Any:
    return value + 0.0 if type(value) is float else value
