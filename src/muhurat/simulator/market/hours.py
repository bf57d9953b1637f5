"""The seconds of a trading day, from the exchange's calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from muhurat.calendars.calendar import Calendar, calendar_for
from muhurat.calendars.session import Session
from muhurat.clock import NS_PER_S
from muhurat.errors import CalendarError
from muhurat.simulator.market.base import Floats, Ints

BAR_S: Final = 180
"""The bars that real candles come in and that packets are spread over; every open falls on a multiple of it."""

Windows = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class DayHours:
    """When derivatives, expiring index contracts and indices are quoted on a day: `[open, close)` in epoch seconds."""

    day: date
    derivatives: Windows
    indices: Windows
    expiring_close_s: int

    @property
    def open_s(self) -> int:
        return self.derivatives[0][0]

    @property
    def close_s(self) -> int:
        """The end of the last window, of whichever segment closes later."""
        return max(self.derivatives[-1][1], self.indices[-1][1])

    @cached_property
    def seconds(self) -> Ints:
        """Every second in which anything is quoted, in order."""
        return np.union1d(seconds_of(self.derivatives), seconds_of(self.indices))

    @cached_property
    def u_shape(self) -> Floats:
        """How busy each of `seconds` is compared with the day's mean: most at the open, somewhat at the close."""
        through = np.linspace(0.0, 1.0, len(self.seconds))
        busy = 0.75 + 1.3 * np.exp(-through / 0.06) + 0.7 * np.exp((through - 1.0) / 0.1)
        shape: Floats = busy / busy.mean()
        return shape

    def quoted(self, *, index: bool, expiring: bool) -> Ints:
        """The seconds in which an instrument of this kind is quoted."""
        seconds = seconds_of(self.indices if index else self.derivatives)
        return seconds[seconds < self.expiring_close_s] if expiring else seconds


class Exchange:
    """The two calendars of a SENSEX desk: BSE's derivatives, and its cash segment, whose hours indices keep."""

    def __init__(self, overlays: Sequence[Path] = ()) -> None:
        self._derivatives = calendar_for("XBOM", "FO", overlays)
        self._cash = calendar_for("XBOM", "CM", overlays)

    def hours(self, day: date) -> DayHours:
        """The hours of a trading date; raises `CalendarError` on a closed day and beyond the calendar."""
        derivatives, cash = _session(self._derivatives, day), _session(self._cash, day)
        expiring_ns = self._derivatives.expiring_index_close(day)
        return DayHours(day, _windows(derivatives), _windows(cash), expiring_ns // NS_PER_S)

    def previous_hours(self, day: date) -> DayHours:
        """The last session before `day` whose hours were published."""
        while True:
            day = self._derivatives.previous_day(day)
            try:
                return self.hours(day)
            except CalendarError:
                if day <= self._derivatives.first:
                    raise

    def trades(self, day: date) -> bool:
        """Whether derivatives trade on a day; a weekday beyond the calendar is taken for a trading day, because an
        exchange lists contracts before it publishes the holidays of their year."""
        if day > self._derivatives.horizon():
            return day.weekday() < 5
        return self._derivatives.is_open(day)

    def expiry_close_s(self, expiry: date) -> int:
        """The second at which contracts of an expiry stop trading, by ordinary hours where the calendar ends."""
        if expiry > self._derivatives.horizon():
            last = self._derivatives.previous_session(self._derivatives.horizon())
            days_on = (expiry - last.day).days
            return self._derivatives.expiring_index_close(last.day) // NS_PER_S + 86_400 * days_on
        return self._derivatives.expiring_index_close(expiry) // NS_PER_S


def seconds_of(windows: Windows) -> Ints:
    """Every second of some windows, in order."""
    return np.concatenate([np.arange(start, end, dtype=np.int64) for start, end in windows])


def _session(calendar: Calendar, day: date) -> Session:
    session = calendar.session(day)
    if session is None:
        raise CalendarError(f"{calendar.mic} is closed on {day} ({calendar.why(day)})", hint="choose a trading day")
    return session


def _windows(session: Session) -> Windows:
    return tuple((window.open_ns // NS_PER_S, window.close_ns // NS_PER_S) for window in session.windows)
