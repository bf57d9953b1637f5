"""Emptying tables, or removing the rows that are marked as deleted, in one transaction (MISSION B7).

A whole table is emptied by `DELETE`, not by `TRUNCATE`: MySQL commits at every TRUNCATE, so a clean that failed in the
middle could not be taken back (https://dev.mysql.com/doc/refman/8.0/en/truncate-table.html). Tables of engines without
transactions, such as MyISAM, are named in the result.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Protocol

from muhurat.errors import MissingDriver, UsageError
from muhurat.jobs.backup import sqlite
from muhurat.jobs.backup.base import MysqlTarget, SqliteTarget, Target
from muhurat.jobs.base import JobError, NotYet

MARK: Final = "IsDeleted"
"""The column that marks a row as deleted."""

_SOFT: Final = "soft"
_OWN: Final = "alembic_version"
"""Begins the names of the tables that hold a schema's version."""

_CONNECT_S: Final = 10
_TRANSACTIONAL: Final = ("innodb",)
_LATER: Final = (1205, 1213, 2002, 2003, 2006, 2013)
"""MySQL's numbers for a lock wait that was too long, a deadlock, and a server that is not to be reached."""


@dataclass(frozen=True, slots=True)
class Step:
    """One table to clean: all of it, or (`soft`) the rows that are marked as deleted."""

    table: str
    soft: bool = False


class Opened(Protocol):
    """A database in a transaction that commits when its `with` block ends well."""

    def columns(self) -> Mapping[str, Sequence[str]]:
        """The columns of every table."""

    def delete(self, table: str, marked_by: str | None) -> int:
        """Delete all rows, or those in which a column is true; how many."""

    def lasting(self, table: str) -> bool:
        """Whether what was deleted there cannot be taken back by the transaction."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How many rows went from which table; `at_once` are the tables of engines without transactions."""

    rows: Mapping[str, int]
    at_once: tuple[str, ...] = ()


def steps_of(written: Sequence[str]) -> list[Step]:
    """`A`, `B:soft` as steps; raises `UsageError` for another mode, and for a table that is named twice."""
    steps = []
    for word in written:
        table, colon, mode = (part.strip() for part in word.partition(":"))
        if not table or (colon and mode != _SOFT):
            raise UsageError(
                f"--tables {word!r} is no table", hint="write TABLE to empty it, TABLE:soft for marked rows"
            )
        steps.append(Step(table, bool(colon)))
    twice = [step.table for step in steps if sum(step.table.lower() == other.table.lower() for other in steps) > 1]
    if twice:
        raise UsageError(f"--tables names {twice[0]} twice", hint="name every table once")
    return steps


def clean(target: Target, steps: Sequence[Step]) -> Cleaned:
    """Clean the tables, all or none. Raises `JobError` naming an unknown table with its nearest, a missing column, and
    a database in use."""
    with _opened(target) as database:
        known = {name: names for name, names in database.columns().items() if not name.startswith(_OWN)}
        found = [_known(step, known) for step in steps]
        rows = {table: database.delete(table, mark) for table, mark in found}
        return Cleaned(rows, tuple(table for table in rows if database.lasting(table)))


def _known(step: Step, known: Mapping[str, Sequence[str]]) -> tuple[str, str | None]:
    """The table as the database spells it, and the column that marks rows as deleted."""
    table = _spelt(step.table, list(known))
    if table is None:
        near = get_close_matches(step.table, known, n=1, cutoff=0.5)
        raise JobError(
            f"there is no table {step.table!r}" + (f"; did you mean {near[0]}?" if near else ""),
            hint=f"tables: {', '.join(sorted(known)) or 'none'}. Nothing was cleaned",
        )
    if not step.soft:
        return table, None
    mark = _spelt(MARK, known[table])
    if mark is None:
        raise JobError(
            f"the table {table} has no column {MARK}, so no row of it is marked as deleted",
            hint=f"its columns: {', '.join(known[table])}. Nothing was cleaned",
        )
    return table, mark


