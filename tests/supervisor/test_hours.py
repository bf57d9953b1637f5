"""When a service is to run."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from muhurat.clock import NS_PER_S, ist_ns
from muhurat.errors import CalendarError
from muhurat.supervisor.hours import FOREVER_NS, Hours

DAY = date(2026, 11, 20)


class Window:
    """From `start` for `hours`; on Saturdays closed, in 2027 unknown. Counts how often it was asked."""

    def __init__(self, start: time, hours: float) -> None:
        self.start, self.hours, self.asked = start, hours, 0

    def edges(self, day: date) -> tuple[int, int] | None:
        self.asked += 1
        if day.year > 2026:
            raise CalendarError("no data for 2027")
        if day.weekday() == 5:
            return None
        start_ns = ist_ns(day, self.start)
        return start_ns, start_ns + round(self.hours * 3600) * NS_PER_S


def test_without_a_window_it_is_always_open() -> None:
    assert Hours(None).open_until(0) == FOREVER_NS
    assert Hours(None).opens_at(0) is None


def test_open_from_its_first_instant_to_the_one_before_its_last() -> None:
    hours, start_ns = Hours(Window(time(9), 6)), ist_ns(DAY, time(9))
    stop_ns = ist_ns(DAY, time(15))
    answers = [hours.open_until(at) for at in (start_ns - 1, start_ns, stop_ns - 1, stop_ns)]
    assert answers == [None, stop_ns, stop_ns, None]


def test_hours_last_past_midnight_into_a_day_that_has_none() -> None:
    hours = Hours(Window(time(19, 45), 7))
    saturday = DAY + timedelta(days=1)
    assert saturday.weekday() == 5
    assert hours.open_until(ist_ns(saturday, time(2))) == ist_ns(saturday, time(2, 45))
    assert hours.open_until(ist_ns(saturday, time(3))) is None
    assert hours.open_until(ist_ns(saturday, time(20))) is None


def test_it_tells_when_it_opens_later_today() -> None:
    hours = Hours(Window(time(9), 6))
    assert hours.opens_at(ist_ns(DAY, time(8))) == ist_ns(DAY, time(9))
    assert hours.opens_at(ist_ns(DAY, time(10))) is None
    assert hours.opens_at(ist_ns(DAY + timedelta(days=1), time(8))) is None
    assert hours.opens_at(ist_ns(date(2027, 1, 4), time(8))) is None


def test_the_calendar_is_asked_once_a_day_however_often_one_looks() -> None:
    window = Window(time(9), 6)
    hours = Hours(window)
    for minute in range(60):
        hours.open_until(ist_ns(DAY, time(16, minute)))
    assert window.asked == 2
    for day in range(1, 30):
        hours.open_until(ist_ns(DAY + timedelta(days=day), time(10)))
    assert len(hours._edges) <= 4


def test_a_day_beyond_the_calendar_is_an_error_and_yesterdays_is_not() -> None:
    hours = Hours(Window(time(9), 6))
    with pytest.raises(CalendarError):
        hours.open_until(ist_ns(date(2027, 1, 4), time(10)))

    class From2026(Window):
        def edges(self, day: date) -> tuple[int, int] | None:
            if day.year < 2026:
                raise CalendarError("no data for 2025")
            return super().edges(day)

    assert Hours(From2026(time(9), 6)).open_until(ist_ns(date(2026, 1, 1), time(8))) is None
