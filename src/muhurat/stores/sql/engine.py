"""SQL databases by URL, and the two ways to use one: `writing`, where one process has its turn, and `reading`.

    engine = open_engine("sqlite:///./data/desk.db", base=desk.folder)
    with writing(engine) as connection:
        connection.execute(insert(runs).values(...))

Both commit at the end of the block, undo everything when it raises, and turn a database's errors into `StoreError`s
that name the database and the remedy. SQLite files are in WAL mode: readers see the last commit and disturb nobody.
MySQL and MariaDB are spoken to through PyMySQL, in utf8mb4.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from muhurat.errors import MissingDriver, StoreError
from muhurat.log import redact
from muhurat.stores.registry import path_of
from muhurat.stores.sql.failures import failure

WRITER_WAIT_S: Final = 30
"""So long a writer waits for its turn before it gives up."""
CONNECT_TIMEOUT_S: Final = 10
ANSWER_TIMEOUT_S: Final = 120
"""A server that says nothing for so long is taken for gone; more than a writer may have to wait."""

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -16384",  # KiB: a day's bhavcopy fits, so its pages are written once
    "PRAGMA wal_autocheckpoint = 4000",  # pages: a bhavcopy's commit does not wait for a checkpoint
)
_SQL_MODE: Final = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
_EXAMPLE: Final = "write mysql://user:password@host:3306/name"
_BEGIN: Final = "muhurat_begin"
_LONGEST_LOCK_NAME: Final = 64


def open_engine(url: str, base: Path) -> Engine:
    """The database of a URL: `sqlite:///./relative`, `sqlite:////absolute`, `mysql://user:password@host:port/name`.

    `base` is the folder where relative paths start; the folder of a SQLite file is made. Nothing is connected to yet.
    Raises `StoreError` for a wrong URL, `MissingDriver` when PyMySQL is not installed.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return _sqlite(path_of(url, base))
    if scheme == "mysql":
        return _mysql(url)
    raise StoreError(f"no SQL database for {scheme or redact(url)!r}", hint="write sqlite:///… or mysql://…")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes. One writer at a time, others wait up to `WRITER_WAIT_S`. Raises `StoreError`."""
    with _connected(engine, "BEGIN IMMEDIATE") as connection:
        if engine.dialect.name == "mysql":
            _take_turn(connection)
        with connection.begin():
            yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that reads, all of it from the same moment. Raises `StoreError`."""
    with _connected(engine, "BEGIN") as connection, connection.begin():
        yield connection


def place(engine: Engine) -> str:
    """Which database it is, for people: a file's path, or a name and `host:port`; without user and password."""
    url = engine.url
    if engine.dialect.name == "sqlite":
        return f"the database {url.database}"
    return f"the database {url.database} at {url.host}:{url.port or 3306}"


@contextmanager
def _connected(engine: Engine, begin: str) -> Iterator[Connection]:
    """A connection whose errors, of SQLAlchemy or of the driver beneath it, come out as the store's."""
    driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error
    try:
        with engine.connect().execution_options(**{_BEGIN: begin}) as connection:
            yield connection
    except (DBAPIError, driver_error) as error:
        raise failure(place(engine), error) from error


def _take_turn(connection: Connection) -> None:
    """Take the right to write: a lock of the server that dies with the connection; as in SQLite, one per database.

    Two processes that replace the same day would otherwise each miss the rows that the other is about to commit.
    """
    name = _lock_name(str(connection.engine.url.database))
    got = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (name, WRITER_WAIT_S)).scalar()
    connection.rollback()
    if got != 1:
        raise StoreError(
            f"{place(connection.engine)} is busy: another process has been writing to it for {WRITER_WAIT_S} s",
            permanent=False,
            hint="try again when the other process has finished; `muhurat day status` shows what runs",
        )


def _lock_name(database: str) -> str:
    name = f"muhurat:{database}"
    return name if len(name) <= _LONGEST_LOCK_NAME else f"muhurat:{sha256(database.encode()).hexdigest()[:40]}"


def _sqlite(path: Path) -> Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder {path.parent} cannot be made: {error.strerror}", hint="check its owner and its disk"
        ) from error
    # isolation_level None: the driver begins nothing by itself, `_begin` does
    engine = create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"isolation_level": None, "timeout": WRITER_WAIT_S}
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _mysql(url: str) -> Engine:
    """Connections are not kept: one that is closed gives its locks back, and none is stale after a server's restart."""
    try:
        address = make_url(url).set(drivername="mysql+pymysql")
    except (ArgumentError, ValueError) as error:
        raise StoreError(f"{redact(url)!r} is no database URL: {redact(str(error))}", hint=_EXAMPLE) from error
    if not address.database or not address.host:
        raise StoreError(f"{address.render_as_string()!r} names no server and database", hint=_EXAMPLE)
    try:
        return create_engine(
            address,
            poolclass=NullPool,
            isolation_level="REPEATABLE READ",
            connect_args={
                "charset": "utf8mb4",
                "connect_timeout": CONNECT_TIMEOUT_S,
                "read_timeout": ANSWER_TIMEOUT_S,
                "write_timeout": ANSWER_TIMEOUT_S,
                "init_command": f"SET SESSION sql_mode = '{_SQL_MODE}', innodb_lock_wait_timeout = {WRITER_WAIT_S}",
            },
        )
    except ModuleNotFoundError as error:
        raise MissingDriver("pymysql", "mysql") from error
