"""The embedded cache: one SQLite file that any number of the desk's processes share.

It holds nothing that cannot be fetched again, so it may be deleted whenever no process of the desk runs.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from muhurat.clock import Clock
from muhurat.errors import StoreError
from muhurat.stores.base import Cached
from muhurat.stores.registry import path_of
from muhurat.stores.sql.failures import failure

WRITER_WAIT_S: Final = 10
"""So long a process waits for its turn to write."""

_PREPARE: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS cache_values (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, stored_ns INTEGER NOT NULL, ttl_s REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cache_points (
    number INTEGER PRIMARY KEY AUTOINCREMENT, series TEXT NOT NULL, at_ns INTEGER NOT NULL, point BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS cache_points_by_series ON cache_points (series, number);
"""
_BEGINS_WITH: Final = "substr({column}, 1, length(:prefix)) = :prefix"


def open_cache(url: str, *, base: Path, clock: Clock) -> SqliteCache:
    """See `stores.registry.open_cache`."""
    return SqliteCache(path_of(url, base), clock)


class SqliteCache:
    """See `stores.base.Cache`; may be used from several threads."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open or make the file. Raises `StoreError`."""
        self._place = f"the cache {path}"
        self._clock = clock
        self._lock = Lock()
        self._connection = self._open(path)

    def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        row = (key, bytes(value), self._clock.now_ns(), ttl_s)
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO cache_values VALUES (?, ?, ?, ?)", row)

    def get(self, key: str) -> Cached | None:
        with self._use() as connection:
            found = connection.execute("SELECT value, stored_ns, ttl_s FROM cache_values WHERE key = ?", (key,))
            row = found.fetchone()
        return Cached(*row) if row is not None else None

    def delete(self, prefix: str = "") -> int:
        with self._transaction() as connection:
            of_series = f"FROM cache_points WHERE {_BEGINS_WITH.format(column='series')}"
            (series,) = connection.execute(f"SELECT count(DISTINCT series) {of_series}", {"prefix": prefix}).fetchone()
            connection.execute(f"DELETE {of_series}", {"prefix": prefix})
            values = connection.execute(
                f"DELETE FROM cache_values WHERE {_BEGINS_WITH.format(column='key')}", {"prefix": prefix}
            ).rowcount
        return int(series + values)

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that hold a value, in order."""
        query = f"SELECT key FROM cache_values WHERE {_BEGINS_WITH.format(column='key')} ORDER BY key"
        with self._use() as connection:
            return [key for (key,) in connection.execute(query, {"prefix": prefix})]

    def series_names(self, prefix: str = "") -> list[str]:
        where = _BEGINS_WITH.format(column="series")
        with self._use() as connection:
            found = connection.execute(
                f"SELECT DISTINCT series FROM cache_points WHERE {where} ORDER BY 1", {"prefix": prefix}
            )
            return [name for (name,) in found]

    def append(self, series: str, point: bytes, *, keep: int) -> None:
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO cache_points (series, at_ns, point) VALUES (?, ?, ?)",
                (series, self._clock.now_ns(), bytes(point)),
            )
            connection.execute(
                "DELETE FROM cache_points WHERE series = :series AND number <= (SELECT number FROM cache_points"
                " WHERE series = :series ORDER BY number DESC LIMIT 1 OFFSET :keep)",
                {"series": series, "keep": keep},
            )

    def series(self, series: str, newest: int | None = None) -> list[tuple[int, bytes]]:
        query = "SELECT at_ns, point FROM cache_points WHERE series = ? ORDER BY number DESC LIMIT ?"
        with self._use() as connection:
            rows = connection.execute(query, (series, -1 if newest is None else newest)).fetchall()
        return [(at_ns, point) for at_ns, point in reversed(rows)]

    def close(self) -> None:
        self._connection.close()

    def _open(self, path: Path) -> sqlite3.Connection:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(path, isolation_level=None, timeout=WRITER_WAIT_S, check_same_thread=False)
            connection.executescript(_PREPARE)
        except sqlite3.Error as error:
            raise failure(self._place, error) from error
        except OSError as error:
            raise StoreError(
                f"{self._place} cannot be made: {error.strerror}", hint="check its folder, the owner and the disk"
            ) from error
        return connection

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                yield self._connection
        except (sqlite3.Error, UnicodeEncodeError) as error:
            raise failure(self._place, error) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._use() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection
