"""The trading days of the simulated exchanges, from the package's own calendars."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Final

from muhurat.calendars.calendar import Calendar, calendar_for
from muhurat.clock import ist, ist_ns

_DAY: Final = timedelta(days=1)


class Sessions:
    """The days that derivatives of one exchange (`XNSE` or `XBOM`) trade; hours do not matter here."""

    def __init__(self, mic: str) -> None:
        self.mic = mic
        self.calendar: Calendar = calendar_for(mic, "FO")

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on a day; false on days that the calendar does not cover."""
        return self.calendar.first <= day <= self.calendar.last and self.calendar.is_open(day)

    def trades(self, day: date) -> bool:
        """Like `is_session`, but a weekday beyond the calendar counts, because contracts are listed years ahead."""
        return day.weekday() < 5 if day > self.calendar.last else self.is_session(day)

    def before(self, day: date) -> date:
        """The last session before a day."""
        day -= _DAY
        while not self.trades(day) and day >= self.calendar.first:
            day -= _DAY
        return day

    def after(self, day: date) -> date:
        """The first session after a day."""
        day += _DAY
        while not self.trades(day):
            day += _DAY
        return day

    def last_at(self, now_ns: int, published: time) -> date:
        """The last session whose files were out at an instant, when they come out at `published` on the day."""
        day = ist(now_ns).date()
        if self.is_session(day) and now_ns >= ist_ns(day, published):
            return day
        return self.before(day)

    def out(self, day: date, published: time, now_ns: int) -> bool:
        """Whether the file of a session has come out: `day` is a session, and `published` on it has passed."""
        return self.is_session(day) and now_ns >= ist_ns(day, published)
