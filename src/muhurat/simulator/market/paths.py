"""What the underlying does through a day, second by second: the source of every modelled price.

A synthetic day's closing levels are a pure function of seed and date, so that any day can be made without its past, and
each day begins where the session before it ended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from muhurat.simulator.market.base import Floats, Ints
from muhurat.simulator.market.hours import DayHours
from muhurat.simulator.market.listing import SENSEX
from muhurat.simulator.market.pricing import RATE
from muhurat.simulator.market.seeds import Purpose, stream

BASE_LEVEL: Final = 80_000.0
BASE_VOL: Final = 0.13
NIFTY_RATIO: Final = 3.27
"""SENSEX points per NIFTY point, about that of 2025 and 2026."""

_CYCLES_DAYS: Final = (2.9, 5.3, 11.0, 29.0, 83.0, 241.0)
_WEIGHTS: Final = (0.0022, 0.0024, 0.004, 0.009, 0.02, 0.03)
_VOL_WEIGHTS: Final = (0.02, 0.03, 0.05, 0.08, 0.1, 0.1)
_GAP_SHARE: Final = 0.45
_EPOCH: Final = date(2020, 1, 1)


@dataclass(frozen=True, slots=True)
class DayPath:
    """Spot (index points) and at-the-money volatility (a year's, 0.13 is 13 %) at each of the day's `seconds`.

    `carry` is the annual rate at which futures and the options' forwards lie above the spot.
    """

    seconds: Ints
    spot: Floats
    vol: Floats
    carry: float = RATE

    def positions(self, epoch_s: Ints) -> Ints:
        """Where in the arrays some of the day's seconds are."""
        return np.searchsorted(self.seconds, epoch_s)


def closing_level(seed: int, day: date) -> float:
    """Where the synthetic SENSEX closes on a date: slow and fast waves around 80,000, about 0.6 % a day."""
    return BASE_LEVEL * math.exp(_waves(seed, day, _WEIGHTS, 1))


def closing_vol(seed: int, day: date) -> float:
    """Where the synthetic INDIA VIX closes on a date, as a fraction."""
    return BASE_VOL * math.exp(_waves(seed, day, _VOL_WEIGHTS, 2))


def synthetic_path(seed: int, hours: DayHours, previous: date) -> DayPath:
    """The day's path from near `previous`'s close to the day's own, with trends, reversals and a busy open."""
    before, after = closing_level(seed, previous), closing_level(seed, hours.day)
    opens = before * math.exp(_GAP_SHARE * math.log(after / before))
    return wander(seed, hours, (opens, after), (closing_vol(seed, previous), closing_vol(seed, hours.day)))


def wander(seed: int, hours: DayHours, levels: tuple[float, float], vols: tuple[float, float]) -> DayPath:
    """A path from the first of `levels` to the second, and of the volatility likewise, over the day's seconds."""
    random = stream(seed, hours.day, SENSEX, Purpose.PATH)
    steps = len(hours.seconds)
    daily = 0.006 * math.exp(0.25 * random.standard_normal())
    noise = np.cumsum(random.standard_normal(steps) * np.sqrt(hours.u_shape)) * (daily / math.sqrt(steps))
    logs = _bridge(noise + _swings(random, hours), math.log(levels[0]), math.log(levels[1]))
    spot = np.exp(logs)
    straight = np.linspace(0.0, 1.0, steps)
    surprise = logs - (logs[0] + (logs[-1] - logs[0]) * straight)
    own = np.cumsum(random.standard_normal(steps)) * (0.02 / math.sqrt(steps))
    vol = np.exp(_bridge(own - 3.0 * surprise, math.log(vols[0]), math.log(vols[1])))
    return DayPath(hours.seconds, spot, vol)


def nifty_points(path: DayPath, seed: int, day: date, token: int) -> Floats:
    """NIFTY 50 along a SENSEX path: nearly proportional, with a small spread of its own."""
    random = stream(seed, day, token, Purpose.PATH)
    steps = len(path.seconds)
    drift = _bridge(np.cumsum(random.standard_normal(steps)) * (0.0006 / math.sqrt(steps)), 0.0, 0.0)
    points: Floats = path.spot / NIFTY_RATIO * np.exp(drift)
    return points


def _swings(random: np.random.Generator, hours: DayHours) -> Floats:
    """A few overlapping moves of half an hour to three hours, the kind that moving averages cross on."""
    through_s = np.arange(len(hours.seconds), dtype=np.float64)
    total = np.zeros(len(through_s))
    for period_s in random.uniform(1_900.0, 10_800.0, 4):
        height = random.uniform(0.0002, 0.0005) * math.sqrt(period_s / 1_800.0)
        total += height * np.sin(2 * math.pi * (through_s / period_s + random.random()))
    return total


def _bridge(walk: Floats, first: float, last: float) -> Floats:
    through = np.linspace(0.0, 1.0, len(walk))
    ends = (walk[0] - first) * (1.0 - through) + (walk[-1] - last) * through
    bridged: Floats = walk - ends
    return bridged


def _waves(seed: int, day: date, weights: tuple[float, ...], token: int) -> float:
    random = stream(seed, _EPOCH, token, Purpose.LEVEL)
    phases = random.random(len(weights))
    days = day.toordinal()
    return sum(
        weight * math.sin(2 * math.pi * (days / cycle + phase))
        for weight, cycle, phase in zip(weights, _CYCLES_DAYS, phases, strict=True)
    )
