"""Whatever happens to a service, in whatever order: it steps by the table, and holds time to begin or end its hours."""

from __future__ import annotations

import itertools
import random
from datetime import date, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from muhurat.clock import NS_PER_S, ist_ns
from muhurat.errors import CalendarError, MuhuratError
from muhurat.supervisor.alerts import Alerts
from muhurat.supervisor.history import History
from muhurat.supervisor.process import Launcher, StillRuns
from muhurat.supervisor.service import Service, Surroundings
from muhurat.supervisor.spec import Patience, ServiceSpec
from muhurat.supervisor.states import ALIVE, ALLOWED, State
from tests.supervisor.support import CountingClock, FakeLauncher, FakeProcess

NOON_NS = ist_ns(date(2025, 9, 2), time(12))
PATIENCE = Patience(start_s=20, stop_s=5, first_delay_s=0.5, burst=3, burst_window_s=60, healthy_after_s=30)


class Remembered(History):
    """Keeps the steps in memory."""

    def __init__(self) -> None:
        self.states = [State.WAITING]

    def note(self, at_ns: int, service: str, state: str, detail: str) -> None:
        self.states.append(State(state))


class Unwritten(Alerts):
    """Counts alerts."""

    def __init__(self) -> None:
        self.raised = 0

    def raise_(self, level: Any, what: str, hint: str) -> bool:
        self.raised += 1
        return True


class AroundNoon:
    """Open from 10 to 14 every day, unless nobody knows."""

    unknown = False

    def edges(self, day: date) -> tuple[int, int]:
        if self.unknown:
            raise CalendarError("no hours for that day")
        return ist_ns(day, time(10)), ist_ns(day, time(14))


class Lives(RuleBasedStateMachine):
    """One service under everything that can happen to it."""

    @initialize(stays=st.booleans(), unknown=st.sampled_from([False, False, False, True]))
    def begin(self, stays: bool, unknown: bool) -> None:
        self.folder = TemporaryDirectory()
        self.clock = CountingClock(NOON_NS)
        self.launcher = FakeLauncher()
        self.history, self.alerts = Remembered(), Unwritten()
        self.hours = AroundNoon()
        self.hours.unknown = unknown
        self.spec = ServiceSpec("svc", ("svc",), self.hours, patience=PATIENCE, stays=stays)
        self.service = self.supervised()

    def supervised(self) -> Service:
        around = Surroundings(
            Path(self.folder.name),
            cast(Launcher, self.launcher),
            self.clock,
            self.alerts,
            self.history,
            random.Random(1),
        )
        self.history.states = [State.WAITING]
        return Service(self.spec, around)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @property
    def process(self) -> FakeProcess | None:
        return self.launcher.last

    @rule(times=st.integers(1, 5))
    def step(self, times: int) -> None:
        for _ in range(times):
            self.service.step()

    @rule(seconds=st.sampled_from([0.1, 1, 6, 21, 31, 70]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.service.step()

    @rule(hours=st.sampled_from([-24, -1, 1, 24]))
    def the_clock_jumps(self, hours: int) -> None:
        self.clock.set(self.clock.now_ns() + hours * 3600 * NS_PER_S)
        self.service.step()

    @rule()
    def the_calendar_learns(self) -> None:
        self.hours.unknown = False

    @rule()
    def it_says_that_it_is_ready(self) -> None:
        self.service.step()
        if self.process is not None:
            self.process.ready = True
            self.service.step()

    @precondition(lambda self: self.process is not None and self.process.code is None)
    @rule(code=st.sampled_from([0, 1, 2, -9, -40]), orphans=st.booleans(), noticed=st.booleans())
    def it_dies(self, code: int, orphans: bool, noticed: bool) -> None:
        assert self.process is not None
        self.process.code, self.process.orphans = code, orphans
        if noticed:
            self.service.step()

    @precondition(lambda self: self.process is not None)
    @rule()
    def it_goes_deaf(self) -> None:
        assert self.process is not None
        self.process.deaf = True

    @rule(why=st.sampled_from([None, MuhuratError("never"), MuhuratError("later", permanent=False), StillRuns("held")]))
    def starting_it_comes_to(self, why: MuhuratError | None) -> None:
        self.launcher.refuse = why

    @rule(verb=st.sampled_from(["start", "stop", "restart"]))
    def the_operator_says(self, verb: str) -> None:
        getattr(self.service, verb)()

    @precondition(lambda self: self.service.state in (State.STARTING, State.RUNNING))
    @rule()
    def it_is_found_unwell(self) -> None:
        self.service.fail("not well")

    @rule()
    def the_desk_goes_down(self) -> None:
        self.service.stand_down("the desk is going down")
        for _ in range(12):
            if self.service.gone:
                break
            self.clock.advance(1)
            self.service.step()
        assert self.service.gone, self.service.state

    @rule(changed=st.booleans(), wanted=st.booleans())
    def its_supervisor_is_killed(self, changed: bool, wanted: bool) -> None:
        if changed:
            self.spec = ServiceSpec("svc", (*self.spec.command, "more"), self.hours, patience=PATIENCE)
        self.clock.forget_holders()
        self.service = self.supervised()
        if wanted:
            self.service.adopt()
        else:
            self.service.evict()

    @invariant()
    def every_step_is_in_the_table(self) -> None:
        states = self.history.states
        assert [
            (was, now) for was, now in itertools.pairwise(states) if now is not was and now not in ALLOWED[was]
        ] == []

    @invariant()
    def time_is_held_to_start_and_to_end_the_hours_and_only_then(self) -> None:
        ending = self.service.state is State.STOPPING and self.service.detail == "its hours are over"
        assert self.clock.holds == (self.service.state is State.STARTING or ending)

    @invariant()
    def at_rest_nothing_of_it_lives(self) -> None:
        if self.service.state not in ALIVE:
            assert self.service.process is None
            assert not self.launcher.remains("svc", None)


Lives.TestCase.settings = settings(max_examples=250, stateful_step_count=30, deadline=None)
TestLives = Lives.TestCase


def test_every_state_can_be_left_but_by_the_table_only() -> None:
    assert set(ALLOWED) == set(State)
    assert all(ALLOWED[state] for state in State)
    assert not any(state in ALLOWED[state] for state in State)
