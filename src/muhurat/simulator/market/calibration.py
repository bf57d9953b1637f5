"""What real option candles say about the market between them: forward, volatility, and the index when it is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.simulator.market.bars import CandleBars
from muhurat.simulator.market.base import Floats, Ints, Prices
from muhurat.simulator.market.hours import BAR_S
from muhurat.simulator.market.listing import expiry_of
from muhurat.simulator.market.pricing import RATE, SECONDS_PER_YEAR, implied_vol, smile

ExpiryClose = Callable[[date], int]

_SHORTEST_FOR_CARRY: Final = 0.5 / 365.0
_CARRY_BOUNDS: Final = (-0.05, 0.25)
_VOL_BOUNDS: Final = (0.04, 1.5)
_NEAR_THE_MONEY: Final = 0.03


@dataclass(frozen=True, slots=True)
class RealOption:
    """A contract with candles."""

    row: Instrument
    bars: CandleBars

    @property
    def strike(self) -> float:
        return float(self.row.strike)

    @property
    def call(self) -> bool:
        return self.row.type is InstrumentType.CALL

    def years_at_close(self, expiry_close: ExpiryClose, of: Ints | None = None) -> Floats:
        """Time to expiry at the end of the candles starting at `of`, all of them by default."""
        ends = (self.bars.start_s if of is None else of) + BAR_S
        years: Floats = np.maximum(expiry_close(expiry_of(self.row)) - ends, 1) / SECONDS_PER_YEAR
        return years


def real_options(rows: Iterable[Instrument], bars: Mapping[int, CandleBars]) -> list[RealOption]:
    """The options among `rows` that have candles, in the order of their strikes."""
    found = [RealOption(row, bars[row.token]) for row in rows if row.type.is_option and row.token in bars]
    return sorted(found, key=lambda option: (option.row.expiry, option.strike, option.row.token))


def implied_carry(options: list[RealOption], spot_at: Callable[[Ints], Floats], expiry_close: ExpiryClose) -> float:
    """The annual rate between spot and forward by puts and calls of one strike; `RATE` where there is no such pair."""
    rates: list[Floats] = []
    for call, put in _pairs(options):
        shared, calls, puts = _shared(call, put)
        years = call.years_at_close(expiry_close, shared)
        forward = call.strike + (call.bars.close[calls] - put.bars.close[puts]) / 100.0 * np.exp(RATE * years)
        usable = (years > _SHORTEST_FOR_CARRY) & (forward > 0)
        rates.append(np.log(forward[usable] / spot_at(shared[usable] + BAR_S - 1)) / years[usable])
    together = np.concatenate(rates) if rates else np.empty(0)
    return float(np.clip(np.median(together), *_CARRY_BOUNDS)) if len(together) else RATE


def implied_level(
    options: list[RealOption], carry: float, spot_at: Callable[[Ints], Floats], expiry_close: ExpiryClose
) -> tuple[Ints, Floats]:
    """The at-the-money volatility candle by candle: end seconds, and the median over the options near the money."""
    ends: list[Ints] = []
    levels: list[Floats] = []
    for option in options:
        end_s = option.bars.start_s + BAR_S - 1
        years = option.years_at_close(expiry_close)
        spot = spot_at(end_s)
        forward = spot * np.exp(carry * years)
        vol = implied_vol(option.call, option.bars.close / 100.0, forward, option.strike, years)
        level = vol / smile(forward, option.strike, np.nan_to_num(vol, nan=1.0), years)
        usable = np.isfinite(level) & (np.abs(option.strike / spot - 1.0) < _NEAR_THE_MONEY)
        ends.append(end_s[usable])
        levels.append(np.clip(level[usable], *_VOL_BOUNDS))
    if not sum(map(len, ends)):
        return np.empty(0, dtype=np.int64), np.empty(0)
    all_ends, all_levels = np.concatenate(ends), np.concatenate(levels)
    moments = np.unique(all_ends)
    return moments, np.array([np.median(all_levels[all_ends == moment]) for moment in moments])


def implied_index(options: list[RealOption], expiry_close: ExpiryClose) -> CandleBars | None:
    """Index candles from put-call parity at the strike nearest the money; None without a put and a call of one strike.

    Only open and close are implied; high and low are the farther of the two.
    """
    pairs = [(call, put) for call, put in _pairs(options) if len(_shared(call, put)[0])]
    if not pairs:
        return None
    call, put = min(pairs, key=_distance_from_money)
    shared, calls, puts = _shared(call, put)
    years = call.years_at_close(expiry_close, shared)
    opens, closes = (
        _spot(call.strike, call_price[calls] - put_price[puts], years)
        for call_price, put_price in ((call.bars.open, put.bars.open), (call.bars.close, put.bars.close))
    )
    high, low = np.maximum(opens, closes), np.minimum(opens, closes)
    return CandleBars(shared, opens, high, low, closes, np.zeros(len(shared), dtype=np.int64))


def _spot(strike: float, difference_paise: Ints, years: Floats) -> Prices:
    forward = strike + difference_paise / 100.0 * np.exp(RATE * years)
    return np.rint(forward * np.exp(-RATE * years) * 100.0).astype(np.int32)


def _pairs(options: list[RealOption]) -> Iterator[tuple[RealOption, RealOption]]:
    puts = {(option.row.expiry, option.strike): option for option in options if not option.call}
    for option in options:
        if option.call and (put := puts.get((option.row.expiry, option.strike))) is not None:
            yield option, put


def _shared(call: RealOption, put: RealOption) -> tuple[Ints, Ints, Ints]:
    return np.intersect1d(call.bars.start_s, put.bars.start_s, return_indices=True)


def _distance_from_money(pair: tuple[RealOption, RealOption]) -> float:
    call, put = pair
    return float(abs(np.median(call.bars.close) - np.median(put.bars.close)))
