"""What futures and options cost on a date, how much of them was traded, and how much is open.

An option is worth what Black-76 says on its underlying's future. A contract that nobody traded keeps its close until
the first session of the next week, where the exchange sets one; so a day needs no more than the week before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from muhurat.simulator.market.base import Floats, Ints
from muhurat.simulator.market.paths import closing_vol
from muhurat.simulator.market.pricing import RATE, black76, smile
from muhurat.simulator.reference.contracts import Contracts, Flags, list_contracts, spots
from muhurat.simulator.reference.listing import underlyings
from muhurat.simulator.reference.noise import normal, uniform
from muhurat.simulator.reference.prices import Prices

TICK: Final = 0.05
SESSION_DAYS: Final = 6.25 / 24.0
_TRADED, _OPEN, _LOTS, _VOL, _SIZE = range(20, 25)
_HELD_FROM: Final = 0.05
"""How lively a contract is that anybody holds."""


@dataclass(frozen=True, slots=True, eq=False)
class DayDerivatives:
    """One session of an exchange's derivatives, as columns beside `contracts`.

    Prices in rupees, 0 for what did not happen: an untraded contract has no open, high, low or last, and its close is
    carried. `open_interest` and its change are in units, `volume` in contracts (lots); `value` in rupees, of options on
    strike plus premium.
    """

    contracts: Contracts
    spot: Floats
    previous: Floats
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    last: Floats
    settlement: Floats
    open_interest: Ints
    open_interest_change: Ints
    volume: Ints
    value: Floats
    trades: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Standing:
    """How contracts stand after a session."""

    close: Floats
    open_interest: Ints
    traded: Flags


class Derivatives:
    """The derivatives of the exchange that `prices` are of."""

    def __init__(self, prices: Prices) -> None:
        self.prices = prices
        self.listed = underlyings(prices.sessions.mic)

    def contracts(self, day: date) -> Contracts:
        """What is listed on a session."""
        return list_contracts(self.prices, day)

    def session(self, day: date) -> DayDerivatives:
        """A session of all contracts."""
        contracts = self.contracts(day)
        before = self._standing(contracts, self.prices.sessions.before(day))
        after = self._standing(contracts, day)
        cash, index = self.prices.cash(day), self.prices.index(day)
        at = {
            name: spots(self.prices, self.listed, getattr(cash, name), getattr(index, name))[contracts.underlying]
            for name in ("open", "high", "low", "close")
        }
        settlement = self.worth(contracts, day, at["close"])
        opens = self.worth(contracts, day, at["open"], through=0.0)
        reached = [self.worth(contracts, day, at[name], through=0.5) for name in ("high", "low")]
        high = np.maximum.reduce([opens, after.close, *reached])
        low = np.minimum.reduce([opens, after.close, *reached])
        change = after.open_interest - before.open_interest
        volume = self._volume(contracts, day, after.traded, change)
        mean = (opens + high + low + after.close) / 4.0
        value = np.round((contracts.strike + mean) * volume * contracts.lot, 2)
        return DayDerivatives(
            contracts=contracts,
            spot=at["close"],
            previous=before.close,
            open=opens * after.traded,
            high=high * after.traded,
            low=low * after.traded,
            close=after.close,
            last=after.close * after.traded,
            settlement=settlement,
            open_interest=after.open_interest,
            open_interest_change=change,
            volume=volume,
            value=value,
            trades=np.where(volume > 0, np.maximum(1, volume * 2 // 3), 0),
        )

    def worth(self, contracts: Contracts, day: date, spot: Floats, *, through: float = 1.0) -> Floats:
        """What contracts are worth at a moment of a session, in ticks, by a spot for each of them."""
        years = self.years(contracts, day, through)
        forward = spot * np.exp(RATE * years)
        worth = forward.copy()
        options = contracts.is_option
        vol = self.vols(contracts, day, forward, years)[options]
        worth[options] = option_prices(
            contracts.call[options], forward[options], contracts.strike[options], vol, years[options]
        )
        ticked: Floats = np.round(np.maximum(np.round(worth / TICK), 1.0) * TICK, 2)
        return ticked

    def years(self, contracts: Contracts, day: date, through: float = 1.0) -> Floats:
        """Years to expiry at a moment of a session."""
        days = (contracts.expiry - day.toordinal()) + (1.0 - through) * SESSION_DAYS
        years: Floats = np.maximum(days, 0.0) / 365.0
        return years

    def vols(self, contracts: Contracts, day: date, forward: Floats, years: Floats) -> Floats:
        """The volatility of each contract's strike; of futures, that at the money."""
        level = self.levels(day)[contracts.underlying]
        strike = np.where(contracts.is_option, contracts.strike, forward)
        vols: Floats = level * smile(forward, strike, level, years)
        return vols

    def levels(self, day: date) -> Floats:
        """The at-the-money volatility of each underlying."""
        seed, market = self.prices.seed, closing_vol(self.prices.seed, day)
        tokens = np.array([each.token for each in self.listed], dtype=np.int64)
        is_index = np.array([each.is_index for each in self.listed])
        levels: Floats = market * np.where(is_index, 1.0, 1.7 + 1.3 * uniform(seed, tokens, _VOL))
        return levels

    def _standing(self, contracts: Contracts, day: date) -> _Standing:
        """The session's closes and open interest, carried from day to day within its week."""
        week = self._week_until(day)
        lively = self._lively(contracts, week[0])
        held = lively >= _HELD_FROM
        standing: _Standing | None = None
        for of in week:
            chance = uniform(self.prices.seed, contracts.token, of.toordinal(), _TRADED)
            traded = (chance < 3.0 * lively) | ((standing is None) & held)
            spot = self._closing_spots(of)[contracts.underlying]
            close, open_interest = self.worth(contracts, of, spot), self._open_interest(contracts, of, lively)
            if standing is not None:
                close = np.where(traded, close, standing.close)
                open_interest = np.where(traded, open_interest, standing.open_interest)
            standing = _Standing(close, open_interest, traded)
        if standing is None:
            raise ValueError(f"{day} is in no week")
        return standing

    def _week_until(self, day: date) -> list[date]:
        monday = day.toordinal() - day.weekday()
        days = (date.fromordinal(ordinal) for ordinal in range(monday, day.toordinal() + 1))
        return [of for of in days if of == day or self.prices.sessions.trades(of)]

    def _closing_spots(self, day: date) -> Floats:
        return spots(self.prices, self.listed, self.prices.cash_closes(day), self.prices.index_closes(day))

    def _lively(self, contracts: Contracts, day: date) -> Floats:
        """From 0 to 1: most at the money and in the nearest expiry."""
        spot = self._closing_spots(day)[contracts.underlying]
        level = self.levels(day)[contracts.underlying]
        days = np.maximum(contracts.expiry - day.toordinal(), 0)
        width = 1.3 * level * np.sqrt((days + 3.0) / 365.0)
        strike = np.where(contracts.is_option, contracts.strike, spot)
        near = np.exp(-0.5 * (np.log(strike / spot) / width) ** 2)
        lively: Floats = near * 0.35 ** (days / 28.0)
        return lively

    def _open_interest(self, contracts: Contracts, day: date, lively: Floats) -> Ints:
        seed = self.prices.seed
        size = np.exp(7.0 + 0.8 * normal(seed, contracts.underlying, _SIZE)) * np.where(contracts.is_index, 12.0, 1.0)
        breath = 0.85 + 0.3 * uniform(seed, contracts.token, day.toordinal(), _OPEN)
        lots = np.where(lively >= _HELD_FROM, size * lively * breath, 0.0).astype(np.int64)
        return lots * contracts.lot

    def _volume(self, contracts: Contracts, day: date, traded: Flags, change: Ints) -> Ints:
        needed = np.abs(change) // contracts.lot
        more = 1.0 + 2.0 * uniform(self.prices.seed, contracts.token, day.toordinal(), _LOTS)
        lots = np.ceil(needed * more).astype(np.int64) + 1
        volume: Ints = np.where(traded, lots, 0)
        return volume


def option_prices(call: Flags, forward: Floats, strike: Floats, vol: Floats, years: Floats) -> Floats:
    """Black-76 for calls and puts at once; puts follow from calls by parity."""
    prices: Floats = black76(True, forward, strike, vol, years)
    puts = prices - np.exp(-RATE * years) * (forward - strike)
    return np.where(call, prices, np.maximum(puts, 0.0))
