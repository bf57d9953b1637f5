"""Black's model of 1976: the price of a European option on a forward.

With forward F, strike K, time T in years, volatility s and interest r,

    d1 = (ln(F / K) + s^2 T / 2) / (s sqrt T),   d2 = d1 - s sqrt T
    call = exp(-rT) (F N(d1) - K N(d2)),   put = exp(-rT) (K N(-d2) - F N(-d1))

so that call - put = exp(-rT) (F - K) (put-call parity). At T = 0 or s = 0 a price is the discounted intrinsic value.
"""

from __future__ import annotations

import math
from typing import Final

_SQRT_2: Final = math.sqrt(2.0)


def black76(forward: float, strike: float, years: float, volatility: float, rate: float, *, call: bool) -> float:
    """The price of a call or put, in the unit of forward and strike.

    `volatility` and `rate` are per year, as fractions. Raises `ValueError` unless forward and strike are positive and
    time and volatility not negative.
    """
    if not (forward > 0 and strike > 0 and years >= 0 and volatility >= 0):
        raise ValueError(f"no price for forward {forward}, strike {strike}, {years} years, volatility {volatility}")
    discount = math.exp(-rate * years)
    sign = 1.0 if call else -1.0
    spread = volatility * math.sqrt(years)
    if spread == 0.0:
        return discount * max(0.0, sign * (forward - strike))
    d1 = math.log(forward / strike) / spread + spread / 2.0
    above = forward * normal_cdf(sign * d1) - strike * normal_cdf(sign * (d1 - spread))
    return max(0.0, discount * sign * above)


def normal_cdf(x: float) -> float:
    """The standard normal distribution."""
    return 0.5 * math.erfc(-x / _SQRT_2)
