"""The shipped calendars of NSE and BSE, by segment, 2024 to 2026."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.calendars import Calendar, Session, SessionKind, calendar_for, desk_overlays
from muhurat.clock import ist
from muhurat.errors import CalendarError

FIRST, LAST = date(2024, 1, 1), date(2026, 12, 31)
UNPUBLISHED = date(2026, 11, 8)
ALL = [(mic, segment) for mic in ("XNSE", "XBOM") for segment in ("CM", "FO")]
CALENDARS = {key: calendar_for(*key) for key in ALL}

calendars = st.sampled_from(list(CALENDARS.values()))
days = st.dates(date(2024, 1, 10), date(2026, 12, 20))


def hours(session: Session | None) -> list[str]:
    assert session is not None
    return [f"{ist(w.open_ns):%H:%M}-{ist(w.close_ns):%H:%M}" for w in session.windows]


def named(session: Session | None) -> dict[str, str]:
    assert session is not None
    return {name: f"{ist(w.open_ns):%H:%M}-{ist(w.close_ns):%H:%M}" for name, w in session.named}


@pytest.fixture(params=ALL, ids="-".join)
def calendar(request: pytest.FixtureRequest) -> Calendar:
    return CALENDARS[request.param]


@given(calendar=calendars, day=days)
def test_previous_and_next_day_are_inverse(calendar: Calendar, day: date) -> None:
    before, after = calendar.previous_day(day), calendar.next_day(day)
    assert before < day < after
    assert calendar.next_day(before) == (day if calendar.is_open(day) else after)
    assert calendar.previous_day(after) == (day if calendar.is_open(day) else before)


@given(calendar=calendars, day=days)
def test_a_day_has_a_session_exactly_when_it_is_open(calendar: Calendar, day: date) -> None:
    if day != UNPUBLISHED:
        assert (calendar.session(day) is not None) == calendar.is_open(day)


def test_windows_are_ordered_and_sessions_never_overlap(calendar: Calendar) -> None:
    sessions = [*calendar.sessions(FIRST, UNPUBLISHED - timedelta(1)), *calendar.sessions(date(2026, 11, 9), LAST)]
    for session in sessions:
        assert all(window.open_ns < window.close_ns for window in session.windows)
        assert all(one.close_ns < two.open_ns for one, two in pairwise(session.windows))
        assert all(window.open_ns < window.close_ns for _, window in session.named)
        assert ist(session.open_ns).date() == ist(session.close_ns).date() == session.day
        assert session.source
    assert all(one.close_ns < two.open_ns for one, two in pairwise(sessions))


@pytest.mark.parametrize(
    ("day", "kind", "expected"),
    [
        (date(2024, 1, 20), "special", ["09:15-15:30"]),
        (date(2024, 3, 2), "dr_test", ["09:15-10:00", "11:30-12:30"]),
        (date(2024, 5, 18), "dr_test", ["09:15-10:00", "11:30-12:30"]),
        (date(2024, 11, 1), "muhurat", ["18:00-19:00"]),
        (date(2025, 2, 1), "budget", ["09:15-15:30"]),
        (date(2025, 10, 21), "muhurat", ["13:45-14:45"]),
        (date(2026, 2, 1), "budget", ["09:15-15:30"]),
    ],
)
def test_every_special_session_is_there(calendar: Calendar, day: date, kind: str, expected: list[str]) -> None:
    session = calendar.session(day)
    assert hours(session) == expected
    assert session is not None
    assert session.kind == kind == calendar.why(day)
    assert session.source


def test_a_session_without_published_hours_is_open_but_has_no_invented_hours(calendar: Calendar) -> None:
    assert calendar.is_open(UNPUBLISHED)
    assert calendar.why(UNPUBLISHED) == "muhurat"
    assert calendar.next_day(date(2026, 11, 6)) == UNPUBLISHED
    for ask in (
        lambda: calendar.session(UNPUBLISHED),
        lambda: calendar.next_session(date(2026, 11, 6)),
        lambda: calendar.previous_session(date(2026, 11, 9)),
        lambda: list(calendar.sessions(date(2026, 11, 1), date(2026, 11, 30))),
    ):
        with pytest.raises(CalendarError, match="its hours are not known") as refused:
            ask()
        assert "muhurat calendar import" in refused.value.hint


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2024, 1, 1), "09:15-15:30"),
        (date(2026, 7, 31), "09:15-15:30"),
        (date(2026, 8, 3), "09:15-15:40"),
        (date(2026, 12, 4), "09:15-15:40"),
        (date(2026, 12, 7), "09:15-15:45"),
    ],
)
@pytest.mark.parametrize("mic", ["XNSE", "XBOM"])
def test_derivatives_close_by_date(mic: str, day: date, expected: str) -> None:
    assert hours(CALENDARS[mic, "FO"].session(day)) == [expected]


@pytest.mark.parametrize(
    ("day", "close"),
    [(date(2026, 7, 30), "15:30"), (date(2026, 8, 4), "15:40"), (date(2026, 12, 10), "15:30")],
)
@pytest.mark.parametrize("mic", ["XNSE", "XBOM"])
def test_expiring_index_contracts_stop_with_the_rest_until_december_2026(mic: str, day: date, close: str) -> None:
    assert f"{ist(CALENDARS[mic, 'FO'].expiring_index_close(day)):%H:%M}" == close


def test_nothing_expires_on_a_closed_day() -> None:
    with pytest.raises(CalendarError, match=r"closed on 2026-11-24 \(Prakash Gurpurb"):
        CALENDARS["XNSE", "FO"].expiring_index_close(date(2026, 11, 24))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (
            date(2026, 7, 31),
            {"pre_open": "09:00-09:08", "pre_open_matching": "09:08-09:15", "index": "09:15-15:30"}
            | {"post_close": "15:40-16:00"},
        ),
        (
            date(2026, 8, 3),
            {"pre_open": "09:00-09:08", "pre_open_matching": "09:08-09:15", "index": "09:15-15:30"}
            | {"fo_stocks": "09:15-15:15", "closing_auction": "15:15-15:35", "post_close": "15:50-16:00"},
        ),
        (
            date(2026, 9, 7),
            {"pre_open": "09:00-09:10", "pre_open_matching": "09:10-09:12", "index": "09:15-15:30"}
            | {"fo_stocks": "09:15-15:15", "closing_auction": "15:15-15:35", "post_close": "15:50-16:00"},
        ),
        (
            date(2026, 12, 7),
            {"pre_open": "09:00-09:10", "pre_open_matching": "09:10-09:12", "index": "09:15-15:30"}
            | {"fo_stocks": "09:15-15:30", "closing_auction": "15:30-15:40"},
        ),
    ],
)
@pytest.mark.parametrize("mic", ["XNSE", "XBOM"])
def test_the_cash_market_names_its_auctions(mic: str, day: date, expected: dict[str, str]) -> None:
    session = CALENDARS[mic, "CM"].session(day)
    assert hours(session) == ["09:15-15:30"]
    assert named(session) == expected


def test_every_closed_weekday_has_a_name_and_a_source(calendar: Calendar) -> None:
    closed = [status for status in map(calendar.status, each_day()) if not status.open and status.kind != "weekend"]
    assert [sum(status.day.year == year for status in closed) for year in (2024, 2025, 2026)] == [16, 13, 16]
    assert all(status.kind == "holiday" and status.name and status.source for status in closed)
    assert all(calendar.why(status.day) == status.name for status in closed)


def test_ordinary_days_and_weekends_say_what_they_are(calendar: Calendar) -> None:
    assert calendar.why(date(2026, 11, 20)) == "regular"
    assert calendar.why(date(2026, 11, 21)) == "weekend"
    assert calendar.session(date(2026, 11, 21)) is None


@pytest.mark.parametrize("day", [date(2023, 12, 31), date(2027, 1, 1), date(2030, 6, 3)])
def test_a_question_beyond_the_data_fails_closed(calendar: Calendar, day: date) -> None:
    for ask in (calendar.session, calendar.is_open, calendar.why, calendar.status):
        with pytest.raises(CalendarError, match="knows 2024-01-01 to 2026-12-31") as refused:
            ask(day)
        assert str(day) in str(refused.value)
        assert "muhurat calendar import" in refused.value.hint


def test_searching_past_the_end_of_the_data_fails_closed(calendar: Calendar) -> None:
    with pytest.raises(CalendarError, match="not 2027-01-01"):
        calendar.next_session(date(2026, 12, 31))
    with pytest.raises(CalendarError, match="not 2023-12-31"):
        calendar.previous_session(date(2024, 1, 1))


def test_the_end_of_the_data_is_announced_from_december_on(calendar: Calendar) -> None:
    assert calendar.horizon() == LAST
    assert calendar.ends_soon(date(2026, 11, 30)) is None
    assert "ends on 2026-12-31" in str(calendar.ends_soon(date(2026, 12, 1)))


def test_unknown_exchanges_and_segments_are_refused_by_name() -> None:
    with pytest.raises(CalendarError, match=r"no calendar for 'XXXX'; known: .*XBOM, XNSE"):
        calendar_for("XXXX", "CM")
    with pytest.raises(CalendarError, match=r"no calendar for '\.\./xnse'"):
        calendar_for("../xnse", "CM")
    with pytest.raises(CalendarError, match="XNSE has no segment 'CD'; known: CM, FO"):
        calendar_for("XNSE", "CD")


def test_an_overlay_adds_hours_a_holiday_and_a_year(tmp_path: Path) -> None:
    overlay = tmp_path / "calendars" / "xnse.toml"
    overlay.parent.mkdir()
    overlay.write_text(
        """
        mic = "XNSE"
        covers = { from = 2027-01-01, to = 2027-12-31 }
        holidays = [
          { day = 2026-12-15, name = "Election", source = "circular 1", segments = ["FO"] },
          { day = 2027-01-26, name = "Republic Day", source = "circular 2" },
        ]
        regular = [{ day = 2026-12-25, name = "Open after all", source = "circular 3", replaces = true }]
        [[hours]]
        segment = "FO"
        since = 2027-03-01
        trading = [["09:00", "17:00"]]
        source = "circular 4"
        [[special]]
        day = 2026-11-08
        kind = "muhurat"
        name = "Muhurat trading"
        trading = [["18:15", "19:15"]]
        source = "circular 5"
        """
    )
    assert desk_overlays(tmp_path, "XNSE") == (overlay,)
    derivatives, cash = (calendar_for("XNSE", segment, desk_overlays(tmp_path, "XNSE")) for segment in ("FO", "CM"))
    assert hours(derivatives.session(UNPUBLISHED)) == ["18:15-19:15"]
    assert derivatives.why(date(2026, 12, 15)) == "Election"
    assert cash.is_open(date(2026, 12, 15))
    assert hours(derivatives.session(date(2026, 12, 25))) == ["09:15-15:45"]
    assert derivatives.next_session(date(2026, 12, 31)).day == date(2027, 1, 1)
    assert not derivatives.is_open(date(2027, 1, 26))
    assert hours(derivatives.session(date(2027, 3, 1))) == ["09:00-17:00"]
    assert derivatives.horizon() == date(2027, 12, 31)


def test_an_overlay_of_another_exchange_is_left_aside(tmp_path: Path) -> None:
    overlay = tmp_path / "xbom.toml"
    overlay.write_text('mic = "XBOM"\nholidays = [{ day = 2026-12-15, name = "Election", source = "notice" }]\n')
    assert calendar_for("XNSE", "FO", [overlay]).is_open(date(2026, 12, 15))
    assert not calendar_for("XBOM", "FO", [overlay]).is_open(date(2026, 12, 15))


def test_an_overlay_must_not_leave_a_gap_or_reach_beyond_what_it_covers(tmp_path: Path) -> None:
    overlay = tmp_path / "xnse.toml"
    overlay.write_text('mic = "XNSE"\ncovers = { from = 2028-01-01, to = 2028-12-31 }\n')
    with pytest.raises(CalendarError, match="leaves a gap after 2026-12-31"):
        calendar_for("XNSE", "FO", [overlay])
    overlay.write_text('mic = "XNSE"\nholidays = [{ day = 2027-01-26, name = "Republic Day", source = "circular" }]\n')
    with pytest.raises(CalendarError, match="2027-01-26 lies outside the data"):
        calendar_for("XNSE", "FO", [overlay])


@pytest.mark.filterwarnings("ignore::Warning:pandas")
def test_ordinary_weekdays_agree_with_exchange_calendars() -> None:
    exchange_calendars = pytest.importorskip("exchange_calendars")
    theirs = {day.date() for day in exchange_calendars.get_calendar("XBOM").sessions_in_range(str(FIRST), str(LAST))}
    for calendar in CALENDARS.values():
        ours = {day for day in calendar.open_days(FIRST, LAST) if calendar.why(day) == SessionKind.REGULAR}
        assert ours == {day for day in theirs if day.weekday() < 5}


def test_the_days_of_real_files_are_open_days(samples: Path) -> None:
    files = sorted((samples / "nse" / "security-wise-cm").glob("sec_bhavdata_full_*.csv"))
    assert files
    for file in files:
        assert CALENDARS["XNSE", "CM"].is_open(date.fromisoformat(file.stem[-10:]))


def each_day() -> list[date]:
    return [FIRST + timedelta(number) for number in range((LAST - FIRST).days + 1)]
