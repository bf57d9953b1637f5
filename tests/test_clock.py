"""Desk time: the machine's, a test's, or a rehearsal's shared page."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.clock import (
    NS_PER_S,
    ClockPage,
    ManualClock,
    SimulatedClock,
    SystemClock,
    clock_from_environment,
    ist,
    ist_ns,
    to_ns,
)
from muhurat.errors import MuhuratError


def test_a_simulated_clock_stands_where_its_page_says(tmp_path: Path) -> None:
    page = ClockPage.create(tmp_path / "clock", 5 * NS_PER_S)
    clock = SimulatedClock(ClockPage(tmp_path / "clock"))
    assert clock.now_ns() == 5 * NS_PER_S
    page.now_ns = 7 * NS_PER_S
    assert clock.now_ns() == 7 * NS_PER_S


def test_sleepers_wake_when_the_page_reaches_their_instant(tmp_path: Path) -> None:
    page = ClockPage.create(tmp_path / "clock", 0, speed=1000)
    clock = SimulatedClock(page)
    stepping = threading.Thread(target=lambda: [setattr(page, "now_ns", n * NS_PER_S) for n in range(11)])
    stepping.start()
    clock.sleep_until(10 * NS_PER_S)
    stepping.join()
    assert clock.now_ns() == 10 * NS_PER_S


def test_a_page_is_held_until_every_holder_let_go(tmp_path: Path) -> None:
    clock = SimulatedClock(ClockPage.create(tmp_path / "clock", 0))
    with clock.hold():
        with clock.hold():
            assert clock.page.held()
        assert clock.page.held()
    assert not clock.page.held()


def test_a_holder_that_died_no_longer_counts(tmp_path: Path) -> None:
    page = ClockPage.create(tmp_path / "clock", 0)
    script = "import sys; from pathlib import Path; "
    script += "from muhurat.clock import ClockPage; ClockPage(Path(sys.argv[1])).add_holder()"
    subprocess.run([sys.executable, "-c", script, str(page.path)], check=True)
    assert not page.held()


def test_a_file_that_is_no_clock_page_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"x" * 4096)
    with pytest.raises(MuhuratError, match="not a clock page"):
        ClockPage(tmp_path / "other")
    with pytest.raises(MuhuratError, match="cannot be read"):
        ClockPage(tmp_path / "nowhere")


def test_the_environment_decides_which_clock_a_process_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUHURAT_CLOCK", raising=False)
    assert isinstance(clock_from_environment(), SystemClock)
    page = ClockPage.create(tmp_path / "clock", 1)
    monkeypatch.setenv("MUHURAT_CLOCK", os.fspath(page.path))
    assert clock_from_environment().now_ns() == 1


def test_a_manual_clock_moves_both_times_together() -> None:
    clock = ManualClock(NS_PER_S)
    clock.sleep_until(3 * NS_PER_S)
    assert (clock.now_ns(), clock.monotonic()) == (3 * NS_PER_S, 2.0)


def test_india_is_five_and_a_half_hours_ahead() -> None:
    opening = ist_ns(date(2026, 11, 20), time(9, 15))
    assert to_ns(datetime(2026, 11, 20, 3, 45, tzinfo=UTC)) == opening
    assert ist(opening).isoformat() == "2026-11-20T09:15:00+05:30"


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        to_ns(datetime(2026, 1, 1))  # noqa: DTZ001


@given(st.integers(0, 4_000_000_000 * 10**6))
def test_instants_survive_the_way_to_the_surface_and_back(microseconds: int) -> None:
    assert to_ns(ist(microseconds * 1000)) == microseconds * 1000


def test_time_waits_at_the_earliest_instant_that_somebody_appointed(tmp_path: Path) -> None:
    clock = SimulatedClock(ClockPage.create(tmp_path / "clock", 0))
    assert clock.page.appointment_ns(10 * NS_PER_S) is None
    clock.appoint(5 * NS_PER_S)
    script = "import sys; from pathlib import Path; from muhurat.clock import ClockPage; "
    script += "ClockPage(Path(sys.argv[1])).appoint(3); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(clock.page.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert clock.page.appointment_ns(10 * NS_PER_S) == 3
    assert clock.page.appointment_ns(10 * NS_PER_S) == 5 * NS_PER_S, "who died has no appointments"
    clock.appoint(6 * NS_PER_S)
    assert clock.page.appointment_ns(10 * NS_PER_S) == 6 * NS_PER_S
    assert clock.page.appointment_ns(6 * NS_PER_S - 1) is None
    clock.appoint(None)
    assert clock.page.appointment_ns(10 * NS_PER_S) is None
