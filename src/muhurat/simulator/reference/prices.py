"""What securities and indices cost on any date: closes that are waves around a level, and a path through each day.

A close is a pure function of seed, name and date, so one day's close is the next day's previous close. The synthetic
SENSEX of `simulator.market` is the market that all the others follow; SENSEX, NIFTY 50 and INDIA VIX are its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np

from muhurat.simulator.market.base import Floats, Ints
from muhurat.simulator.market.paths import BASE_LEVEL, NIFTY_RATIO, closing_level, closing_vol
from muhurat.simulator.reference.listing import Security, indices, securities, underlyings
from muhurat.simulator.reference.noise import normal, uniform
from muhurat.simulator.reference.sessions import Sessions

GRID: Final = 76
"""Points of a day's path, five minutes apart in an ordinary session."""

_CYCLES_DAYS: Final = np.array([2.9, 5.3, 11.0, 29.0, 83.0, 241.0])
_WEIGHTS: Final = np.array([0.004, 0.005, 0.008, 0.02, 0.05, 0.08])
_DAILY: Final = 0.005
_GAP_SHARE: Final = 0.4
_WAVES: Final = 6
_INDEX_KEY: Final = 1_000_000
_PHASE, _OWN, _BETA, _SPREAD, _WIGGLE, _SIZE, _BUSY, _LAST = range(8)
_TICKS: Final = ((250.0, 0.01), (1_000.0, 0.05), (5_000.0, 0.1), (10_000.0, 0.5), (20_000.0, 1.0), (math.inf, 5.0))
_SPREADS: Final = {"share": (0.8, 1.2), "fund": (0.3, 0.3), "bond": (0.02, 0.03)}
_BETAS: Final = {"share": (0.5, 1.0), "fund": (0.6, 0.4), "bond": (0.0, 0.03)}


