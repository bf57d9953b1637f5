"""The exchange's side of an order: it arrives, waits for its trigger, takes from the book, rests, and ends.

An order reaches the exchange `LATENCY_NS` of desk time after it was sent. Arriving, it takes what the book offers
within its limit, level by level; what is left rests and is filled at its own price when the book comes to it. The book
is not ours to consume: an order does not change the prices that follow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from muhurat.simulator.conductor import Conductor
from muhurat.simulator.kite.account import Account
from muhurat.simulator.kite.bands import automatic_protection, circuit, protected_price, protection_band
from muhurat.simulator.kite.errors import order_error
from muhurat.simulator.kite.order import TERMINAL, Order, Status, Trade, rupees
from muhurat.simulator.kite.order_form import Change, OrderType, Validity
from muhurat.simulator.kite.tape import Tape
from muhurat.simulator.market.base import Frame, Market, Quote

LATENCY_NS: Final = 30_000_000

Teller = Callable[[Order, Status], None]


class Exchange:
    """Matches the user's orders against the simulated book."""

    def __init__(
        self,
        market: Market,
        tape: Tape,
        conductor: Conductor,
        account: Account,
        tell: Teller,
        latency_ns: int = LATENCY_NS,
    ) -> None:
        self._market = market
        self._tape = tape
        self._conductor = conductor
        self._account = account
        self._tell = tell
        self._latency_ns = latency_ns
        self._resting: defaultdict[int, list[Order]] = defaultdict(list)
        self._trades: list[Trade] = []
        tape.follow(self._on_frame)

    def submit(self, order: Order) -> None:
        """Send an order."""
        self._later(lambda: self._arrive(order))

    def amend(self, order: Order, change: Change) -> None:
        """Send other terms for an order; they come to nothing if it has ended by then."""
        self._later(lambda: self._apply(order, change))

    def withdraw(self, order: Order) -> None:
        """Ask for an order's end."""
        self._later(lambda: self._end(order, Status.CANCELLED))

    def trades(self, number: str | None = None) -> list[dict[str, Any]]:
        """The day's trades, or one order's."""
        return [trade.facts() for trade in self._trades if number in (None, trade.order.order_id)]

    def _later(self, act: Callable[[], None]) -> None:
        if self._latency_ns:
            self._conductor.call_at(self._conductor.now_ns + self._latency_ns, act)
        else:
            act()

    def _arrive(self, order: Order) -> None:
        order.exchange_order_id = str(1_500_000_000_000_000 + int(order.order_id) % 1_000_000_000_000)
        if refusal := self._refusal(order):
            order.status_message = refusal
            self._end(order, Status.REJECTED)
        elif order.order_type.triggered:
            order.enter(Status.TRIGGER_PENDING, self._conductor.now_ns)
            self._rest(order)
            self._consider(order, self._quote(order))
        else:
            self._open(order)

    def _refusal(self, order: Order) -> str | None:
        instrument, quote = order.listed.instrument, self._quote(order)
        for band in (circuit(instrument, quote), protection_band(instrument, quote)):
            if order.price and not band.allows(order.price):
                return f"Price exceeds circuit limits: {rupees(band.low)} to {rupees(band.high)}."
        return None

    def _open(self, order: Order) -> None:
        order.enter(Status.OPEN, self._conductor.now_ns)
        self._tell(order, Status.OPEN)
        self._rest(order)
        self._match(order, self._quote(order), arriving=True)
        if order.validity is Validity.IOC and order.status not in TERMINAL:
            self._end(order, Status.CANCELLED)

    def _apply(self, order: Order, change: Change) -> None:
        if order.status in TERMINAL:
            return
        waiting = order.order_type.triggered
        order.quantity = change.quantity or order.quantity
        order.price = change.price or order.price
        order.trigger_price = change.trigger_price or order.trigger_price
        order.order_type = change.order_type or order.order_type
        order.validity = change.validity or order.validity
        order.protection = change.protection if change.protection is not None else order.protection
        if order.order_type is OrderType.MARKET:
            make_limit(order, self._quote(order).last_price)
        order.enter(Status.MODIFIED, self._conductor.now_ns)
        self._tell(order, Status.UPDATE)
        if waiting and order.order_type.triggered:
            order.enter(Status.TRIGGER_PENDING, self._conductor.now_ns)
            self._consider(order, self._quote(order))
        else:
            self._open(order)

    def _on_frame(self, frame: Frame) -> None:
        if not self._resting:
            return
        for token in frame.tokens:
            for order in list(self._resting.get(token, ())):
                self._consider(order, self._quote(order))

    def _consider(self, order: Order, quote: Quote) -> None:
        if not order.order_type.triggered:
            self._match(order, quote, arriving=False)
        elif _reached(order, quote.last_price):
            order.order_type = OrderType.MARKET if order.order_type is OrderType.SL_M else OrderType.LIMIT
            if order.order_type is OrderType.MARKET:
                make_limit(order, quote.last_price)
            self._open(order)

    def _match(self, order: Order, quote: Quote, *, arriving: bool) -> None:
        taken = 0
        for level in quote.asks if order.buying else quote.bids:
            within = level.price <= order.price if order.buying else level.price >= order.price
            quantity = min(order.pending, level.quantity)
            if quantity == 0 or not within:
                break
            self._fill(order, level.price if arriving else order.price, quantity)
            taken += quantity
        if order.pending == 0:
            self._end(order, Status.COMPLETE)
        elif taken:
            order.enter(Status.OPEN, self._conductor.now_ns)
            self._tell(order, Status.UPDATE)

    def _fill(self, order: Order, price: int, quantity: int) -> None:
        trade = Trade(str(10_000_000 + len(self._trades)), order, price, quantity, self._conductor.now_ns)
        order.filled += quantity
        order.worth += price * quantity
        self._trades.append(trade)
        self._account.book(trade)

    def _rest(self, order: Order) -> None:
        resting = self._resting[order.listed.token]
        if order not in resting:
            resting.append(order)
            self._tape.want([order.listed.token])

    def _end(self, order: Order, status: Status) -> None:
        if order.status in TERMINAL:
            return
        if status is Status.CANCELLED:
            order.cancelled = order.pending
        resting = self._resting[order.listed.token]
        if order in resting:
            resting.remove(order)
            self._tape.unwant([order.listed.token])
        if not resting:
            del self._resting[order.listed.token]
        order.enter(status, self._conductor.now_ns)
        self._tell(order, status)

    def _quote(self, order: Order) -> Quote:
        return self._market.state(order.listed.token, self._conductor.now_ns)


def make_limit(order: Order, last_price: int) -> None:
    """Make a market order the limit order at the edge of its protection that Kite makes of it."""
    if last_price == 0 or order.protection is None:
        raise order_error("There is no price to protect a market order against.")
    instrument, percent = order.listed.instrument, order.protection
    if percent < 0:
        percent = automatic_protection(instrument, last_price)
    order.order_type = OrderType.LIMIT
    order.price = protected_price(instrument, last_price, percent, buying=order.buying)
    order.tags += ["mktp", f"mktp:{percent:.2f}"]


def _reached(order: Order, last_price: int) -> bool:
    return last_price >= order.trigger_price if order.buying else last_price <= order.trigger_price
