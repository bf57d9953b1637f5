"""Orders, positions and trades as fills make them, and the ledger that keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from muhurat.model.money import to_paise, to_rupees
from muhurat.model.order import ExitReason, Fill, Order, OrderEnded, Purpose
from muhurat.model.position import Position, Trade, closed, with_charges, with_fill
from muhurat.trading.contracts import Contract
from muhurat.trading.executed import ExecutedOrder, Opening
from muhurat.trading.orders import Working


class Book(Protocol):
    """The ledger, as far as the engine writes it; each call may be repeated with the same content."""

    def transaction(self) -> AbstractContextManager[None]: ...

    def open_session(
        self, day: date, mode: str, start_ns: int, capital: Decimal, parameters: Mapping[str, Any]
    ) -> str: ...

    def record_event(self, seq: int, at_ns: int, kind: str, payload: Mapping[str, Any]) -> None: ...

    def open_trade(self, opening: Opening) -> None: ...

    def mark(self, trade_id: str, price: Decimal, at_ns: int) -> None: ...

    def close_trade(self, trade_id: str, exits: Sequence[ExecutedOrder], reason: str) -> object: ...

    def close_session(self, end_ns: int) -> object: ...


class NoBook:
    """A ledger that keeps nothing, for runs whose result is their output."""

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()

    def open_session(self, day: date, mode: str, start_ns: int, capital: Decimal, parameters: Mapping[str, Any]) -> str:
        return f"{day.isoformat()}:{mode}"

    def record_event(self, seq: int, at_ns: int, kind: str, payload: Mapping[str, Any]) -> None:
        return

    def open_trade(self, opening: Opening) -> None:
        return

    def mark(self, trade_id: str, price: Decimal, at_ns: int) -> None:
        return

    def close_trade(self, trade_id: str, exits: Sequence[ExecutedOrder], reason: str) -> None:
        return

    def close_session(self, end_ns: int) -> None:
        return


@dataclass(frozen=True, slots=True)
class Intent:
    """What an entry order is for, kept until it fills."""

    trade_id: str
    contract: Contract
    strength: float


class Account:
    """The desk's orders and its position, from our own fills alone."""

    def __init__(self, day: date, book: Book) -> None:
        self.position: Position | None = None
        self.working: dict[str, Working] = {}
        self._day = day
        self._book = book
        self._intents: dict[str, Intent] = {}
        self._exits: list[ExecutedOrder] = []
        self._contract: Contract | None = None

    def placed(self, order: Order, intent: Intent | None = None) -> None:
        """Remember an order that is on its way; `intent` is an entry's."""
        self.working[order.id] = Working(order)
        if intent is not None:
            self._intents[order.id] = intent

    def entries(self) -> list[str]:
        """Ids of working entries."""
        return [key for key, each in self.working.items() if each.order.purpose is Purpose.ENTRY]

    def exiting(self, symbol: str) -> int:
        """The quantity of working exits of a symbol that has not filled yet."""
        exits = (each for each in self.working.values() if each.order.purpose is Purpose.EXIT)
        return sum(each.left for each in exits if each.order.symbol == symbol)

    def open_quantity(self) -> dict[str, int]:
        """Our own open quantity by symbol."""
        return {self.position.symbol: self.position.open_quantity} if self.position else {}

    def fill(self, fill: Fill) -> bool:
        """Apply a fill; tells whether it is an entry's first. A fill of an unknown order raises `KeyError`."""
        working = self.working[fill.order_id]
        after = working.with_fill(fill)
        if after is working:
            return False
        opens = self.position is None
        if opens:
            self.position = self._opened(working.order, fill)
        if self.position is not None:
            self.position = with_fill(self.position, fill)
        self.working[fill.order_id] = after
        if after.left == 0:
            self._done(fill.order_id)
        return opens

    def ended(self, event: OrderEnded) -> Working | None:
        """An order got no more than it has; returns it, None when it was not working."""
        working = self.working.get(event.order_id)
        if working is not None:
            self._done(event.order_id)
        return working

    def finished(self, reason: ExitReason, at_ns: int) -> Trade | None:
        """The trade that is complete now, once; None while there is no position or some of it is open."""
        position = self.position
        if position is None or position.open_quantity or self.working:
            return None
        trade = closed(position, reason, at_ns)
        self._book.close_trade(trade.id, self._exits, reason.value)
        self.position, self._exits, self._contract = None, [], None
        return trade

    def mark(self, price: float, at_ns: int) -> None:
        """Value the open position in the ledger."""
        if self.position is not None:
            self._book.mark(self.position.trade_id, to_rupees(to_paise(price)), at_ns)

    def _opened(self, order: Order, fill: Fill) -> Position:
        intent = self._intents[order.id]
        self._contract = intent.contract
        return Position(
            trade_id=intent.trade_id,
            symbol=order.symbol,
            side=intent.contract.side,
            strike=intent.contract.strike,
            signal_ns=order.signal_ns,
            strength=intent.strength,
            opened_ns=fill.at_ns,
        )

    def _done(self, order_id: str) -> None:
        """Charge an order that is done, and tell the ledger."""
        working = self.working.pop(order_id)
        intent = self._intents.pop(order_id, None)
        if not working.fills or self.position is None or self._contract is None:
            return
        executed = working.executed(self._contract.exchange, self._day)
        self.position = with_charges(self.position, executed.charges.total_paise)
        if intent is None:
            self._exits.append(executed)
        else:
            self._book.open_trade(_opening(intent, self.position, executed))


def _opening(intent: Intent, position: Position, entry: ExecutedOrder) -> Opening:
    contract = intent.contract
    return Opening(
        trade_id=position.trade_id,
        symbol=position.symbol,
        exchange=contract.exchange,
        side=contract.side,
        strike=contract.strike,
        expiry=contract.expiry,
        signal_ns=position.signal_ns,
        signal_strength=position.strength,
        entry=entry,
        modelled=position.modelled,
    )
