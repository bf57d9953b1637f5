"""From candles to packets that reproduce them, and from packets back to candles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from muhurat.simulator.market.base import DAY_MINUTES, Candle, Floats, Ints, Prices
from muhurat.simulator.market.flow import Ticks
from muhurat.simulator.market.hours import BAR_S

_DAY_S: Final = 86_400
_IST_S: Final = 19_800


@dataclass(frozen=True, slots=True, eq=False)
class CandleBars:
    """Three-minute candles of one session as columns: start in epoch seconds, prices in paise, volume in units."""

    start_s: Ints
    open: Prices
    high: Prices
    low: Prices
    close: Prices
    volume: Ints

    def __len__(self) -> int:
        return len(self.start_s)


def seconds_with_bars(bars: CandleBars, seconds: Ints) -> Ints:
    """The seconds that lie inside a candle: where there is none, nothing was traded and nothing is sent."""
    return seconds[np.isin(seconds // BAR_S, bars.start_s // BAR_S)]


def prices_of(random: np.random.Generator, bars: CandleBars, exchange_s: Ints, unit: int) -> Prices:
    """Last prices at `exchange_s` whose first, highest, lowest and last in every bar are the candle's, on the grid of
    `unit` paise. Every bar must have four packets or more."""
    at = np.arange(len(exchange_s))
    corners, levels = _corners(random, bars, exchange_s)
    walk = np.cumsum(random.standard_normal(len(exchange_s)))
    walk -= np.interp(at, corners, walk[corners])
    bar_of = np.searchsorted(bars.start_s, exchange_s, side="right") - 1
    low, high = bars.low[bar_of], bars.high[bar_of]
    free = np.interp(at, corners, levels) + walk * (high - low) * 0.08
    price: Prices = np.clip(np.rint(free / unit) * unit, low, high).astype(np.int32)
    price[corners] = levels
    return price


def volumes_of(random: np.random.Generator, bars: CandleBars, exchange_s: Ints, lot: int) -> Ints:
    """Units traded per packet, adding up to each candle's volume; whole lots but for a remainder in the last."""
    bar_of = np.searchsorted(bars.start_s, exchange_s, side="right") - 1
    first = np.searchsorted(bar_of, np.arange(len(bars)))
    last = np.append(first[1:], len(exchange_s)) - 1
    weight = random.standard_exponential(len(exchange_s)) + 1e-9
    running = np.cumsum(weight)
    before = (running[first] - weight[first])[bar_of]
    share = (running - before) / (running[last][bar_of] - before)
    so_far = np.floor(bars.volume[bar_of] // lot * share).astype(np.int64) * lot
    so_far[last] = bars.volume
    traded: Ints = np.diff(so_far, prepend=0)
    traded[first] = so_far[first]
    return traded


def candles_of(ticks: Ticks, interval_minutes: int, open_s: int, *, modelled: bool) -> list[Candle]:
    """Candles of `interval_minutes`, counted from the open (a day's from midnight), by the packets' exchange second."""
    if not len(ticks.exchange_s):
        return []
    daily = interval_minutes >= DAY_MINUTES
    width = _DAY_S if daily else interval_minutes * 60
    start_s = (open_s + _IST_S) // _DAY_S * _DAY_S - _IST_S if daily else open_s
    number = (ticks.exchange_s - start_s) // width
    kept, first = np.unique(number, return_index=True)
    last = np.append(first[1:], len(number)) - 1
    starts, volumes = start_s + kept * width, np.add.reduceat(ticks.traded, first)
    highs, lows = np.maximum.reduceat(ticks.last_price, first), np.minimum.reduceat(ticks.last_price, first)
    opens, closes, oi = ticks.last_price[first], ticks.last_price[last], ticks.oi[last]
    columns = (column.tolist() for column in (starts, opens, highs, lows, closes, volumes, oi))
    return [
        Candle(start, opened, high, low, closed, volume, interest, modelled)
        for start, opened, high, low, closed, volume, interest in zip(*columns, strict=True)
    ]


def _corners(random: np.random.Generator, bars: CandleBars, exchange_s: Ints) -> tuple[Ints, Floats]:
    """The packets at which each bar's open, two extremes and close are reached, in order, and those prices."""
    first = np.searchsorted(exchange_s, bars.start_s)
    last = np.append(first[1:], len(exchange_s)) - 1
    inside = last - first - 1
    one = first + 1 + np.floor(random.random(len(bars)) * inside).astype(np.int64)
    other = first + 1 + np.floor(random.random(len(bars)) * (inside - 1)).astype(np.int64)
    other += other >= one
    # A rising candle more often made its low before its high, a falling one the other way round.
    low_first = random.random(len(bars)) < np.where(bars.close >= bars.open, 0.7, 0.3)
    early, late = np.where(low_first, bars.low, bars.high), np.where(low_first, bars.high, bars.low)
    corners = np.stack([first, np.minimum(one, other), np.maximum(one, other), last], axis=1).ravel()
    levels = np.stack([bars.open, early, late, bars.close], axis=1).ravel()
    return corners, levels.astype(np.float64)
