"""The ledger: what the engine was told and decided, what it traded and what came of it.

One SQLite file, written by the engine alone and flushed to the disk with every transaction. Everything the engine
writes is written once: the same fact again (a replayed input log) changes nothing, another content under the same name
raises.

    with Ledger(path) as ledger:
        ledger.open_session(day, "test", start_ns, Decimal(500_000), parameters)
        with ledger.transaction():                      # one flush, all or nothing
            ledger.record_event(seq, at_ns, "signal", {...})
            ledger.open_trade(Opening(...))
        ledger.mark(trade_id, Decimal("312.40"), at_ns)
        ledger.close_trade(trade_id, [exit_order], reason="premium_target")
        ledger.close_session(end_ns)
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from muhurat.clock import ist
from muhurat.model.money import deepest_fall
from muhurat.trading.executed import CASH_SIGN, ExecutedOrder, Execution, Opening, check_executed, paise
from muhurat.trading.ledger_reader import LedgerReader, LedgerSession, OpenPosition, Trade
from muhurat.trading.ledger_schema import LedgerError, open_for_writing

__all__ = [
    "ExecutedOrder",
    "Execution",
    "Ledger",
    "LedgerError",
    "LedgerReader",
    "LedgerSession",
    "OpenPosition",
    "Opening",
    "Trade",
]


class Ledger(LedgerReader):
    """The ledger opened for writing, by one process at a time and from one thread.

    Every writing method raises `LedgerError` when the file cannot be written or the fact contradicts one that is kept.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the ledger at `path`. Raises `LedgerError` when another process writes it."""
        self.path = path
        self._lock = _lock(path)
        try:
            self._connection = open_for_writing(path)
        except LedgerError:
            self._lock.close()
            raise
        self._depth = 0
        self._session_id: str | None = None

    def close(self) -> None:
        super().close()
        self._lock.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything written in the block one transaction: all of it is kept, or none. Blocks may be nested."""
        self._depth += 1
        try:
            if self._depth == 1:
                self._connection.execute("BEGIN IMMEDIATE")
            yield
            if self._depth == 1:
                self._connection.execute("COMMIT")
        except BaseException as error:
            if self._depth == 1 and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise LedgerError(f"the ledger {self.path} cannot be written: {error}") from error
            raise
        finally:
            self._depth -= 1

    def open_session(self, day: date, mode: str, start_ns: int, capital: Decimal, parameters: Mapping[str, Any]) -> str:
        """Begin a day, or take it up again; events and trades belong to it from here on. Returns its id."""
        session_id = f"{day.isoformat()}:{mode}"
        row = {
            "date": day.isoformat(),
            "mode": mode,
            "start_ns": start_ns,
            "start_time": _clock_time(start_ns),
            "capital_paise": paise(capital),
            "parameters": _canonical(parameters),
        }
        with self.transaction():
            self._keep("sessions", {"id": session_id}, row)
        self._session_id = session_id
        return session_id

    def record_event(self, seq: int, at_ns: int, kind: str, payload: Mapping[str, Any]) -> None:
        """Append one event of the open session; `seq` is its number in the input log."""
        key = {"session_id": self._current(), "seq": seq}
        with self.transaction():
            self._keep("events", key, {"at_ns": at_ns, "kind": kind, "payload": _canonical(payload)})

    def open_trade(self, opening: Opening) -> None:
        """Keep a trade with its entry order and fills, and the position it makes."""
        session_id = self._current()
        day, mode = session_id.split(":", 1)
        entry = opening.entry
        check_executed(entry)
        entry_ns = min(fill.at_ns for fill in entry.fills)
        row = {
            "session_id": session_id,
            "date": day,
            "mode": mode,
            "symbol": opening.symbol,
            "exchange": opening.exchange,
            "side": opening.side,
            "strike": str(opening.strike),
            "expiry": opening.expiry.isoformat(),
            "quantity": entry.quantity,
            "signal_ns": opening.signal_ns,
            "signal_strength": float(opening.signal_strength),
            "modelled": int(opening.modelled),
            "entry_ns": entry_ns,
            "entry_value_paise": entry.value_paise,
        }
        with self.transaction():
            is_new = self._keep("trades", {"id": opening.trade_id}, row)
            self._keep_order(opening.trade_id, "entry", entry)
            if is_new:
                self._refuse_closed_session(session_id, opening.trade_id)
                self._hold(opening, entry_ns)

    def mark(self, trade_id: str, price: Decimal, at_ns: int) -> None:
        """Value an open position at a price; an older mark than the kept one changes nothing."""
        with self.transaction():
            self._connection.execute(
                "UPDATE positions SET current_price_paise = :price, marked_ns = :at, unrealized_pnl_paise = ("
                " SELECT iif(orders.side = 'BUY', 1, -1) * (:price * trades.quantity - entry_value_paise)"
                " FROM trades JOIN orders ON orders.trade_id = trades.id AND role = 'entry' WHERE trades.id = :trade)"
                " WHERE trade_id = :trade AND status = 'OPEN' AND marked_ns < :at",
                {"price": paise(price), "at": at_ns, "trade": trade_id},
            )

    def close_trade(self, trade_id: str, exits: Sequence[ExecutedOrder], reason: str) -> Trade:
        """Keep the orders that closed a trade completely, and what it made net of all charges."""
        with self.transaction():
            trade = self._stored_trade(trade_id)
            for order in exits:
                check_executed(order)
                self._keep_order(trade_id, "exit", order)
            result = self._result(trade, exits, reason)
            if trade["exit_ns"] is not None:
                _agree(f"trade {trade_id}", trade, result)
            else:
                self._finish(trade, result)
        return self.trade(trade_id)

    def close_session(self, end_ns: int) -> LedgerSession:
        """Close the open session and keep its sums. Raises `LedgerError` while one of its trades is open."""
        session_id = self._current()
        with self.transaction():
            row = self._one("SELECT * FROM sessions WHERE id = ?", session_id)
            result = {"end_ns": end_ns, "end_time": _clock_time(end_ns)} | self._sums(session_id)
            if row["end_ns"] is not None:
                _agree(f"session {session_id}", row, result)
            else:
                self._update("sessions", {"id": session_id}, result)
        return self.session_by_id(session_id)

    def _current(self) -> str:
        if self._session_id is None:
            raise LedgerError("no session is open in this ledger", hint="call open_session first")
        return self._session_id

    def _refuse_closed_session(self, session_id: str, trade_id: str) -> None:
        if self._one("SELECT end_ns FROM sessions WHERE id = ?", session_id)["end_ns"] is not None:
            raise LedgerError(f"session {session_id} is closed, trade {trade_id} comes too late")

    def _hold(self, opening: Opening, entry_ns: int) -> None:
        last = opening.entry.fills[-1]
        sign = -CASH_SIGN[opening.entry.side]
        row = {
            "symbol": opening.symbol,
            "entry_time": _clock_time(entry_ns),
            "status": "OPEN",
            "marked_ns": entry_ns,
            "current_price_paise": paise(last.price),
            "unrealized_pnl_paise": sign * (paise(last.price) * opening.entry.quantity - opening.entry.value_paise),
        }
        self._keep("positions", {"trade_id": opening.trade_id}, row)

    def _keep_order(self, trade_id: str, role: str, order: ExecutedOrder) -> None:
        row = {
            "trade_id": trade_id,
            "role": role,
            "side": order.side,
            "quantity": order.quantity,
            "placed_ns": order.placed_ns,
            "reason": order.reason,
            "charges_paise": order.charges.total_paise,
            "charges": _canonical(order.charges.as_dict()),
        }
        self._keep("orders", {"id": order.id}, row)
        for number, fill in enumerate(order.fills, 1):
            key = {"order_id": order.id, "number": number}
            values = {"price_paise": paise(fill.price), "quantity": fill.quantity, "at_ns": fill.at_ns}
            self._keep("fills", key, values)

    def _stored_trade(self, trade_id: str) -> sqlite3.Row:
        return self._one(
            "SELECT trades.*, orders.side AS entry_side, orders.charges_paise AS entry_charges_paise"
            " FROM trades JOIN orders ON orders.trade_id = trades.id AND role = 'entry' WHERE trades.id = ?",
            trade_id,
        )

    def _result(self, trade: sqlite3.Row, exits: Sequence[ExecutedOrder], reason: str) -> dict[str, Any]:
        quantity = sum(order.quantity for order in exits)
        if quantity != trade["quantity"]:
            raise LedgerError(f"trade {trade['id']} holds {trade['quantity']}, its exits are {quantity}")
        if any(order.side == trade["entry_side"] for order in exits):
            raise LedgerError(f"trade {trade['id']} was entered and left by {trade['entry_side']}")
        value = sum(order.value_paise for order in exits)
        charges = trade["entry_charges_paise"] + sum(order.charges.total_paise for order in exits)
        net = -CASH_SIGN[trade["entry_side"]] * (value - trade["entry_value_paise"]) - charges
        return {
            "exit_ns": max(fill.at_ns for order in exits for fill in order.fills),
            "exit_value_paise": value,
            "charges_paise": charges,
            "pnl_paise": net,
            "outcome": "WIN" if net > 0 else "LOSS" if net < 0 else "FLAT",
            "reason": reason,
        }

    def _finish(self, trade: sqlite3.Row, result: Mapping[str, Any]) -> None:
        self._update("trades", {"id": trade["id"]}, result)
        position = {
            "status": "CLOSED",
            "exit_time": _clock_time(result["exit_ns"]),
            "marked_ns": result["exit_ns"],
            "current_price_paise": result["exit_value_paise"] // trade["quantity"],
            "unrealized_pnl_paise": 0,
        }
        self._update("positions", {"trade_id": trade["id"]}, position)

    def _sums(self, session_id: str) -> dict[str, Any]:
        still_open = self._rows("SELECT id FROM trades WHERE session_id = ? AND exit_ns IS NULL", session_id)
        if still_open:
            raise LedgerError(f"session {session_id} still holds {', '.join(row['id'] for row in still_open)}")
        nets = [paise(net) for net in self._nets(session_id)]
        wins = sum(net > 0 for net in nets)
        return {
            "total_pnl_paise": sum(nets),
            "trade_count": len(nets),
            "max_drawdown_paise": deepest_fall(nets),
            "win_rate": wins / len(nets) if nets else None,
        }

    def _keep(self, table: str, key: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
        """Insert a row once; whether it was new. Raises when the kept one says otherwise."""
        where = " AND ".join(f"{column} = :{column}" for column in key)
        kept = self._connection.execute(f"SELECT * FROM {table} WHERE {where}", key).fetchone()
        if kept is not None:
            _agree(f"{table} {'/'.join(map(str, key.values()))}", kept, row)
            return False
        whole = {**key, **row}
        marks = ", ".join(f":{column}" for column in whole)
        self._connection.execute(f"INSERT INTO {table} ({', '.join(whole)}) VALUES ({marks})", whole)
        return True

    def _update(self, table: str, key: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        changes = ", ".join(f"{column} = :{column}" for column in row)
        where = " AND ".join(f"{column} = :{column}" for column in key)
        self._connection.execute(f"UPDATE {table} SET {changes} WHERE {where}", {**key, **row})

    def _one(self, sql: str, key: str) -> sqlite3.Row:
        rows = self._rows(sql, key)
        if not rows:
            raise LedgerError(f"the ledger {self.path} knows nothing of {key!r}")
        return rows[0]


def _agree(what: str, kept: sqlite3.Row, told: Mapping[str, Any]) -> None:
    differing = [f"{column} {kept[column]!r} -> {value!r}" for column, value in told.items() if kept[column] != value]
    if differing:
        raise LedgerError(f"{what} is kept with another content: {', '.join(differing)}")


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False)


def _clock_time(instant_ns: int) -> str:
    return ist(instant_ns).isoformat(timespec="milliseconds")


def _lock(path: Path) -> IO[bytes]:
    """The lock file of a ledger, held; it is let go when the file is closed or the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.fdopen(os.open(path.with_name(path.name + ".lock"), os.O_WRONLY | os.O_CREAT, 0o600), "wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise LedgerError(
            f"the ledger {path} is being written by another process",
            permanent=False,
            hint="one trader per ledger: stop the other one, or give this one its own file",
        ) from error
    return file
