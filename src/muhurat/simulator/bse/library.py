"""BSE's files of any session, made when they are asked for and kept."""

from __future__ import annotations

from datetime import date, time
from typing import Final

from muhurat.simulator.bse.bhavcopy import cash_bhavcopy, derivatives_bhavcopy
from muhurat.simulator.bse.contract_master import contract_members
from muhurat.simulator.bse.derivatives import MIC, BseDay, bse_day
from muhurat.simulator.bse.scrip_master import scrip_members
from muhurat.simulator.files import Shelf
from muhurat.simulator.reference.derivatives import Derivatives
from muhurat.simulator.reference.prices import Prices
from muhurat.simulator.reference.sessions import Sessions

MASTERS_AT: Final = time(19, 30)
CASH_AT: Final = time(16, 45)
DERIVATIVES_AT: Final = time(18, 0)
"""Times of day (IST) at which a session's files come out: NSE's as observed (facts/nse.md §2), assumed for BSE. In the
morning the masters are therefore those of the session before (§5)."""

_DAYS_KEPT: Final = 3
_FILES_KEPT: Final = 8


class Library:
    """The files by session; safe to ask from several threads."""

    def __init__(self, seed: int) -> None:
        self.sessions = Sessions(MIC)
        self._prices = Prices(seed, self.sessions)
        self._derivatives = Derivatives(self._prices)
        self._days: Shelf[BseDay] = Shelf(_DAYS_KEPT)
        self._members: Shelf[dict[str, bytes]] = Shelf(_DAYS_KEPT)
        self._texts: Shelf[bytes] = Shelf(_FILES_KEPT)

    def scrip_members(self, day: date) -> dict[str, bytes]:
        """What is in `scrip.zip`, by name."""
        return self._members.get(("scrip", day), lambda: scrip_members(day))

    def contract_members(self, day: date) -> dict[str, bytes]:
        """What is in `CO_BSE.zip`, by name."""
        return self._members.get(("contracts", day), lambda: contract_members(self._day(day)))

    def cash_bhavcopy(self, day: date) -> bytes:
        """The cash segment's session as CSV."""
        return self._texts.get(("cash", day), lambda: cash_bhavcopy(self._prices, day))

    def derivatives_bhavcopy(self, day: date) -> bytes:
        """The derivatives segment's session as CSV."""
        return self._texts.get(("derivatives", day), lambda: derivatives_bhavcopy(self._day(day)))

    def _day(self, day: date) -> BseDay:
        return self._days.get(day, lambda: bse_day(self._derivatives, day))
