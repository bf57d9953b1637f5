"""Reading the ledger: trades, positions and sessions as frozen facts, and the sums that risk limits need."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from muhurat.model.money import to_rupees
from muhurat.trading.ledger_schema import LedgerError, open_for_reading


@dataclass(frozen=True, slots=True)
class Trade:
    """One round trip. Money in rupees, exact; prices are averages over fills; the exit's fields are None while open.

    `side` is `CE` or `PE`; `outcome` `WIN`, `LOSS` or `FLAT` by `net`, which is after charges.
    """

    id: str
    session_id: str
    day: date
    mode: str
    symbol: str
    exchange: str
    side: str
    strike: Decimal
    expiry: date
    quantity: int
    signal_ns: int
    signal_strength: float
    modelled: bool
    entry_ns: int
    entry_price: Decimal
    exit_ns: int | None
    exit_price: Decimal | None
    charges: Decimal | None
    net: Decimal | None
    outcome: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """What is held: marked at `current_price` at `marked_ns`; `unrealized_pnl` is before charges."""

    trade_id: str
    symbol: str
    exchange: str
    quantity: int
    entry_price: Decimal
    current_price: Decimal
    unrealized_pnl: Decimal
    entry_ns: int
    marked_ns: int


@dataclass(frozen=True, slots=True)
class LedgerSession:
    """One trading day in one mode. The sums are None until it is closed.

    `max_drawdown` is the largest fall of realised net P&L from its peak (the day's start counts as 0), in rupees and
    never negative; `win_rate` the share of trades with a net profit, None without trades.
    """

    id: str
    day: date
    mode: str
    start_ns: int
    end_ns: int | None
    capital: Decimal
    parameters: dict[str, Any]
    total_pnl: Decimal | None
    trade_count: int | None
    max_drawdown: Decimal | None
    win_rate: float | None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing the trader was told or decided."""

    session_id: str
    seq: int
    at_ns: int
    kind: str
    payload: dict[str, Any]


class LedgerReader:
    """A ledger opened for reading; any number of processes may."""

    def __init__(self, path: Path) -> None:
        """Open the ledger at `path`. Raises `LedgerError` when there is none or a newer program wrote it."""
        self.path = path
        self._connection = open_for_reading(path)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def trades(self, day: date, mode: str | None = None) -> list[Trade]:
        """The trades of a day in order of entry, of one mode when given."""
        rows = self._rows(
            "SELECT * FROM trades WHERE date = ? AND mode = coalesce(?, mode) ORDER BY entry_ns, id",
            day.isoformat(),
            mode,
        )
        return [_trade(row) for row in rows]

    def trade(self, trade_id: str) -> Trade:
        """One trade. Raises `LedgerError` when it is unknown."""
        rows = self._rows("SELECT * FROM trades WHERE id = ?", trade_id)
        if not rows:
            raise LedgerError(f"the ledger {self.path} has no trade {trade_id!r}")
        return _trade(rows[0])

    def open_positions(self) -> list[OpenPosition]:
        """Everything that is held, whatever its session."""
        rows = self._rows(
            "SELECT * FROM positions JOIN trades ON trades.id = trade_id WHERE status = 'OPEN'"
            " ORDER BY entry_ns, trade_id"
        )
        return [_position(row) for row in rows]

    def session(self, day: date, mode: str | None = None) -> LedgerSession | None:
        """The session of a day, None when there is none. Raises `LedgerError` when several modes ran: say which."""
        rows = self._rows("SELECT * FROM sessions WHERE date = ? AND mode = coalesce(?, mode)", day.isoformat(), mode)
        if len(rows) > 1:
            raise LedgerError(f"{day} has sessions in the modes {', '.join(row['mode'] for row in rows)}; say which")
        return _session(rows[0]) if rows else None

    def session_by_id(self, session_id: str) -> LedgerSession:
        """A session by its id, such as `2026-11-20:test`. Raises `LedgerError` when it is unknown."""
        rows = self._rows("SELECT * FROM sessions WHERE id = ?", session_id)
        if not rows:
            raise LedgerError(f"the ledger {self.path} has no session {session_id!r}")
        return _session(rows[0])

    def events(self, session_id: str, after: int = -1) -> Iterator[Event]:
        """A session's events with `seq` beyond `after`, in order."""
        rows = self._rows("SELECT * FROM events WHERE session_id = ? AND seq > ? ORDER BY seq", session_id, after)
        return (
            Event(row["session_id"], row["seq"], row["at_ns"], row["kind"], json.loads(row["payload"])) for row in rows
        )

    def realised(self, session_id: str) -> Decimal:
        """Net P&L of a session's closed trades in rupees, after charges."""
        return sum(self._nets(session_id), Decimal(0))

    def integrity_check(self) -> list[str]:
        """Every problem of the file and of its sums; an empty list is a sound ledger."""
        problems = [str(row[0]) for row in self._rows("PRAGMA integrity_check") if row[0] != "ok"]
        problems += [f"{row[0]} row {row[1]} refers to nothing" for row in self._rows("PRAGMA foreign_key_check")]
        problems += [f"trade {row['id']}: its fills do not add up" for row in self._rows(_UNBALANCED)]
        return problems + [f"trade {row['id']}: its charges do not add up" for row in self._rows(_MISCHARGED)]

    def _nets(self, session_id: str) -> list[Decimal]:
        rows = self._rows(
            "SELECT pnl_paise FROM trades WHERE session_id = ? AND exit_ns IS NOT NULL ORDER BY exit_ns, id", session_id
        )
        return [to_rupees(row["pnl_paise"]) for row in rows]

    def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise LedgerError(f"the ledger {self.path} cannot be read: {error}") from error


_UNBALANCED = """
SELECT trades.id FROM trades
LEFT JOIN orders ON orders.trade_id = trades.id
LEFT JOIN fills ON fills.order_id = orders.id
GROUP BY trades.id
HAVING total(iif(role = 'entry', fills.quantity, 0)) != trades.quantity
    OR total(iif(role = 'exit', fills.quantity, 0)) != iif(exit_ns IS NULL, 0, trades.quantity)
    OR total(iif(role = 'entry', fills.quantity * price_paise, 0)) != entry_value_paise
    OR total(iif(role = 'exit', fills.quantity * price_paise, 0)) != coalesce(exit_value_paise, 0)
    OR pnl_paise + trades.charges_paise != total(iif(orders.side = 'SELL', 1, -1) * fills.quantity * price_paise)
"""
_MISCHARGED = """
SELECT trades.id FROM trades JOIN orders ON orders.trade_id = trades.id
GROUP BY trades.id HAVING trades.charges_paise != sum(orders.charges_paise)
"""


def _average(value_paise: int | None, quantity: int) -> Decimal | None:
    return None if value_paise is None else to_rupees(value_paise) / quantity


def _trade(row: sqlite3.Row) -> Trade:
    return Trade(
        id=row["id"],
        session_id=row["session_id"],
        day=date.fromisoformat(row["date"]),
        mode=row["mode"],
        symbol=row["symbol"],
        exchange=row["exchange"],
        side=row["side"],
        strike=Decimal(row["strike"]),
        expiry=date.fromisoformat(row["expiry"]),
        quantity=row["quantity"],
        signal_ns=row["signal_ns"],
        signal_strength=row["signal_strength"],
        modelled=bool(row["modelled"]),
        entry_ns=row["entry_ns"],
        entry_price=to_rupees(row["entry_value_paise"]) / row["quantity"],
        exit_ns=row["exit_ns"],
        exit_price=_average(row["exit_value_paise"], row["quantity"]),
        charges=None if row["charges_paise"] is None else to_rupees(row["charges_paise"]),
        net=None if row["pnl_paise"] is None else to_rupees(row["pnl_paise"]),
        outcome=row["outcome"],
        reason=row["reason"],
    )


def _position(row: sqlite3.Row) -> OpenPosition:
    return OpenPosition(
        trade_id=row["trade_id"],
        symbol=row["symbol"],
        exchange=row["exchange"],
        quantity=row["quantity"],
        entry_price=to_rupees(row["entry_value_paise"]) / row["quantity"],
        current_price=to_rupees(row["current_price_paise"]),
        unrealized_pnl=to_rupees(row["unrealized_pnl_paise"]),
        entry_ns=row["entry_ns"],
        marked_ns=row["marked_ns"],
    )


def _session(row: sqlite3.Row) -> LedgerSession:
    return LedgerSession(
        id=row["id"],
        day=date.fromisoformat(row["date"]),
        mode=row["mode"],
        start_ns=row["start_ns"],
        end_ns=row["end_ns"],
        capital=to_rupees(row["capital_paise"]),
        parameters=json.loads(row["parameters"]),
        total_pnl=None if row["total_pnl_paise"] is None else to_rupees(row["total_pnl_paise"]),
        trade_count=row["trade_count"],
        max_drawdown=None if row["max_drawdown_paise"] is None else to_rupees(row["max_drawdown_paise"]),
        win_rate=row["win_rate"],
    )
