from __future__ import annotations

from datetime import date, datetime

import pytest

from muhurat.clock import IST
from muhurat.errors import CalendarError
from muhurat.simulator.market.hours import Exchange

EXCHANGE = Exchange()


def clock_time(epoch_s: int) -> str:
    return f"{datetime.fromtimestamp(epoch_s, IST):%H:%M:%S}"


@pytest.mark.parametrize(
    ("day", "index_end", "option_end", "expiring_end"),
    [
        (date(2025, 9, 2), "15:29:59", "15:29:59", "15:29:59"),
        (date(2026, 10, 8), "15:29:59", "15:39:59", "15:39:59"),
        (date(2026, 12, 10), "15:29:59", "15:44:59", "15:29:59"),
        (date(2025, 10, 21), "14:44:59", "14:44:59", "14:44:59"),
    ],
)
def test_each_kind_of_instrument_is_quoted_to_its_own_close(day, index_end, option_end, expiring_end):
    hours = EXCHANGE.hours(day)

    assert clock_time(hours.quoted(index=True, expiring=False)[-1]) == index_end
    assert clock_time(hours.quoted(index=False, expiring=False)[-1]) == option_end
    assert clock_time(hours.quoted(index=False, expiring=True)[-1]) == expiring_end


def test_a_day_with_two_windows_has_no_seconds_between_them():
    hours = EXCHANGE.hours(date(2024, 3, 2))

    assert len(hours.seconds) == (45 + 60) * 60
    assert clock_time(hours.seconds[45 * 60 - 1]) == "09:59:59"
    assert clock_time(hours.seconds[45 * 60]) == "11:30:00"


def test_the_open_is_the_busiest_time():
    busy = EXCHANGE.hours(date(2026, 11, 20)).u_shape

    assert busy.mean() == pytest.approx(1.0)
    assert busy[0] > busy[-1] > busy[len(busy) // 2]


def test_a_closed_day_is_refused_by_name():
    with pytest.raises(CalendarError, match="2025-10-02"):
        EXCHANGE.hours(date(2025, 10, 2))


def test_the_session_before_is_the_last_one_whose_hours_are_known():
    assert EXCHANGE.previous_hours(date(2025, 9, 1)).day == date(2025, 8, 29)
