"""Exponential moving averages, one close at a time.

The recursion is that of pandas' `ewm(span=n, adjust=False).mean()`: the first close is the first value, then each value
is `(1 - a) * previous + a * close` with `a = 2 / (n + 1)`. It is carried out in pandas' own order of operations, so the
two agree to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Averages:
    """The short and the long average after `bars` closes; meaningless while there were none."""

    fast: float = 0.0
    slow: float = 0.0
    bars: int = 0

    @property
    def distance(self) -> float:
        return abs(self.fast - self.slow)


UNKNOWN: Final = Averages()
"""The averages before the first close."""


def advance(averages: Averages, close: float, short_period: int, long_period: int) -> Averages:
    """The averages after one more close."""
    if averages.bars == 0:
        return Averages(close, close, 1)
    return Averages(ema(averages.fast, close, short_period), ema(averages.slow, close, long_period), averages.bars + 1)


def ema(previous: float, close: float, span: int) -> float:
    """One step of the recursion; a close equal to the average leaves it alone, as in pandas."""
    if previous == close:
        return previous
    weight = 1.0 / (1.0 + (span - 1) / 2.0)
    kept = 1.0 - weight
    return (kept * previous + weight * close) / (kept + weight)
