"""The plan of a day: the calendar's word, the order, the waves, the instants, and what is skipped and why."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from muhurat.calendars.calendar import calendar_for
from muhurat.clock import ist
from muhurat.config.sections import PhaseSection
from muhurat.errors import CalendarError
from muhurat.jobs.base import Phase
from muhurat.jobs.plan import DayPlan, Input, PhasePlan, Planned, execution_order, plan_day
from tests.jobs.registries import entry, read, write

MONDAY = date(2026, 11, 23)
HOLIDAY = date(2026, 11, 24)  # Guru Nanak Jayanti
SATURDAY = date(2026, 11, 21)
MUHURAT_WITHOUT_HOURS = date(2026, 11, 8)
HALVES: dict[Phase, PhaseSection] = {
    "BOD": PhaseSection(at="08:00", deadline="09:00"),
    "EOD": PhaseSection(at="close+10m"),
}


def plan(folder: Path, day: date, *processes: dict[str, Any]) -> DayPlan:
    registry = read(write(folder, *processes))
    return plan_day(registry, calendar_for("XBOM", "FO"), day, HALVES, folder)


def bod(folder: Path, day: date, *processes: dict[str, Any]) -> PhasePlan:
    return plan(folder, day, *processes).phases[0]


def by_name(phase: PhasePlan) -> dict[str, Planned]:
    return {planned.process.name: planned for planned in phase.processes}


def clock(instant_ns: int | None) -> str:
    return "" if instant_ns is None else f"{ist(instant_ns):%d %H:%M}"


def test_a_trading_day_tells_its_session_and_both_halves(tmp_path: Path) -> None:
    day = plan(tmp_path, MONDAY, entry("A", process_type="EOD"), entry("B"))
    assert (day.status.open, day.why) == (True, "regular")
    assert day.session is not None
    assert (clock(day.session.open_ns), clock(day.session.close_ns)) == ("23 09:15", "23 15:40")
    morning, evening = day.phases
    assert (clock(morning.begins_ns), clock(morning.deadline_ns)) == ("23 08:00", "23 09:00")
    assert (clock(evening.begins_ns), clock(evening.deadline_ns)) == ("23 15:50", "")
    assert ([*by_name(morning)], [*by_name(evening)]) == (["b"], ["a"])


def test_dependencies_come_first_and_the_order_decides_the_rest(tmp_path: Path) -> None:
    phase = bod(
        tmp_path,
        MONDAY,
        entry("Load", order=1, depends_on=["Clean"]),
        entry("Clean", order=2, depends_on=["Backup"]),
        entry("Backup", order=3),
        entry("Masters", order=4),
        entry("Go", order=5, depends_on=["Load", "Masters"]),
    )
    assert [*by_name(phase)] == ["backup", "clean", "load", "masters", "go"]
    assert {name: planned.wave for name, planned in by_name(phase).items()} == {
        "backup": 1,
        "clean": 2,
        "load": 3,
        "masters": 1,
        "go": 4,
    }
    assert by_name(phase)["go"].waits_for == ("load", "masters")


def test_a_skipped_process_is_not_waited_for_but_what_it_waits_for_is(tmp_path: Path) -> None:
    phase = bod(
        tmp_path,
        MONDAY,
        entry("A"),
        entry("B", depends_on=["A"], is_active=False),
        entry("C", depends_on=["B"]),
        entry("D", depends_on=["B"], days=["tue"]),
    )
    assert {name: (planned.wave, planned.skip) for name, planned in by_name(phase).items()} == {
        "a": (1, ""),
        "b": (None, "not active"),
        "c": (2, ""),
        "d": (None, "runs on tue, and this is a Monday"),
    }


@pytest.mark.parametrize(
    ("day", "reason"),
    [(HOLIDAY, "XBOM is closed: Prakash Gurpurb Sri Guru Nanak Dev"), (SATURDAY, "XBOM is closed: weekend")],
)
def test_a_closed_day_skips_with_the_calendars_reason(tmp_path: Path, day: date, reason: str) -> None:
    plans = by_name(
        bod(tmp_path, day, entry("A"), entry("B", run_on_holidays=True, deadline="09:00", not_before="open"))
    )
    assert plans["a"].skip == reason
    assert plans["a"].wave is None
    assert (plans["b"].skip, plans["b"].wave) == ("", 1)
    assert clock(plans["b"].deadline_ns) == f"{day:%d} 09:00"
    assert plans["b"].not_before_ns is None, "a closed day has no open to begin at"


def test_a_date_that_is_over_leaves_alone_what_is_now(tmp_path: Path) -> None:
    bans = entry("Bans", application_path="builtin:download_banned_instruments", parameter={})
    span = entry("Span", application_path="builtin:nse_span_downloader", parameter={})
    registry = read(write(tmp_path, bans, span))
    calendar = calendar_for("XBOM", "FO")

    over = by_name(plan_day(registry, calendar, MONDAY, HALVES, tmp_path, over=True).phases[0])
    assert over["bans"].skip == "works on what is now, and this date is over"
    assert over["span"].skip == ""
    assert by_name(plan_day(registry, calendar, MONDAY, HALVES, tmp_path).phases[0])["bans"].skip == ""


def test_instants_follow_the_session_and_the_halfs_deadline_counts_without_an_own(tmp_path: Path) -> None:
    evening = {"process_type": "EOD", "not_before": "close+15m", "deadline": "19:30"}
    day = plan(tmp_path, MONDAY, entry("A"), entry("B", deadline="open-5m"), entry("C", **evening))
    morning = by_name(day.phases[0])
    assert (clock(morning["a"].deadline_ns), clock(morning["b"].deadline_ns)) == ("23 09:00", "23 09:10")
    report = by_name(day.phases[1])["c"]
    assert (clock(report.not_before_ns), clock(report.deadline_ns)) == ("23 15:55", "23 19:30")


@pytest.mark.parametrize(
    ("day", "today", "previous"),
    [
        (MONDAY, date(2026, 11, 23), date(2026, 11, 20)),
        (date(2026, 11, 25), date(2026, 11, 25), date(2026, 11, 23)),
        (SATURDAY, date(2026, 11, 23), date(2026, 11, 20)),
    ],
)
def test_each_process_says_whose_session_it_wants(tmp_path: Path, day: date, today: date, previous: date) -> None:
    plans = by_name(bod(tmp_path, day, entry("A"), entry("B", for_session="previous")))
    assert (plans["a"].session_date, plans["b"].session_date) == (today, previous)


def test_input_files_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("nsccl.20261123.i1.zip", "nsccl.20261123.i2.zip", "other.zip"):
        (tmp_path / "in" / name).touch()
    patterns = ["in/nsccl.20261123*", str(tmp_path / "in" / "contract*")]
    plans = bod(tmp_path, MONDAY, entry("A", parameter={"source": patterns, "destination": "out"}), entry("B"))
    assert by_name(plans)["a"].inputs == (Input(f"{tmp_path}/in/nsccl.20261123*", 2), Input(patterns[1], 0))
    assert by_name(plans)["b"].inputs == (Input("/in/*", 0),)


@pytest.mark.parametrize("day", [date(2031, 1, 6), MUHURAT_WITHOUT_HOURS])
def test_a_day_that_the_calendar_does_not_know_is_not_opened(tmp_path: Path, day: date) -> None:
    with pytest.raises(CalendarError):
        plan(tmp_path, day, entry("A"))


def test_the_serial_order_takes_what_lies_outside_as_done(tmp_path: Path) -> None:
    registry = read(write(tmp_path, entry("A"), entry("B", process_type="EOD", depends_on=["A"])))
    assert [process.name for process in execution_order(registry.phase("EOD"))] == ["b"]
