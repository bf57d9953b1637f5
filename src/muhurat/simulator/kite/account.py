"""The simulated user's money: positions out of trades, and a margin simple enough to foresee.

Premium and shares are paid in cash. Short options and futures block `MARGIN_PERCENT` of what the contract is worth (the
strike, or the future's price, times the quantity); real SPAN margins are about that size. Amounts are paise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.kite.errors import margin_error
from muhurat.simulator.kite.order import Trade, rupees
from muhurat.simulator.market.base import Market, SimInstrument

OPENING_BALANCE: Final = 10_00_000_00
"""Ten lakh rupees."""

MARGIN_PERCENT: Final = 12

_HELD: Final = (
    (151064324, "NIFTYBEES", "INF204KB14I2", 400, 0, 251.4, 286.15),
    (141209604, "SENSEXBEES", "INF204KB12Y5", 0, 50, 921.0, 926.35),
)
"""Token, symbol, ISIN, settled and still coming quantity, average and last price in rupees."""

_UNUSED: Final = (
    "exposure",
    "m2m_realised",
    "m2m_unrealised",
    "payout",
    "holding_sales",
    "turnover",
    "liquid_collateral",
    "stock_collateral",
    "delivery",
)


@dataclass(slots=True)
class Position:
    """What was bought and sold of one instrument in one product today; quantities in units, values in paise."""

    listed: SimInstrument
    product: str
    bought: int = 0
    bought_for: int = 0
    sold: int = 0
    sold_for: int = 0

    @property
    def quantity(self) -> int:
        return self.bought - self.sold

    def facts(self, last_price: int, close: int) -> dict[str, Any]:
        """A row of `/portfolio/positions`."""
        instrument, quantity = self.listed.instrument, self.quantity
        value = self.sold_for - self.bought_for
        pnl = rupees(value + quantity * last_price)
        open_price = _average(self.bought_for, self.bought) if quantity > 0 else _average(self.sold_for, self.sold)
        sides = {
            "buy_quantity": self.bought,
            "buy_price": _average(self.bought_for, self.bought),
            "buy_value": rupees(self.bought_for),
            "sell_quantity": self.sold,
            "sell_price": _average(self.sold_for, self.sold),
            "sell_value": rupees(self.sold_for),
        }
        return {
            "tradingsymbol": instrument.symbol,
            "exchange": instrument.exchange,
            "instrument_token": instrument.token,
            "product": self.product,
            "quantity": quantity,
            "overnight_quantity": 0,
            "multiplier": 1,
            "average_price": open_price if quantity else 0,
            "close_price": rupees(close),
            "last_price": rupees(last_price),
            "value": rupees(value),
            "pnl": pnl,
            "m2m": pnl,
            "unrealised": pnl,
            "realised": 0,
            **sides,
            "buy_m2m": sides["buy_value"],
            "sell_m2m": sides["sell_value"],
            **{f"day_{name}": amount for name, amount in sides.items()},
        }


class Account:
    """One user's positions and funds on one simulated day, which begins without positions."""

    def __init__(self, market: Market, conductor: Conductor, opening_balance: int = OPENING_BALANCE) -> None:
        self.opening_balance = opening_balance
        self._market = market
        self._conductor = conductor
        self._positions: dict[tuple[int, str], Position] = {}

    def book(self, trade: Trade) -> None:
        """Count a trade."""
        order = trade.order
        key = order.listed.token, str(order.product)
        position = self._positions.setdefault(key, Position(order.listed, str(order.product)))
        if order.buying:
            position.bought += trade.quantity
            position.bought_for += trade.quantity * trade.price
        else:
            position.sold += trade.quantity
            position.sold_for += trade.quantity * trade.price

    def required(self, instrument: Instrument, product: str, signed_quantity: int, price: int) -> int:
        """What an order blocks; nothing for the part of it that closes a position."""
        position = self._positions.get((instrument.token, product))
        held = position.quantity if position is not None else 0
        closing = min(abs(held), abs(signed_quantity)) if held * signed_quantity < 0 else 0
        opening = abs(signed_quantity) - closing
        if instrument.type is InstrumentType.FUTURE or (instrument.type.is_option and signed_quantity < 0):
            return _margin(instrument, opening, price)
        return opening * price

    def afford(self, required: int, blocked: int) -> None:
        """Raise Kite's margin error unless `required` is there on top of what working orders have `blocked`."""
        available = self.available() - blocked
        if required > available:
            raise margin_error(required / 100, available / 100)

    def available(self) -> int:
        """Cash after today's trades, less the margin of open positions."""
        return self.opening_balance + self._cash_flow() - self._margins()

    def positions(self) -> dict[str, Any]:
        """The answer of `/portfolio/positions`."""
        rows = []
        for position in self._positions.values():
            quote = self._market.state(position.listed.token, self._conductor.now_ns)
            rows.append(position.facts(quote.last_price, quote.close))
        return {"net": rows, "day": rows}

    def holdings(self) -> list[dict[str, Any]]:
        """The answer of `/portfolio/holdings`: what was bought on earlier days and does not move today."""
        return [_holding(*row) for row in _HELD]

    def margins(self) -> dict[str, Any]:
        """The answer of `/user/margins`."""
        premium, margin = -self._cash_flow(), self._margins()
        live = self.opening_balance - premium - margin
        return {
            "equity": _segment(self.opening_balance, live, premium, margin),
            "commodity": _segment(0, 0, 0, 0),
        }

    def _cash_flow(self) -> int:
        return sum(self._settled(position) for position in self._positions.values())

    def _settled(self, position: Position) -> int:
        """Futures are marked to market, everything else is paid for in full."""
        paid = position.sold_for - position.bought_for
        if position.listed.instrument.type is InstrumentType.FUTURE:
            paid += position.quantity * self._last_price(position)
        return paid

    def _margins(self) -> int:
        total = 0
        for position in self._positions.values():
            instrument, quantity = position.listed.instrument, position.quantity
            if instrument.type is InstrumentType.FUTURE or (instrument.type.is_option and quantity < 0):
                total += _margin(instrument, abs(quantity), self._last_price(position))
        return total

    def _last_price(self, position: Position) -> int:
        return self._market.state(position.listed.token, self._conductor.now_ns).last_price


