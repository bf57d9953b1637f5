"""Orders on their way: what a broker must offer the engine, and what the engine remembers of each order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from muhurat.model.bar import Bar
from muhurat.model.money import to_rupees
from muhurat.model.order import BrokerEvent, Fill, Order, Purpose
from muhurat.trading.charges import charges_on_turnover
from muhurat.trading.executed import ExecutedOrder, Execution
from muhurat.trading.risk import Approved


@dataclass(frozen=True, slots=True)
class Quote:
    """The touch of one instrument as one tick tells it, in rupees; NaN where there is none.

    `exchange_s` is the venue's own time in whole seconds, 0 when it sent none; `low` and `high` are the instrument's
    own range of the day.
    """

    symbol: str
    ts_recv_ns: int
    exchange_s: int
    last: float
    bid: float
    ask: float
    low: float
    high: float
    modelled: bool = False


class Broker(Protocol):
    """Takes approved orders and tells of their fate.

    Each method returns what it already knows; a live broker's events come later, as entries of the input log.
    """

    def place(self, approved: Approved) -> tuple[BrokerEvent, ...]: ...

    def cancel(self, order_id: str, at_ns: int) -> tuple[BrokerEvent, ...]:
        """Take a working order back; needs no ticket."""

    def on_bar(self, bar: Bar) -> tuple[BrokerEvent, ...]:
        """An instrument's bar is known as a whole."""

    def on_quote(self, quote: Quote) -> tuple[BrokerEvent, ...]:
        """A tick of an instrument that has a working order."""

    def on_end(self, at_ns: int) -> tuple[BrokerEvent, ...]:
        """The session is over; whatever still works has no further chance."""

    def net_quantity(self, symbol: str) -> int:
        """The broker's own idea of what we hold."""


@dataclass(frozen=True, slots=True)
class Working:
    """An order and its fills so far."""

    order: Order
    fills: tuple[Fill, ...] = ()

    @property
    def filled(self) -> int:
        return sum(fill.quantity for fill in self.fills)

    @property
    def left(self) -> int:
        return self.order.quantity - self.filled

    def with_fill(self, fill: Fill) -> Working:
        """The order after a fill; the same fill again changes nothing, more than was ordered raises `ValueError`."""
        if any(known.id == fill.id for known in self.fills):
            return self
        if fill.quantity > self.left:
            raise ValueError(f"fill {fill.id} of {fill.quantity} exceeds what is left of {self.order.id}: {self.left}")
        return replace(self, fills=(*self.fills, fill))

    def executed(self, exchange: str, day: date) -> ExecutedOrder:
        """What the ledger keeps of a done order, with its charges."""
        value = sum(fill.quantity * fill.price_paise for fill in self.fills)
        return ExecutedOrder(
            id=self.order.id,
            side=self.order.action.value,
            placed_ns=self.order.decided_ns,
            fills=tuple(Execution(to_rupees(fill.price_paise), fill.quantity, fill.at_ns) for fill in self.fills),
            charges=charges_on_turnover(self.order.action.value, to_rupees(value), exchange, day),
            reason=self.order.reason,
        )


def order_id(mode: str, day: date, number: int, purpose: Purpose) -> str:
    """Our own id of a session's n-th order, at most 20 letters and digits: Kite takes it as `tag`."""
    return f"{mode[0].upper()}{day:%y%m%d}{number:04d}{'N' if purpose is Purpose.ENTRY else 'X'}"
