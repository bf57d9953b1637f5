"""The masters of a session, made when they are asked for and kept."""

from __future__ import annotations

from datetime import date, time
from typing import Final

from muhurat.clock import NS_PER_S, ist_ns
from muhurat.simulator.connect2nse.contract_file import MIC, contract_file
from muhurat.simulator.connect2nse.security_file import security_file
from muhurat.simulator.files import Shelf, gzipped
from muhurat.simulator.reference.derivatives import Derivatives
from muhurat.simulator.reference.prices import Prices
from muhurat.simulator.reference.sessions import Sessions

MADE_AT: Final = time(6, 10)
"""When a session's masters appear (IST); assumed: members fetch them before the market opens."""

_KEPT: Final = 4


class Masters:
    """`contract.gz` and `security.gz` by session; safe to ask from several threads."""

    def __init__(self, seed: int) -> None:
        self.sessions = Sessions(MIC)
        self._prices = Prices(seed, self.sessions)
        self._derivatives = Derivatives(self._prices)
        self._files: Shelf[bytes] = Shelf(_KEPT)

    def session_at(self, now_ns: int) -> date:
        """The session whose masters are there at an instant."""
        return self.sessions.last_at(now_ns, MADE_AT)

    def contracts(self, day: date) -> bytes:
        """`contract.gz` of a session."""
        return self._files.get(("contract", day), lambda: self._contracts(day))

    def securities(self, day: date) -> bytes:
        """`security.gz` of a session."""
        return self._files.get(("security", day), lambda: self._securities(day))

    def _contracts(self, day: date) -> bytes:
        return gzipped(contract_file(self._derivatives.session(day), made_1980_s(day)))

    def _securities(self, day: date) -> bytes:
        return gzipped(security_file(self._prices.cash(day).previous, made_1980_s(day)))


def made_1980_s(day: date) -> int:
    """When a session's masters were made, in seconds since the beginning of 1980 in India."""
    return (ist_ns(day, MADE_AT) - ist_ns(date(1980, 1, 1), time(0, 0))) // NS_PER_S