def _margin(instrument: Instrument, quantity: int, price: int) -> int:
    worth = int(instrument.strike * 100) if instrument.type.is_option else price
    return quantity * worth * MARGIN_PERCENT // 100


def _average(value: int, quantity: int) -> float:
    return round(value / quantity / 100, 4) if quantity else 0


def _holding(token: int, symbol: str, isin: str, settled: int, t1: int, paid: float, last: float) -> dict[str, Any]:
    return {
        "tradingsymbol": symbol,
        "exchange": "BSE",
        "instrument_token": token,
        "isin": isin,
        "product": "CNC",
        "price": 0,
        "quantity": settled,
        "used_quantity": 0,
        "t1_quantity": t1,
        "realised_quantity": settled,
        "authorised_quantity": 0,
        "opening_quantity": settled + t1,
        "collateral_quantity": 0,
        "collateral_type": "",
        "discrepancy": False,
        "average_price": paid,
        "last_price": last,
        "close_price": last,
        "pnl": round((last - paid) * (settled + t1), 2),
        "day_change": 0,
        "day_change_percentage": 0,
    }


def _segment(opening: int, live: int, premium: int, margin: int) -> dict[str, Any]:
    available = {
        "adhoc_margin": 0,
        "cash": rupees(opening),
        "opening_balance": rupees(opening),
        "live_balance": rupees(live),
        "collateral": 0,
        "intraday_payin": 0,
    }
    utilised = {
        "debits": rupees(premium + margin),
        "option_premium": rupees(premium),
        "span": rupees(margin),
        **dict.fromkeys(_UNUSED, 0),
    }
    return {"enabled": True, "net": rupees(live), "available": available, "utilised": utilised}
