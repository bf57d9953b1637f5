"""A market small enough to foresee: three instruments, one packet a second, prices that follow a rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time
from decimal import Decimal

import numpy as np

from muhurat.clock import NS_PER_S, ist_ns
from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.simulator.market.base import Candle, Frame, Level, Quote, Series, SimInstrument

DAY = date(2026, 11, 20)
OPEN_NS = ist_ns(DAY, time(9, 15))
OPEN_S = OPEN_NS // NS_PER_S
DELAY_NS = NS_PER_S // 2
SECONDS = 300

INDEX, CALL, FUTURE = 265, 860_001 << 8 | 5, 860_002 << 8 | 5
CALL_SYMBOL, FUTURE_SYMBOL = "SENSEX26NOV85000CE", "SENSEX26NOVFUT"


def _instrument(token: int, symbol: str, kind: InstrumentType, strike: int = 0) -> Instrument:
    index = kind is InstrumentType.INDEX
    segment = "INDICES" if index else "BFO-OPT" if kind.is_option else "BFO-FUT"
    return Instrument(
        token=token,
        exchange_token=token >> 8,
        symbol=symbol,
        name="SENSEX",
        exchange="BSE" if index else "BFO",
        segment=segment,
        type=kind,
        expiry=None if index else date(2026, 11, 26),
        strike=Decimal(strike),
        tick_size=Decimal(0) if index else Decimal("0.05"),
        lot_size=0 if index else 20,
    )


INSTRUMENTS = (
    SimInstrument(_instrument(INDEX, "SENSEX", InstrumentType.INDEX)),
    SimInstrument(_instrument(CALL, CALL_SYMBOL, InstrumentType.CALL, 85_000), modelled=True),
    SimInstrument(_instrument(FUTURE, FUTURE_SYMBOL, InstrumentType.FUTURE)),
)


def index_quote(second: int) -> Quote:
    last = 8_500_000 + 7 * second
    return Quote(exchange_s=OPEN_S + second, last_price=last, open=8_500_000, high=last, low=8_500_000, close=8_490_013)


def option_quote(second: int, base: int = 100_00) -> Quote:
    """Last price 100.00 rising by 5 paise a second; a book of 100, 200, ... units one tick apart, two ticks wide."""
    last = base + 5 * second
    return Quote(
        exchange_s=OPEN_S + second,
        last_price=last,
        open=base,
        high=last,
        low=base,
        close=base - 500,
        last_quantity=20,
        average_price=(base + last) // 2,
        volume=20 * (second + 1),
        buy_quantity=1500,
        sell_quantity=1600,
        last_trade_time=OPEN_S + second,
        oi=4000 + second,
        oi_day_high=4000 + second,
        oi_day_low=4000,
        bids=tuple(Level(last - 5 * step, 100 * step, step) for step in range(1, 6)),
        asks=tuple(Level(last + 5 * step, 100 * step, step) for step in range(1, 6)),
    )


def future_quote(second: int) -> Quote:
    return option_quote(second, base=8_520_000)


class TinyMarket:
    """Five minutes from 09:15 on; packets are sent half a second after the exchange's second."""

    day = DAY
    source = "tiny"

    def __init__(self, seconds: int = SECONDS) -> None:
        rules = {INDEX: index_quote, CALL: option_quote, FUTURE: future_quote}
        self.quotes = {token: [rule(second) for second in range(seconds)] for token, rule in rules.items()}
        sent = [OPEN_NS + second * NS_PER_S + DELAY_NS for second in range(seconds)]
        self._series = {
            token: Series.of(token, token != INDEX, list(zip(sent, quotes, strict=True)))
            for token, quotes in self.quotes.items()
        }

    def instruments(self) -> Sequence[SimInstrument]:
        return INSTRUMENTS

    def series(self, token: int) -> Series:
        return self._series[token]

    def state(self, token: int, at_ns: int) -> Quote:
        row = int(np.searchsorted(self._series[token].send_ns, at_ns, "right")) - 1
        quote = self.quotes[token][max(row, 0)]
        if row >= 0:
            return quote
        close = quote.close
        return Quote(exchange_s=0, last_price=close, open=0, high=0, low=0, close=close, oi=quote.oi)

    def candles(
        self, token: int, interval_minutes: int, from_ns: int, to_ns: int, *, at_ns: int | None = None
    ) -> list[Candle]:
        per = interval_minutes * 60
        found = []
        for start in range(0, len(self.quotes[token]), per):
            rows = self.quotes[token][start : start + per]
            rows = [row for row in rows if at_ns is None or row.exchange_s * NS_PER_S <= at_ns]
            if rows and from_ns <= (OPEN_S + start) * NS_PER_S <= to_ns:
                prices = [row.last_price for row in rows]
                volume = 20 * len(rows) if token != INDEX else 0
                shape = (prices[0], max(prices), min(prices), prices[-1])
                found.append(Candle(OPEN_S + start, *shape, volume, rows[-1].oi))
        return found

    def frames(self, tokens: Iterable[int], from_ns: int, to_ns: int) -> Iterator[Frame]:
        wanted = tuple(sorted(tokens))
        times = self._series[INDEX].send_ns
        for row, send_ns in enumerate(times.tolist()):
            if from_ns <= send_ns < to_ns:
                yield Frame(send_ns, wanted, (row,) * len(wanted))
