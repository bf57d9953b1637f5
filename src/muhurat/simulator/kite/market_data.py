"""The market as Kite's REST tells it: the instrument dump, quotes, candles."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any, Final

from muhurat.clock import IST, NS_PER_S, ist, to_ns
from muhurat.model.instrument import InstrumentType
from muhurat.simulator.kite.bands import circuit, protection_band
from muhurat.simulator.kite.errors import input_error
from muhurat.simulator.kite.order import rupees, stamp
from muhurat.simulator.market.base import DAY_MINUTES, Candle, Level, Market, Quote, SimInstrument

DUMP_HEADER: Final = (
    "instrument_token",
    "exchange_token",
    "tradingsymbol",
    "name",
    "last_price",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
)
INTERVALS: Final = {
    "minute": (1, 60),
    "3minute": (3, 100),
    "5minute": (5, 100),
    "10minute": (10, 100),
    "15minute": (15, 200),
    "30minute": (30, 200),
    "60minute": (60, 400),
    "day": (DAY_MINUTES, 2000),
}
"""Per interval: its minutes, and the most days one request may span."""


class MarketData:
    """Answers market data requests about the instruments of one day."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._listed = {each.instrument.key: each for each in market.instruments()}
        self._by_token = {each.token: each for each in market.instruments()}

    def dump(self, exchange: str | None = None, *, late: bool = False) -> bytes:
        """The instruments CSV, of one exchange or of all, with or without the strikes that are added during the day."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(DUMP_HEADER)
        for each in self._market.instruments():
            if exchange in (None, each.instrument.exchange) and (late or not each.late):
                writer.writerow(_dump_row(each))
        return text.getvalue().encode()

    def quotes(self, keys: list[str], now_ns: int) -> dict[str, Any]:
        """Full quotes by `EXCHANGE:SYMBOL`; what does not exist is left out."""
        return {key: _quote(each, self._state(each, now_ns)) for key, each in self._found(keys).items()}

    def ohlc(self, keys: list[str], now_ns: int) -> dict[str, Any]:
        """Last price and the day's open, high, low and yesterday's close."""
        return {
            key: {**_last(each, state := self._state(each, now_ns)), "ohlc": _ohlc(state)}
            for key, each in self._found(keys).items()
        }

    def ltp(self, keys: list[str], now_ns: int) -> dict[str, Any]:
        """Last prices."""
        return {key: _last(each, self._state(each, now_ns)) for key, each in self._found(keys).items()}

    def history(self, token: str, interval: str, params: dict[str, str], now_ns: int) -> dict[str, Any]:
        """Candles of one instrument up to now; `params` holds `from`, `to` and `oi` as Kite takes them."""
        listed = self._by_token.get(int(token)) if token.isdecimal() else None
        if listed is None:
            raise input_error("invalid token")
        if interval not in INTERVALS:
            raise input_error(f"invalid interval {interval!r}; known: {', '.join(INTERVALS)}")
        minutes, most_days = INTERVALS[interval]
        begin, end = _moment(params, "from"), _moment(params, "to")
        if end < begin:
            raise input_error("invalid from date: it is after the to date")
        if end - begin > timedelta(days=most_days):
            raise input_error(f"interval exceeds max limit: {most_days} days")
        with_oi = params.get("oi") == "1"
        candles = self._market.candles(listed.token, minutes, to_ns(begin), to_ns(end), at_ns=now_ns)
        return {"candles": [_candle(candle, with_oi=with_oi) for candle in candles]}

    def _found(self, keys: list[str]) -> dict[str, SimInstrument]:
        return {key: self._listed[key] for key in keys if key in self._listed}

    def _state(self, listed: SimInstrument, now_ns: int) -> Quote:
        return self._market.state(listed.token, now_ns)


def _dump_row(listed: SimInstrument) -> tuple[object, ...]:
    row = listed.instrument
    kind = InstrumentType.EQUITY if row.type is InstrumentType.INDEX else row.type
    return (
        row.token,
        row.exchange_token,
        row.symbol,
        row.name,
        0,
        row.expiry or "",
        f"{row.strike.normalize():f}",
        f"{row.tick_size.normalize():f}",
        row.lot_size,
        kind,
        row.segment,
        row.exchange,
    )


def _last(listed: SimInstrument, quote: Quote) -> dict[str, Any]:
    last = {"instrument_token": listed.token, "last_price": rupees(quote.last_price)}
    return last | {"modelled": True} if listed.modelled else last


def _ohlc(quote: Quote) -> dict[str, Any]:
    return {name: rupees(getattr(quote, name)) for name in ("open", "high", "low", "close")}


def _quote(listed: SimInstrument, quote: Quote) -> dict[str, Any]:
    told = {**_last(listed, quote), "timestamp": _when(quote.exchange_s), "ohlc": _ohlc(quote)}
    if not listed.tradable:
        change = rupees(quote.last_price - quote.close)
        return {**told, "tradingsymbol": listed.instrument.symbol, "net_change": change, "indicative_close_price": 0}
    limits, protection = circuit(listed.instrument, quote), protection_band(listed.instrument, quote)
    return {
        **told,
        "last_trade_time": _when(quote.last_trade_time),
        "last_quantity": quote.last_quantity,
        "buy_quantity": quote.buy_quantity,
        "sell_quantity": quote.sell_quantity,
        "volume": quote.volume,
        "average_price": rupees(quote.average_price),
        "oi": quote.oi,
        "oi_day_high": quote.oi_day_high,
        "oi_day_low": quote.oi_day_low,
        "net_change": 0,
        "lower_circuit_limit": rupees(limits.low),
        "upper_circuit_limit": rupees(limits.high),
        "low_limit_price_protection": rupees(protection.low),
        "high_limit_price_protection": rupees(protection.high),
        "reference_limit_price": 0,
        "indicative_close_price": 0,
        "total_imbalance_qty": 0,
        "depth": {"buy": [_level(level) for level in quote.bids], "sell": [_level(level) for level in quote.asks]},
    }


def _level(level: Level) -> dict[str, Any]:
    return {"price": rupees(level.price), "quantity": level.quantity, "orders": level.orders}


def _candle(candle: Candle, *, with_oi: bool) -> list[Any]:
    when = ist(candle.start_s * NS_PER_S).strftime("%Y-%m-%dT%H:%M:%S%z")
    prices = [rupees(price) for price in (candle.open, candle.high, candle.low, candle.close)]
    return [when, *prices, candle.volume, *([candle.oi] if with_oi else [])]


def _moment(params: dict[str, str], name: str) -> datetime:
    text = params.get(name, "")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=IST)
    except ValueError:
        raise input_error(f"invalid {name} date {text!r}; write yyyy-mm-dd hh:mm:ss") from None


def _when(epoch_s: int) -> str | None:
    return stamp(epoch_s * NS_PER_S) if epoch_s else None
