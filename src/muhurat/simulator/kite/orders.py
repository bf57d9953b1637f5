"""The order desk: takes order forms, checks them as Kite does before it accepts one, and keeps the day's order book."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from muhurat.calendars.calendar import calendar_for
from muhurat.calendars.session import Session
from muhurat.clock import ist
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.kite.account import Account
from muhurat.simulator.kite.bands import freeze_quantity, tick_paise
from muhurat.simulator.kite.errors import KiteError, input_error, order_error
from muhurat.simulator.kite.exchange import Exchange, make_limit
from muhurat.simulator.kite.order import TERMINAL, Order, Status, order_id
from muhurat.simulator.kite.order_form import Change, OrderForm, OrderType, Variety
from muhurat.simulator.market.base import Market, SimInstrument

MOST_MODIFICATIONS: Final = 25
MOST_SLICES: Final = 10

_CALENDARS: Final = {"BFO": ("XBOM", "FO"), "BSE": ("XBOM", "CM"), "NFO": ("XNSE", "FO"), "NSE": ("XNSE", "CM")}
_CLOSED: Final = "Markets are closed right now. Use variety amo to place an order for the next session."
_WORKING: Final = frozenset({Status.OPEN, Status.TRIGGER_PENDING, Status.AMO})


class OrderDesk:
    """All orders of the simulated user's day."""

    def __init__(
        self, market: Market, conductor: Conductor, exchange: Exchange, account: Account, user_id: str
    ) -> None:
        self._market = market
        self._conductor = conductor
        self._exchange = exchange
        self._account = account
        self._user_id = user_id
        self._listed = {each.instrument.key: each for each in market.instruments()}
        self._orders: dict[str, Order] = {}
        self._numbers = count(1)
        self._sessions: dict[str, Session | None] = {}

    def place(self, form: OrderForm) -> dict[str, Any]:
        """Register an order; the answer of `POST /orders/{variety}`. Raises `KiteError`, and then there is no order."""
        listed = self._find(form)
        freeze = freeze_quantity(listed.instrument)
        if freeze is None or form.quantity <= freeze:
            return {"order_id": self._register(form, listed, form.quantity).order_id}
        if not form.autoslice:
            raise input_error(f"Quantity {form.quantity} is above the freeze quantity {freeze}; use autoslice.")
        return self._place_slices(form, listed, freeze)

    def modify(self, number: str, change: Change) -> dict[str, Any]:
        """Ask for other terms; the answer of `PUT /orders/{variety}/{id}`."""
        order = self._working(number, "modified")
        if order.modifications >= MOST_MODIFICATIONS:
            raise order_error("Maximum allowed order modifications exceeded.")
        quantity = order.quantity if change.quantity is None else change.quantity
        self._check_terms(order.listed, quantity, change.price, change.trigger_price)
        if quantity <= order.filled:
            raise order_error("Quantity is not above what has been filled already.")
        order.modifications += 1
        order.modified = True
        order.enter(Status.MODIFY_VALIDATION_PENDING, self._conductor.now_ns)
        order.enter(Status.MODIFY_PENDING, self._conductor.now_ns)
        self._exchange.amend(order, change)
        return {"order_id": number}

    def cancel(self, number: str) -> dict[str, Any]:
        """Ask for an end; the answer of `DELETE /orders/{variety}/{id}`."""
        order = self._working(number, "cancelled")
        order.enter(Status.CANCEL_PENDING, self._conductor.now_ns)
        self._exchange.withdraw(order)
        return {"order_id": number}

    def orders(self) -> list[dict[str, Any]]:
        """The order book of the day."""
        return [order.facts() for order in self._orders.values()]

    def history(self, number: str) -> list[dict[str, Any]]:
        """All states an order has been in."""
        return self._order(number).history

    def trades(self, number: str | None = None) -> list[dict[str, Any]]:
        """The day's trades, or one order's."""
        if number is not None:
            self._order(number)
        return self._exchange.trades(number)

    def _find(self, form: OrderForm) -> SimInstrument:
        listed = self._listed.get(f"{form.exchange}:{form.symbol}")
        if listed is None or not listed.tradable:
            raise input_error("The instrument you are placing an order for has either expired or does not exist.")
        self._check_terms(listed, form.quantity, form.price or None, form.trigger_price or None)
        session = self._session(form.exchange)
        if form.variety is Variety.REGULAR and (session is None or not session.contains(self._conductor.now_ns)):
            raise order_error(_CLOSED)
        return listed

    def _check_terms(self, listed: SimInstrument, quantity: int, *prices: int | None) -> None:
        instrument = listed.instrument
        if quantity % instrument.lot_size:
            raise input_error(f"Quantity must be a multiple of the lot size {instrument.lot_size}.")
        if any(price % tick_paise(instrument) for price in prices if price is not None):
            tick = instrument.tick_size
            raise input_error(
                f"Tick size for this instrument is {tick}. Kindly enter price in the multiple of tick size."
            )

    def _session(self, exchange: str) -> Session | None:
        if exchange not in self._sessions:
            mic, segment = _CALENDARS[exchange]
            day = ist(self._conductor.now_ns).date()
            self._sessions[exchange] = calendar_for(mic, segment).session(day)
        return self._sessions[exchange]

    def _place_slices(self, form: OrderForm, listed: SimInstrument, freeze: int) -> dict[str, Any]:
        sizes = list(_slices(form.quantity, freeze))
        if len(sizes) > MOST_SLICES:
            raise input_error(f"An order may be sliced into at most {MOST_SLICES} parts.")
        parent = order_id(self._conductor.now_ns, next(self._numbers))
        children: list[dict[str, Any]] = []
        for size in sizes:
            try:
                order = self._register(form, listed, size, parent)
                children.append({"order_id": order.order_id})
            except KiteError as refused:
                children.append({"error": refused.facts()})
        return {"order_id": parent, "children": children}

    def _register(self, form: OrderForm, listed: SimInstrument, quantity: int, parent: str | None = None) -> Order:
        now_ns = self._conductor.now_ns
        order = Order(
            order_id=order_id(now_ns, next(self._numbers)),
            user_id=self._user_id,
            listed=listed,
            variety=form.variety,
            side=form.side,
            quantity=quantity,
            product=form.product,
            order_type=form.order_type,
            price=form.price,
            trigger_price=form.trigger_price,
            validity=form.validity,
            disclosed_quantity=form.disclosed_quantity,
            protection=form.protection,
            tag=form.tag,
            placed_ns=now_ns,
            tags=["autoslice", f"autoslice:{parent}"] if parent else [],
        )
        if order.order_type is OrderType.MARKET:
            quote = self._market.state(listed.token, now_ns)
            make_limit(order, quote.last_price)
        blocked = sum(self._required(each) for each in self._orders.values() if each.status not in TERMINAL)
        self._account.afford(self._required(order), blocked)
        self._orders[order.order_id] = order
        order.enter(Status.PUT, now_ns)
        if form.variety is Variety.AMO:
            order.enter(Status.AMO, now_ns)
            return order
        order.enter(Status.VALIDATION_PENDING, now_ns)
        order.enter(Status.OPEN_PENDING, now_ns)
        self._exchange.submit(order)
        return order

    def _required(self, order: Order) -> int:
        signed = order.pending if order.buying else -order.pending
        price = order.price or order.trigger_price
        return self._account.required(order.listed.instrument, str(order.product), signed, price)

    def _order(self, number: str) -> Order:
        order = self._orders.get(number)
        if order is None:
            raise order_error(f"Couldn't find that `order_id` {number}.")
        return order

    def _working(self, number: str, wish: str) -> Order:
        order = self._order(number)
        if order.status in TERMINAL:
            raise order_error(f"Order cannot be {wish} as it is {order.status.lower()}.")
        if order.status not in _WORKING:
            raise order_error(f"Order cannot be {wish} as it is being processed. Try later.")
        return order


def _slices(quantity: int, freeze: int) -> Iterator[int]:
    while quantity > 0:
        yield min(quantity, freeze)
        quantity -= freeze
