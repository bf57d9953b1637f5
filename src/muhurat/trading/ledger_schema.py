"""The ledger's tables, and how a ledger file is opened and brought to the present schema.

Money is kept twice: exact in integer paise (`..._paise`), and under the seed's column names in rupees, computed by the
database from the paise for people and their queries. Instants are UTC nanoseconds (`..._ns`), the seed's `..._time`
columns are ISO 8601 in IST. Orders, fills and events are never changed or deleted, nor is a closed trade: triggers
refuse it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from muhurat.errors import StoreError


class LedgerError(StoreError):
    """The ledger cannot keep or find something, or was told two different things under one name."""


_VERSION_1: Final = (
    """CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        date TEXT NOT NULL,
        mode TEXT NOT NULL,
        start_ns INTEGER NOT NULL,
        start_time TEXT NOT NULL,
        end_ns INTEGER,
        end_time TEXT,
        capital_paise INTEGER NOT NULL,
        parameters TEXT NOT NULL,
        total_pnl_paise INTEGER,
        trade_count INTEGER,
        max_drawdown_paise INTEGER,
        win_rate REAL,
        total_pnl REAL GENERATED ALWAYS AS (total_pnl_paise / 100.0) VIRTUAL,
        max_drawdown REAL GENERATED ALWAYS AS (max_drawdown_paise / 100.0) VIRTUAL,
        UNIQUE (date, mode)
    ) STRICT""",
    """CREATE TABLE trades (
        id TEXT PRIMARY KEY,
        session_id TEXT NOT NULL REFERENCES sessions (id),
        date TEXT NOT NULL,
        mode TEXT NOT NULL,
        symbol TEXT NOT NULL,
        exchange TEXT NOT NULL,
        side TEXT NOT NULL,
        strike TEXT NOT NULL,
        expiry TEXT NOT NULL,
        quantity INTEGER NOT NULL,
        signal_ns INTEGER NOT NULL,
        signal_strength REAL NOT NULL,
        modelled INTEGER NOT NULL,
        entry_ns INTEGER NOT NULL,
        entry_value_paise INTEGER NOT NULL,
        exit_ns INTEGER,
        exit_value_paise INTEGER,
        charges_paise INTEGER,
        pnl_paise INTEGER,
        outcome TEXT,
        reason TEXT,
        entry_price REAL GENERATED ALWAYS AS (entry_value_paise / 100.0 / quantity) VIRTUAL,
        exit_price REAL GENERATED ALWAYS AS (exit_value_paise / 100.0 / quantity) VIRTUAL,
        pnl REAL GENERATED ALWAYS AS (pnl_paise / 100.0) VIRTUAL
    ) STRICT""",
    "CREATE INDEX trades_by_session ON trades (session_id, exit_ns)",
    """CREATE TABLE positions (
        trade_id TEXT PRIMARY KEY REFERENCES trades (id),
        symbol TEXT NOT NULL,
        entry_time TEXT NOT NULL,
        exit_time TEXT,
        status TEXT NOT NULL,
        marked_ns INTEGER NOT NULL,
        current_price_paise INTEGER NOT NULL,
        unrealized_pnl_paise INTEGER NOT NULL,
        current_price REAL GENERATED ALWAYS AS (current_price_paise / 100.0) VIRTUAL,
        unrealized_pnl REAL GENERATED ALWAYS AS (unrealized_pnl_paise / 100.0) VIRTUAL
    ) STRICT""",
    """CREATE TABLE orders (
        id TEXT PRIMARY KEY,
        trade_id TEXT NOT NULL REFERENCES trades (id),
        role TEXT NOT NULL CHECK (role IN ('entry', 'exit')),
        side TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
        quantity INTEGER NOT NULL,
        placed_ns INTEGER NOT NULL,
        reason TEXT NOT NULL,
        charges_paise INTEGER NOT NULL,
        charges TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX orders_by_trade ON orders (trade_id)",
    """CREATE TABLE fills (
        order_id TEXT NOT NULL REFERENCES orders (id),
        number INTEGER NOT NULL,
        price_paise INTEGER NOT NULL,
        quantity INTEGER NOT NULL,
        at_ns INTEGER NOT NULL,
        PRIMARY KEY (order_id, number)
    ) STRICT""",
    """CREATE TABLE events (
        session_id TEXT NOT NULL REFERENCES sessions (id),
        seq INTEGER NOT NULL,
        at_ns INTEGER NOT NULL,
        kind TEXT NOT NULL,
        payload TEXT NOT NULL,
        PRIMARY KEY (session_id, seq)
    ) STRICT""",
    *(
        f"CREATE TRIGGER {table}_never_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
        for table in ("orders", "fills", "events")
        for verb in ("UPDATE", "DELETE")
    ),
    """CREATE TRIGGER closed_trades_stay BEFORE UPDATE ON trades WHEN old.exit_ns IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a closed trade is never changed'); END""",
    """CREATE TRIGGER trades_never_delete BEFORE DELETE ON trades
        BEGIN SELECT RAISE(ABORT, 'trades are never deleted'); END""",
    """CREATE TRIGGER closed_sessions_stay BEFORE UPDATE ON sessions WHEN old.end_ns IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a closed session is never changed'); END""",
)

MIGRATIONS: Final[tuple[Sequence[str], ...]] = (_VERSION_1,)
"""The statements that lead from each schema version to the next; the file's version is how many of them it has had."""


def open_for_writing(path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> sqlite3.Connection:
    """Open the ledger at `path`, created readable by its owner alone, at the present schema."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=5)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection, path, migrations)
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger {path} cannot be opened: {error}") from error
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open an existing ledger without the right to change it."""
    if not path.is_file():
        raise LedgerError(f"there is no ledger at {path}", hint="the trader writes one on its first session")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        connection.row_factory = sqlite3.Row
        _refuse_newer(connection, path, MIGRATIONS)
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger {path} cannot be read: {error}") from error
    return connection


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]]) -> None:
    version = _refuse_newer(connection, path, migrations)
    for number, statements in enumerate(migrations[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        except sqlite3.Error:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _refuse_newer(connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]]) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        raise LedgerError(
            f"the ledger {path} has schema {version}, this program knows {len(migrations)}",
            hint="use the newer Muhurat that wrote it",
        )
    return version
