"""Brokers that trade on paper, by stated rules (MISSION T7).

`CandleBroker`, for recorded candles: an order fills at the open of the option's first bar labelled after the signal; an
exit that finds no such bar fills at the option's last close; a stop or target that a candle touched fills at the price
given with the order. `QuoteBroker`, for a live feed: an order fills at the first quote received 250 ms or more after
the decision, a purchase at the ask and a sale at the bid; the quote must be fresh and lie in the option's own range.
Either fills the whole quantity at once and adds no slippage unless told to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from muhurat.clock import NS_PER_S
from muhurat.errors import MuhuratError
from muhurat.model.bar import Bar
from muhurat.model.money import to_paise
from muhurat.model.order import Action, BrokerEvent, Fill, Order, OrderEnded, Purpose
from muhurat.trading.orders import Broker, Quote
from muhurat.trading.parameters import Parameters
from muhurat.trading.risk import Approved

_NS_PER_MS: Final = 1_000_000
_BAND_SHARE: Final = 0.4
_BAND_RUPEES: Final = 20.0


class _PaperBook:
    """Working orders and net positions, which both brokers share."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.working: dict[str, Order] = {}
        self._net: dict[str, int] = {}

    def cancel(self, order_id: str, at_ns: int) -> tuple[BrokerEvent, ...]:
        order = self.working.pop(order_id, None)
        return () if order is None else (OrderEnded(order_id, at_ns, "cancelled"),)

    def net_quantity(self, symbol: str) -> int:
        return self._net.get(symbol, 0)

    def filled(self, order: Order, price_paise: int, at_ns: int, *, modelled: bool) -> Fill:
        """The whole order at a price, worsened by the slippage that was asked for."""
        slippage = to_paise(self.parameters.slippage)
        buying = order.action is Action.BUY
        self.working.pop(order.id, None)
        self._net[order.symbol] = self.net_quantity(order.symbol) + (order.quantity if buying else -order.quantity)
        return Fill(
            id=f"{order.id}F1",
            order_id=order.id,
            symbol=order.symbol,
            action=order.action,
            quantity=order.quantity,
            price_paise=max(0, price_paise + (slippage if buying else -slippage)),
            at_ns=at_ns,
            modelled=modelled,
        )

    def working_on(self, symbol: str) -> list[Order]:
        return [order for order in self.working.values() if order.symbol == symbol]

    def expired(self, at_ns: int) -> tuple[BrokerEvent, ...]:
        """Every order still working has no further chance."""
        ended = tuple(OrderEnded(order_id, at_ns, "expired") for order_id in self.working)
        self.working.clear()
        return ended


class CandleBroker:
    """Fills on whole candles."""

    def __init__(self, parameters: Parameters) -> None:
        self._book = _PaperBook(parameters)
        self._last: dict[str, Bar] = {}

    def place(self, approved: Approved) -> tuple[BrokerEvent, ...]:
        order = approved.order
        if order.at_paise is not None:
            modelled = self._last[order.symbol].modelled
            return (self._book.filled(order, order.at_paise, order.signal_ns, modelled=modelled),)
        self._book.working[order.id] = order
        return ()

    def cancel(self, order_id: str, at_ns: int) -> tuple[BrokerEvent, ...]:
        return self._book.cancel(order_id, at_ns)

    def on_bar(self, bar: Bar) -> tuple[BrokerEvent, ...]:
        self._last[bar.symbol] = bar
        return tuple(
            self._book.filled(order, to_paise(bar.open), bar.start_ns, modelled=bar.modelled)
            for order in self._book.working_on(bar.symbol)
            if bar.start_ns > order.signal_ns
        )

    def on_quote(self, quote: Quote) -> tuple[BrokerEvent, ...]:
        return ()

    def on_end(self, at_ns: int) -> tuple[BrokerEvent, ...]:
        exits = [order for order in self._book.working.values() if order.purpose is Purpose.EXIT]
        fills = tuple(self._at_last_close(order) for order in exits if order.symbol in self._last)
        return (*fills, *self._book.expired(at_ns))

    def net_quantity(self, symbol: str) -> int:
        return self._book.net_quantity(symbol)

    def _at_last_close(self, order: Order) -> Fill:
        bar = self._last[order.symbol]
        return self._book.filled(order, to_paise(bar.close), bar.end_ns, modelled=bar.modelled)


class QuoteBroker:
    """Fills on the touch of a live feed, whatever quantity the touch shows."""

    def __init__(self, parameters: Parameters) -> None:
        self._book = _PaperBook(parameters)
        self._delay_ns = parameters.fill_delay_ms * _NS_PER_MS
        self._age_ns = round(parameters.quote_age_s * NS_PER_S)

    def place(self, approved: Approved) -> tuple[BrokerEvent, ...]:
        self._book.working[approved.order.id] = approved.order
        return ()

    def cancel(self, order_id: str, at_ns: int) -> tuple[BrokerEvent, ...]:
        return self._book.cancel(order_id, at_ns)

    def on_bar(self, bar: Bar) -> tuple[BrokerEvent, ...]:
        return ()

    def on_quote(self, quote: Quote) -> tuple[BrokerEvent, ...]:
        orders = self._book.working_on(quote.symbol)
        if not orders or not self._fresh(quote):
            return ()
        fills = []
        for order in orders:
            price = quote.ask if order.action is Action.BUY else quote.bid
            if quote.ts_recv_ns >= order.decided_ns + self._delay_ns and _credible(price, quote):
                fills.append(self._book.filled(order, to_paise(price), quote.ts_recv_ns, modelled=quote.modelled))
        return tuple(fills)

    def on_end(self, at_ns: int) -> tuple[BrokerEvent, ...]:
        return self._book.expired(at_ns)

    def net_quantity(self, symbol: str) -> int:
        return self._book.net_quantity(symbol)

    def _fresh(self, quote: Quote) -> bool:
        return quote.exchange_s == 0 or quote.ts_recv_ns - quote.exchange_s * NS_PER_S <= self._age_ns


BROKERS: Final[Mapping[str, Callable[[Parameters], Broker]]] = {"candles": CandleBroker, "quotes": QuoteBroker}
"""The simulated brokers by the name that a session's facts give."""


def broker_named(name: str, parameters: Parameters) -> Broker:
    """A new simulated broker; raises `MuhuratError` for an unknown name."""
    if name not in BROKERS:
        raise MuhuratError(f"unknown broker {name!r}", hint=f"known: {', '.join(BROKERS)}")
    return BROKERS[name](parameters)


def _credible(price: float, quote: Quote) -> bool:
    """Whether a price can be this option's: in its range of the day, or in the exchange's price band around its last.

    The band is BSE's limit price protection, 40 % and at least 20 rupees; without it no order could fill on the quote
    that makes a new high. An index's price in an option's place is outside by far.
    """
    if not price > 0:
        return False
    band = max(_BAND_SHARE * quote.last, _BAND_RUPEES)
    low = min(quote.low, quote.last - band) if quote.low > 0 else quote.last - band
    high = max(quote.high, quote.last + band) if math.isfinite(quote.high) else quote.last + band
    return low <= price <= high
