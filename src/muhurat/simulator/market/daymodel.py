"""One session of the modelled exchange: every instrument's packets along the underlying's path, real candles first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.simulator.market.activity import LIQUID_PACKETS, Activity, activity_of
from muhurat.simulator.market.bars import CandleBars, prices_of, seconds_with_bars, volumes_of
from muhurat.simulator.market.base import Floats, Ints, Prices, Series
from muhurat.simulator.market.flow import (
    Contract,
    Opening,
    Ticks,
    contract_series,
    index_series,
    open_interest,
    random_trades,
    spread_in_ticks,
)
from muhurat.simulator.market.hours import DayHours, Exchange
from muhurat.simulator.market.listing import NIFTY, SENSEX, TICK_PAISE, expiry_of
from muhurat.simulator.market.paths import DayPath, nifty_points
from muhurat.simulator.market.pricing import SECONDS_PER_YEAR, black76, smile
from muhurat.simulator.market.seeds import Purpose, stream
from muhurat.simulator.market.timing import packet_seconds, send_instants

_NOISE_IN_SPREADS: Final = 0.3


class DayModel:
    """Makes packets for one session; the same ones for the same seed, whatever was asked for before."""

    def __init__(
        self,
        seed: int,
        hours: DayHours,
        path: DayPath,
        exchange: Exchange,
        bars: Mapping[int, CandleBars] | None = None,
        implied: frozenset[int] = frozenset(),
    ) -> None:
        """`bars` are the candles to reproduce, by token; those of the tokens in `implied` are not real ones."""
        self.hours = hours
        self.path = path
        self._seed = seed
        self._exchange = exchange
        self._bars = bars or {}
        self._implied = implied

    def real(self, token: int) -> bool:
        """Whether the instrument's prices are those of real candles."""
        return token in self._bars and token not in self._implied

    def ticks(self, row: Instrument, opening_oi: int | None = None) -> Ticks:
        """The packets of an instrument; without `opening_oi` its open interest starts at a level of its own."""
        bars = self._bars.get(row.token)
        exchange_s = self._packet_seconds(row, bars)
        price = self._modelled_prices(row, exchange_s) if bars is None else self._real_prices(row, bars, exchange_s)
        traded = self._traded(row, bars, exchange_s)
        random = self._stream(row, Purpose.OPEN_INTEREST)
        if row.type is InstrumentType.INDEX:
            return Ticks(exchange_s, price, traded, traded)
        own_oi = int(self._activity(row).open_lots * random.lognormal(0.0, 0.3)) * row.lot_size
        opening = own_oi if opening_oi is None else opening_oi
        return Ticks(exchange_s, price, traded, open_interest(random, opening, traded, row.lot_size))

    def series(self, row: Instrument, opening: Opening) -> Series:
        """The packets of an instrument in full, as sent."""
        ticks = self.ticks(row, opening.oi)
        send_ns = send_instants(self._stream(row, Purpose.DELAYS), ticks.exchange_s)
        if row.type is InstrumentType.INDEX:
            return index_series(row.token, send_ns, ticks, opening.close)
        dressing = self._stream(row, Purpose.DRESSING)
        return contract_series(self._contract(row), send_ns, ticks, opening, dressing, self._stream(row, Purpose.BOOK))

    def fair_prices(self, row: Instrument, exchange_s: Ints) -> Floats:
        """What the model holds an instrument worth at some of the day's seconds, in rupees or points."""
        at = self.path.positions(exchange_s)
        if row.type is InstrumentType.INDEX:
            return self._index_points(row)[at]
        spot, level = self.path.spot[at], self.path.vol[at]
        years = self._years_left(row, exchange_s)
        forward = spot * np.exp(self.path.carry * years)
        if row.type is InstrumentType.FUTURE:
            return forward
        strike = float(row.strike)
        vol = level * smile(forward, strike, level, years)
        return black76(row.type is InstrumentType.CALL, forward, strike, vol, years)

    def _index_points(self, row: Instrument) -> Floats:
        if row.token == SENSEX:
            return self.path.spot
        if row.token == NIFTY:
            return nifty_points(self.path, self._seed, self.hours.day, row.token)
        return self.path.vol * 100.0

    def _years_left(self, row: Instrument, exchange_s: Ints) -> Floats:
        closes_s = self._exchange.expiry_close_s(expiry_of(row))
        years: Floats = (closes_s - exchange_s) / SECONDS_PER_YEAR
        return years

    def _packet_seconds(self, row: Instrument, bars: CandleBars | None) -> Ints:
        activity = self._activity(row)
        index = row.type is InstrumentType.INDEX
        seconds = self.hours.quoted(index=index, expiring=row.expiry == self.hours.day)
        random = self._stream(row, Purpose.TIMES)
        if bars is not None:
            return packet_seconds(
                random, seconds_with_bars(bars, seconds), activity.packets, max(activity.at_least, LIQUID_PACKETS)
            )
        busy = self.hours.u_shape[np.searchsorted(self.hours.seconds, seconds)]
        return packet_seconds(random, seconds, activity.packets * np.sqrt(busy), activity.at_least)

    def _modelled_prices(self, row: Instrument, exchange_s: Ints) -> Prices:
        paise = self.fair_prices(row, exchange_s) * 100.0
        if row.type is InstrumentType.INDEX:
            return np.rint(paise).astype(np.int32)
        spread = spread_in_ticks(paise.astype(np.int32), self._contract(row))
        noise = self._stream(row, Purpose.PRICES).standard_normal(len(paise)) * spread * _NOISE_IN_SPREADS
        ticks: Ints = np.maximum(np.rint(paise / TICK_PAISE + noise), 1.0).astype(np.int64)
        return (ticks * TICK_PAISE).astype(np.int32)

    def _real_prices(self, row: Instrument, bars: CandleBars, exchange_s: Ints) -> Prices:
        unit = 1 if row.type is InstrumentType.INDEX else TICK_PAISE
        return prices_of(self._stream(row, Purpose.PRICES), bars, exchange_s, unit)

    def _traded(self, row: Instrument, bars: CandleBars | None, exchange_s: Ints) -> Ints:
        if row.type is InstrumentType.INDEX:
            return np.zeros(len(exchange_s), dtype=np.int64)
        random = self._stream(row, Purpose.TRADES)
        if bars is not None:
            return volumes_of(random, bars, exchange_s, row.lot_size)
        busy = self.hours.u_shape[np.searchsorted(self.hours.seconds, exchange_s)]
        return random_trades(random, busy, self._activity(row).lots, row.lot_size)

    def _activity(self, row: Instrument) -> Activity:
        return activity_of(row, self.hours.day, float(self.path.spot[0]))

    def _contract(self, row: Instrument) -> Contract:
        return Contract(row.token, row.lot_size, TICK_PAISE, self._activity(row))

    def _stream(self, row: Instrument, purpose: Purpose) -> np.random.Generator:
        return stream(self._seed, self.hours.day, row.token, purpose)