@dataclass(frozen=True, slots=True, eq=False)
class DayPrices:
    """One session of many instruments as columns, in rupees or points. `last` is the last trade, `volume` in units."""

    day: date
    previous: Floats
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    last: Floats
    volume: Ints
    turnover: Floats
    trades: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """The same instruments at an instant within a session: what has happened so far."""

    previous: Floats
    open: Floats
    high: Floats
    low: Floats
    last: Floats
    volume: Ints
    turnover: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Instruments that are priced together; each has a key of its own for its randomness."""

    keys: Ints
    levels: Floats
    spreads: Floats
    betas: Floats
    ticked: bool


class Prices:
    """The prices of one exchange: `cash` is aligned with `securities()`, `index` with `indices(mic)`."""

    def __init__(self, seed: int, sessions: Sessions) -> None:
        self.seed = seed
        self.sessions = sessions

    def cash(self, day: date) -> DayPrices:
        """A session of every security."""
        return self._session(self._cash, day)

    def index(self, day: date) -> DayPrices:
        """A session of every index; volume and turnover are those of its members, roughly."""
        return self._session(self._index, day)

    def cash_closes(self, day: date) -> Floats:
        """The closes of every security on a date."""
        return self._closes(self._cash, day)

    def index_closes(self, day: date) -> Floats:
        """The closes of every index on a date."""
        return self._closes(self._index, day)

    def live_cash(self, day: date, through: float) -> Live:
        """Every security when the share `through` (0 to 1) of the session of `day` has passed."""
        session = self.cash(day)
        times = np.linspace(0.0, through, GRID)
        so_far = self._path(self._cash, day, times)
        last = _clipped(self._rounded(self._cash, so_far[:, -1]), session)
        volume = np.maximum(1, session.volume * through).astype(np.int64)
        return Live(
            session.previous,
            session.open,
            np.maximum(_clipped(self._rounded(self._cash, so_far.max(axis=1)), session), session.open),
            np.minimum(_clipped(self._rounded(self._cash, so_far.min(axis=1)), session), session.open),
            last,
            volume,
            volume * (session.open + last) / 2.0,
        )

    def cash_at(self, day: date, through: float) -> Floats:
        """Every security's price at a moment of the session of `day`."""
        return _clipped(
            self._rounded(self._cash, self._path(self._cash, day, np.array([through]))[:, 0]), self.cash(day)
        )

    def index_at(self, day: date, through: float) -> Floats:
        """Every index at a moment of the session of `day`."""
        return self._rounded(self._index, self._path(self._index, day, np.array([through]))[:, 0])

    @cached_property
    def _cash(self) -> _Group:
        rows = securities()
        keys = np.array([row.token for row in rows], dtype=np.int64)
        spreads = self._drawn(keys, _SPREAD, rows, _SPREADS)
        betas = self._drawn(keys, _BETA, rows, _BETAS)
        return _Group(keys, np.array([row.price for row in rows]), spreads, betas, ticked=True)

    @cached_property
    def _index(self) -> _Group:
        rows = indices(self.sessions.mic)
        keys = _INDEX_KEY + np.arange(len(rows), dtype=np.int64)
        spreads = np.full(len(rows), 0.35)
        betas = np.array([_index_beta(name) for name, _ in rows])
        spreads[np.abs(betas) < 0.1] = 0.02
        return _Group(keys, np.array([level for _, level in rows]), spreads, betas, ticked=False)

    def _drawn(
        self, keys: Ints, purpose: int, rows: tuple[Security, ...], ranges: dict[str, tuple[float, float]]
    ) -> Floats:
        lowest = np.array([ranges[row.kind][0] for row in rows])
        width = np.array([ranges[row.kind][1] for row in rows])
        drawn: Floats = lowest + width * uniform(self.seed, keys, purpose)
        return drawn

    def _closes(self, group: _Group, day: date) -> Floats:
        closes = self._rounded(group, np.exp(self._log_closes(group, day)))
        return self._with_market(closes, day) if group is self._index else closes

    def _log_closes(self, group: _Group, day: date) -> Floats:
        phases = uniform(self.seed, group.keys[:, None], np.arange(len(_CYCLES_DAYS)), _PHASE)
        waves = (_WEIGHTS * np.sin(2.0 * np.pi * (day.toordinal() / _CYCLES_DAYS + phases))).sum(axis=1)
        own = waves + _DAILY * normal(self.seed, group.keys, day.toordinal(), _OWN)
        market = math.log(closing_level(self.seed, day) / BASE_LEVEL)
        logs: Floats = np.log(group.levels) + group.betas * market + group.spreads * own
        return logs

    def _with_market(self, closes: Floats, day: date) -> Floats:
        """The closes of the indices that the simulated market has itself."""
        sensex = closing_level(self.seed, day)
        own = {"SENSEX": sensex, "Nifty 50": sensex / NIFTY_RATIO, "India VIX": 100.0 * closing_vol(self.seed, day)}
        for row, (name, _) in enumerate(indices(self.sessions.mic)):
            if name in own:
                closes[row] = round(own[name], 2)
        return closes

    def _path(self, group: _Group, day: date, times: Floats) -> Floats:
        """Prices at `times` (0 to 1), an array (instruments, times), before rounding."""
        before, after = (np.log(self._closes(group, of)) for of in (self.sessions.before(day), day))
        opens = before + _GAP_SHARE * (after - before)
        waves = np.arange(1, _WAVES + 1)
        heights = normal(self.seed, group.keys[:, None], day.toordinal(), waves, _WIGGLE) / waves
        wiggle = (0.0055 * group.spreads[:, None] * heights) @ np.sin(np.pi * waves[:, None] * times[None, :])
        logs = opens[:, None] + (after - opens)[:, None] * times[None, :] + wiggle
        prices: Floats = np.exp(logs)
        return prices

    def _session(self, group: _Group, day: date) -> DayPrices:
        path = self._path(group, day, np.linspace(0.0, 1.0, GRID))
        opens = self._rounded(group, path[:, 0])
        close = self._closes(group, day)
        high = np.maximum.reduce([opens, close, self._rounded(group, path.max(axis=1))])
        low = np.minimum.reduce([opens, close, self._rounded(group, path.min(axis=1))])
        near = close * (1.0 + 0.001 * normal(self.seed, group.keys, day.toordinal(), _LAST))
        last = np.clip(self._rounded(group, near), low, high)
        previous = self._closes(group, self.sessions.before(day))
        volume = self._volume(group, day)
        turnover = np.round(volume * (opens + high + low + close) / 4.0, 2)
        trades = np.maximum(1, np.minimum(volume, turnover / 25_000.0)).astype(np.int64)
        return DayPrices(day, previous, opens, high, low, close, last, volume, turnover, trades)

    def _volume(self, group: _Group, day: date) -> Ints:
        sizes = normal(self.seed, group.keys, _SIZE)
        rupees = np.exp(15.0 + 2.2 * sizes if group.ticked else 24.5 + 0.8 * sizes)
        if group.ticked:
            known = np.isin(group.keys, [each.token for each in underlyings(self.sessions.mic)])
            rupees = np.where(known, np.maximum(rupees, 4e8), rupees)
        busy = np.exp(0.35 * normal(self.seed, group.keys, day.toordinal(), _BUSY))
        return np.maximum(1, rupees * busy / group.levels).astype(np.int64)

    def _rounded(self, group: _Group, prices: Floats) -> Floats:
        if not group.ticked:
            return np.round(prices, 2)
        steps = np.select([prices < bound for bound, _ in _TICKS], [step for _, step in _TICKS])
        rounded: Floats = np.round(np.maximum(np.round(prices / steps), 1.0) * steps, 2)
        return rounded


def _clipped(prices: Floats, session: DayPrices) -> Floats:
    clipped: Floats = np.clip(prices, session.low, session.high)
    return clipped


def _index_beta(name: str) -> float:
    if "G-Sec" in name or "G-sec" in name or "Dividend Points" in name:
        return 0.02
    if "Inverse" in name:
        return -1.0
    return 2.0 if "2x" in name else 1.0
