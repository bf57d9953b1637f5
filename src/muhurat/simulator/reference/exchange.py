"""One exchange's reference data, each day of it made once: what the makers of its files ask."""

from __future__ import annotations

from datetime import date
from typing import Final

from muhurat.simulator.files import Shelf
from muhurat.simulator.reference.derivatives import DayDerivatives, Derivatives
from muhurat.simulator.reference.listing import stock_underlyings
from muhurat.simulator.reference.noise import uniform
from muhurat.simulator.reference.prices import DayPrices, Prices
from muhurat.simulator.reference.sessions import Sessions

_BANS: Final = 30
_NIL_CHANCE: Final = 0.15
_MOST_BANNED: Final = 5


class ReferenceData:
    """The sessions, prices and derivatives of `XNSE` or `XBOM`; safe to use from several threads."""

    def __init__(self, mic: str, seed: int) -> None:
        self.seed = seed
        self.sessions = Sessions(mic)
        self.prices = Prices(seed, self.sessions)
        self.derivatives = Derivatives(self.prices)
        self._cash: Shelf[DayPrices] = Shelf()
        self._index: Shelf[DayPrices] = Shelf()
        self._contracts: Shelf[DayDerivatives] = Shelf(3)

    def cash(self, day: date) -> DayPrices:
        """A session of every security, aligned with `listing.securities()`."""
        return self._cash.get(day, lambda: self.prices.cash(day))

    def index(self, day: date) -> DayPrices:
        """A session of every index, aligned with `listing.indices(mic)`."""
        return self._index.get(day, lambda: self.prices.index(day))

    def futures_and_options(self, day: date) -> DayDerivatives:
        """A session of every contract."""
        return self._contracts.get(day, lambda: self.derivatives.session(day))

    def banned(self, session: date) -> tuple[str, ...]:
        """The stocks in which no new position may be opened on a session, sorted; on some days none."""
        day = session.toordinal()
        draws = uniform(self.seed, day, range(2), _BANS)
        if draws[0] < _NIL_CHANCE:
            return ()
        symbols = stock_underlyings()
        # A ban lasts for days: what is drawn changes every third day, how many of those are banned changes daily.
        ranks = uniform(self.seed, day // 3, range(100, 100 + len(symbols)), _BANS)
        count = 1 + int(draws[1] * _MOST_BANNED)
        return tuple(sorted(symbols[place] for place in ranks.argsort()[:count]))
