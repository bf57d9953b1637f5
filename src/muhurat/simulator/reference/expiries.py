"""Which expiries an exchange lists: weekly ones of one weekday, the last of each month being the monthly.

NSE: Tuesday since September 2025, Thursday before (facts/nse.md §12). BSE: Thursday since September 2025, Tuesday
before. On a holiday, the trading day before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Final

from muhurat.simulator.reference.sessions import Sessions

TUESDAY, THURSDAY = 1, 3
CHANGED: Final = date(2025, 9, 1)
_WEEKDAYS: Final = {"XNSE": (THURSDAY, TUESDAY), "XBOM": (TUESDAY, THURSDAY)}
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Expiry:
    """The day contracts expire on, and whether it is its month's last."""

    day: date
    monthly: bool


class Expiries:
    """The expiries of one exchange."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._before, self._since = _WEEKDAYS[sessions.mic]

    def upcoming(self, day: date) -> Iterator[Expiry]:
        """The weekly expiries from `day` on, `day` included."""
        monday = day - timedelta(days=day.weekday())
        while True:
            nominal = monday + timedelta(days=self._since if monday >= CHANGED else self._before)
            actual = self._shifted(nominal)
            if actual >= day:
                yield Expiry(actual, monthly=(nominal + _WEEK).month != nominal.month)
            monday += _WEEK

    def weeklies(self, day: date, count: int) -> list[Expiry]:
        """The next weekly expiries, months' last ones among them."""
        return list(islice(self.upcoming(day), count))

    def monthlies(self, day: date, count: int) -> list[Expiry]:
        """The next monthly expiries."""
        return list(islice((expiry for expiry in self.upcoming(day) if expiry.monthly), count))

    def _shifted(self, nominal: date) -> date:
        while not self._sessions.trades(nominal):
            nominal -= timedelta(days=1)
        return nominal
