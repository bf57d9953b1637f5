"""A session's windows, and the times of day that services write relative to it."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.calendars import Session, calendar_for
from muhurat.calendars.session import at
from muhurat.clock import NS_PER_S, ist, ist_ns
from muhurat.errors import CalendarError

DAY = date(2026, 11, 20)
DR_TEST = date(2024, 3, 2)


def session_on(day: date) -> Session:
    session = calendar_for("XBOM", "FO").session(day)
    assert session is not None
    return session


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("09:05", time(9, 5)),
        ("9:05:30", time(9, 5, 30)),
        ("open", time(9, 15)),
        ("close", time(15, 40)),
        ("close+5m", time(15, 45)),
        ("open-10m", time(9, 5)),
        ("close+1h", time(16, 40)),
        ("close-90s", time(15, 38, 30)),
    ],
)
def test_a_time_is_a_wall_clock_time_or_relative_to_the_session(text: str, expected: time) -> None:
    assert at(session_on(DAY), text) == ist_ns(DAY, expected)


def test_a_wall_clock_time_needs_only_a_date() -> None:
    assert at(DAY, "09:05") == ist_ns(DAY, time(9, 5))


def test_a_relative_time_needs_a_session() -> None:
    with pytest.raises(CalendarError, match=r"'close\+5m' needs a session"):
        at(DAY, "close+5m")


@pytest.mark.parametrize("text", ["", "noon", "close + 5m", "close+5", "close+5d", "25:00", "09:61", "9", "closed"])
def test_other_text_is_refused_by_name(text: str) -> None:
    with pytest.raises(CalendarError) as refused:
        at(session_on(DAY), text)
    assert repr(text) in str(refused.value)


@given(minutes=st.integers(0, 600), edge=st.sampled_from(["open", "close"]))
def test_plus_and_minus_are_opposite(minutes: int, edge: str) -> None:
    session = session_on(DAY)
    later, earlier = at(session, f"{edge}+{minutes}m"), at(session, f"{edge}-{minutes}m")
    assert later + earlier == 2 * at(session, edge)
    assert later - earlier == 2 * minutes * 60 * NS_PER_S


def test_a_disaster_recovery_test_pauses_between_its_windows() -> None:
    session = session_on(DR_TEST)
    moments = {text: session.contains(at(session, text)) for text in ("09:14", "09:15", "09:59:59", "10:00", "11:30")}
    assert moments == {"09:14": False, "09:15": True, "09:59:59": True, "10:00": False, "11:30": True}
    assert (ist(session.open_ns).time(), ist(session.close_ns).time()) == (time(9, 15), time(12, 30))


def test_a_session_has_named_windows_or_none_of_that_name() -> None:
    session = calendar_for("XNSE", "CM").session(DAY)
    assert session is not None
    auction = session.window("closing_auction")
    assert auction is not None
    assert [ist(ns).time() for ns in (auction.open_ns, auction.close_ns)] == [time(15, 15), time(15, 35)]
    assert session.window("lunch") is None
