"""Option prices by Black-76, their implied volatility, and the smile the simulator draws.

All functions take numpy arrays or scalars and broadcast. Prices and strikes share one unit, times are in years.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from muhurat.simulator.market.base import Floats

SECONDS_PER_YEAR: Final = 365.0 * 86_400.0
RATE: Final = 0.065
"""Annual discount rate, continuously compounded; about an Indian treasury bill's."""

_SHORTEST_YEARS: Final = 1.0 / SECONDS_PER_YEAR
_LOWEST_VOL, _HIGHEST_VOL = 0.01, 4.0
_BISECTIONS: Final = 44

# Abramowitz and Stegun, Handbook of Mathematical Functions, formula 26.2.17.
_P: Final = 0.2316419
_B: Final = (0.319381530, -0.356563782, 1.781477937, -1.821255978, 1.330274429)
_ROOT_TWO_PI: Final = 2.5066282746310002


def normal_cdf(x: ArrayLike) -> Floats:
    """The standard normal distribution function, with an absolute error below 7.5e-8."""
    x = np.asarray(x, dtype=np.float64)
    size = np.abs(x)
    t = 1.0 / (1.0 + _P * size)
    series = t * (_B[0] + t * (_B[1] + t * (_B[2] + t * (_B[3] + t * _B[4]))))
    tail = np.exp(-0.5 * size * size) / _ROOT_TWO_PI * series
    upper: Floats = np.where(x >= 0.0, 1.0 - tail, tail)
    return upper


def black76(call: bool, forward: ArrayLike, strike: ArrayLike, vol: ArrayLike, years: ArrayLike) -> Floats:
    """The price today of a European option on a forward, discounted at `RATE`."""
    forward, strike = np.asarray(forward, dtype=np.float64), np.asarray(strike, dtype=np.float64)
    years = np.maximum(np.asarray(years, dtype=np.float64), _SHORTEST_YEARS)
    spread = np.maximum(np.asarray(vol, dtype=np.float64), _LOWEST_VOL) * np.sqrt(years)
    d1 = np.log(forward / strike) / spread + 0.5 * spread
    d2 = d1 - spread
    # The call is priced once and the put follows by parity, so that both always agree.
    worth = forward * normal_cdf(d1) - strike * normal_cdf(d2)
    if not call:
        worth = worth - (forward - strike)
    price: Floats = np.exp(-RATE * years) * np.maximum(worth, 0.0)
    return price


def implied_vol(call: bool, price: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike) -> Floats:
    """The volatility at which `black76` gives `price`, to 1e-9; NaN where no volatility within 1 % and 400 % does."""
    price = np.asarray(price, dtype=np.float64)
    low = np.full(np.broadcast(price, forward, strike, years).shape, _LOWEST_VOL)
    high = np.full_like(low, _HIGHEST_VOL)
    reachable = (price >= black76(call, forward, strike, low, years)) & (
        price <= black76(call, forward, strike, high, years)
    )
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        too_low = black76(call, forward, strike, middle, years) < price
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    found: Floats = np.where(reachable, 0.5 * (low + high), np.nan)
    return found


def smile(forward: ArrayLike, strike: ArrayLike, level: ArrayLike, years: ArrayLike) -> Floats:
    """How much dearer than at the money a strike's volatility is: a factor on `level`, 1 at the forward.

    A skewed parabola in standardised moneyness: index puts cost more than calls of the same distance.
    """
    forward, strike = np.asarray(forward, dtype=np.float64), np.asarray(strike, dtype=np.float64)
    years = np.maximum(np.asarray(years, dtype=np.float64), _SHORTEST_YEARS)
    spread = np.asarray(level, dtype=np.float64) * np.sqrt(years)
    distance = np.clip(np.log(strike / forward) / spread, -3.5, 3.5)
    factor: Floats = 1.0 - 0.04 * distance + 0.018 * distance * distance
    return factor
