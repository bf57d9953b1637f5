"""Which minutes are expected of an instrument: by the exchange's dated hours, and only those that have passed."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from muhurat.calendars.calendar import calendar_for
from muhurat.capture.quality.hours import MINUTE_NS, RecordedFeed, TradingHours
from muhurat.capture.universe import Entry
from muhurat.clock import ist, ist_ns
from muhurat.venues.kite.decode import decode_message

INDEX = Entry(265, type="INDEX")
SHARE = Entry(500325, type="EQ", asset_class="equity_cash")
FUTURE = Entry(1, type="FUT", underlying="SENSEX", expiry="2026-12-31")


def feed_on(day: date, *, cash: bool = True) -> RecordedFeed:
    fo = calendar_for("XBOM", "FO").session(day)
    assert fo is not None
    hours = TradingHours(fo, calendar_for("XBOM", "CM").session(day) if cash else None)
    opens_ns, closes_ns = ist_ns(day, time(9, 5)), fo.close_ns + 5 * MINUTE_NS
    return RecordedFeed("desk", "kite", Path(), Path(), hours, opens_ns, closes_ns, decode_message)


def edges(day: date, entry: Entry, until: time = time(23, 0), *, cash: bool = True) -> tuple[str, str, int]:
    minutes = list(feed_on(day, cash=cash).minutes(entry, ist_ns(day, until)))
    return (f"{ist(minutes[0]):%H:%M}", f"{ist(minutes[-1]):%H:%M}", len(minutes))


NOVEMBER, DECEMBER = date(2026, 11, 20), date(2026, 12, 10)


@pytest.mark.parametrize(
    ("day", "entry", "expected"),
    [
        (NOVEMBER, FUTURE, ("09:15", "15:39", 385)),
        (NOVEMBER, INDEX, ("09:15", "15:29", 375)),
        (NOVEMBER, SHARE, ("09:15", "15:14", 360)),
        (date(2026, 7, 31), FUTURE, ("09:15", "15:29", 375)),
        (DECEMBER, FUTURE, ("09:15", "15:44", 390)),
        (DECEMBER, Entry(1, type="CE", underlying="SENSEX", expiry="2026-12-10"), ("09:15", "15:29", 375)),
        (DECEMBER, Entry(1, type="CE", underlying="TCS", expiry="2026-12-10"), ("09:15", "15:44", 390)),
    ],
)
def test_each_instrument_has_its_own_hours(day: date, entry: Entry, expected: tuple[str, str, int]) -> None:
    assert edges(day, entry) == expected


def test_without_a_cash_calendar_the_segments_hours_count() -> None:
    assert edges(NOVEMBER, INDEX, cash=False) == ("09:15", "15:39", 385)


def test_minutes_that_have_not_passed_are_not_expected() -> None:
    assert edges(NOVEMBER, FUTURE, time(9, 17, 59)) == ("09:15", "09:16", 2)
    assert edges(NOVEMBER, FUTURE, time(9, 18)) == ("09:15", "09:17", 3)
