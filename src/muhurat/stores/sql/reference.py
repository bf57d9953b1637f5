"""The reference store in SQLite or MySQL: the day's bans, bhavcopies, masters, risk arrays and margins.

with open_reference_store("sqlite:///./data/reference.db", base=desk.folder).transaction() as transaction:
    transaction.replace("FoBhavcopy", columns, where={"TradDt": day})
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlalchemy import BINARY, ColumnElement, Connection, Engine, String, Table, cast, delete, func, select

from muhurat.stores.base import Columns
from muhurat.stores.sql.engine import open_engine, reading, writing
from muhurat.stores.sql.loading import insert_columns
from muhurat.stores.sql.migrations import upgrade
from muhurat.stores.sql.tables import METADATA, column_named, key_of, table_named
from muhurat.stores.sql.values import comparable

_STREAMED_ROWS: Final = 2000


def open_reference_store(url: str, *, base: Path) -> SqlReferenceStore:
    """See `stores.registry.open_reference_store`."""
    engine = open_engine(url, base)
    upgrade(engine, "reference")
    return SqlReferenceStore(engine)


class SqlTransaction:
    """See `stores.base.ReferenceTransaction`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, table: str, columns: Columns, *, where: Mapping[str, Any]) -> int:
        self.delete(table, where=where)
        return insert_columns(self._connection, table_named(table), columns, where)

    def delete(self, table: str, *, where: Mapping[str, Any]) -> int:
        found = table_named(table)
        return self._connection.execute(delete(found).where(*_conditions(found, where))).rowcount


class SqlReferenceStore:
    """See `stores.base.ReferenceStore`."""

    def __init__(self, engine: Engine) -> None:
        """Over a database whose schema is up to date."""
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[SqlTransaction]:
        with writing(self._engine) as connection:
            yield SqlTransaction(connection)

    def read(
        self,
        table: str,
        *,
        where: Mapping[str, Any] | None = None,
        columns: Sequence[str] | None = None,
        order_by: Sequence[str] = (),
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        found = table_named(table)
        wanted = [column_named(found, name) for name in columns] if columns is not None else list(found.columns)
        query = select(*wanted).where(*_conditions(found, where or {}))
        query = query.order_by(*(column_named(found, name) for name in order_by)).limit(limit)
        with reading(self._engine) as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def count(self, table: str, *, where: Mapping[str, Any] | None = None) -> int:
        found = table_named(table)
        query = select(func.count()).select_from(found).where(*_conditions(found, where or {}))
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def tables(self) -> tuple[str, ...]:
        return tuple(METADATA.tables)

    def checksum(self) -> dict[str, str]:
        """Each row is a line of JSON: dates in ISO, truth 0 or 1, floats in their shortest exact form."""
        with reading(self._engine) as connection:
            return {name: _checksum(connection, table) for name, table in METADATA.tables.items()}

    def close(self) -> None:
        self._engine.dispose()


def _conditions(table: Table, where: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """That the columns equal these values; None means that there is none."""
    columns = [(column_named(table, name), value) for name, value in where.items()]
    return [column == comparable(column, value) for column, value in columns]


def _checksum(connection: Connection, table: Table) -> str:
    query = select(*table.columns).order_by(*_order(table, connection.dialect.name))
    statement = str(query.compile(dialect=connection.dialect))
    digest = sha256()
    rows = connection.execution_options(stream_results=True).exec_driver_sql(statement)
    for part in rows.partitions(_STREAMED_ROWS):
        lines = "\n".join(_ENCODER.encode(list(row)) for row in part)
        digest.update(f"{lines}\n".encode())
    return digest.hexdigest()


def _order(table: Table, dialect: str) -> list[ColumnElement[Any]]:
    """The key's columns, and all others where the key may have empty ones; texts by code point in any database."""
    columns = [*key_of(table), *(() if table.primary_key.columns else table.columns)]
    if dialect == "sqlite":
        return list(columns)
    return [cast(column, BINARY) if isinstance(column.type, String) else column for column in columns]


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=date.isoformat)