def _spelt(name: str, known: Sequence[str]) -> str | None:
    if name in known:
        return name
    return next((each for each in known if each.lower() == name.lower()), None)


def _opened(target: Target) -> Any:
    return _sqlite(target.path) if isinstance(target, SqliteTarget) else _mysql(target)


@contextmanager
def _sqlite(path: Path) -> Iterator[Opened]:
    sqlite.refuse_ledger(path)
    if not path.is_file():
        raise JobError(f"{path} is no database: there is no such file", hint="check --database")
    sqlite.wait_until_unused(path)
    try:
        with closing(sqlite3.connect(path, timeout=sqlite.WAITED_FOR_WRITERS_S, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield _SqliteDatabase(database)
            database.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith(sqlite.DISK):
            raise JobError(
                f"{path}: {error}",
                hint=f"free space on the disk of {path.parent}, and look at its owner. Nothing was cleaned",
            ) from error
        raise NotYet(f"{path}: {error}", hint="try again when nobody writes to it") from error
    except sqlite3.DatabaseError as error:
        raise JobError(f"{path}: {error}", hint="`muhurat db restore` brings a backup back") from error


class _SqliteDatabase:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def columns(self) -> Mapping[str, Sequence[str]]:
        ask = self._database.execute
        return {
            table: [str(row[1]) for row in ask(f"PRAGMA table_info({sqlite.quoted(table)})")]
            for table in sqlite.table_names(self._database)
        }

    def delete(self, table: str, marked_by: str | None) -> int:
        where = f" WHERE {sqlite.quoted(marked_by)} = TRUE" if marked_by else ""
        return self._database.execute(f"DELETE FROM {sqlite.quoted(table)}{where}").rowcount

    def lasting(self, table: str) -> bool:
        return False


@contextmanager
def _mysql(target: MysqlTarget) -> Iterator[Opened]:
    try:
        import pymysql
    except ModuleNotFoundError as error:
        raise MissingDriver("PyMySQL", "mysql") from error
    try:
        with closing(
            pymysql.connect(
                host=target.host,
                port=target.port,
                user=target.user,
                password=target.password,
                database=target.database,
                charset="utf8mb4",
                connect_timeout=_CONNECT_S,
                autocommit=False,
            )
        ) as connection:
            yield _MysqlDatabase(connection)
            connection.commit()
    except pymysql.MySQLError as error:
        number = error.args[0] if error.args else 0
        words = error.args[1] if len(error.args) > 1 else error
        raise JobError(
            f"{target.database} at {target.host}:{target.port}: {words} ({number})",
            permanent=number not in _LATER,
            hint="check that the server runs, user, password and rights. Nothing was cleaned",
        ) from error


class _MysqlDatabase:
    """Closing its connection without a commit takes everything back."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._engines: dict[str, str] = {}

    def columns(self) -> Mapping[str, Sequence[str]]:
        where = "WHERE TABLE_SCHEMA = DATABASE()"
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES {where} AND TABLE_TYPE = 'BASE TABLE'"
            )
            self._engines = {name: engine or "" for name, engine in cursor.fetchall()}
            cursor.execute(
                f"SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS {where} ORDER BY ORDINAL_POSITION"
            )
            found: dict[str, list[str]] = {name: [] for name in self._engines}
            for table, column in cursor.fetchall():
                if table in found:
                    found[table].append(column)
        return found

    def delete(self, table: str, marked_by: str | None) -> int:
        where = f" WHERE {_quoted(marked_by)} = TRUE" if marked_by else ""
        with self._connection.cursor() as cursor:
            return int(cursor.execute(f"DELETE FROM {_quoted(table)}{where}"))

    def lasting(self, table: str) -> bool:
        return self._engines[table].lower() not in _TRANSACTIONAL


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
