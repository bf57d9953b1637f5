"""One half of one day: opens it, starts what is due in the order of dependencies, and takes in how it ended.

It is stepped many times a second and never waits. Whatever it knows is in the run log and in the attempts' files, so
one that is killed is followed by another that goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from typing import Final

from muhurat.clock import NS_PER_S, Clock
from muhurat.errors import MuhuratError
from muhurat.jobs.attempts import Attempts, Unfinished
from muhurat.jobs.base import Phase
from muhurat.jobs.live_registry import LiveRegistry
from muhurat.jobs.process import Registry, State
from muhurat.jobs.readiness import follows, obstacle
from muhurat.jobs.runs import RUNNER, Day, RunHistory, order_of, starts_at
from muhurat.jobs.standing import Expected, Kind, Standing
from muhurat.jobs.verdict import Ended, judge
from muhurat.log import get_logger
from muhurat.model.run_event import RunEvent
from muhurat.supervisor.alerts import Alerts

Planner = Callable[[Registry, date], Sequence[Expected]]
"""What a registry means on a date; raises `CalendarError` when the calendar does not know the date."""

_STRIDE_NS: Final = 5 * NS_PER_S
"""As much desk time may pass in a rehearsal between two steps while a job runs."""

_LEFTOVER_S: Final = 30.0
"""So long a job waits for what an earlier run of it left behind, before that is a failure."""

_LOST: Final = "its process is gone and left no result: nobody knows how it ended"
_NEVER_BEGAN: Final = "it was to start when the runner died, and never began"
_FAILED_START: Final = 1


@dataclass(frozen=True, slots=True)
class Crew:
    """What every scheduler of a desk works with."""

    history: RunHistory
    attempts: Attempts
    registry: LiveRegistry
    plan: Planner
    clock: Clock
    alerts: Alerts


class Scheduler:
    """Runs the jobs of one half of a day, or those named; `parallel` at once.

    With `persistent` a job that is too early is tried until its deadline, see `verdict.judge`.
    """

    def __init__(
        self,
        day: date,
        phase: Phase,
        crew: Crew,
        *,
        parallel: int,
        only: Sequence[str] = (),
        persistent: bool = False,
    ) -> None:
        self.day = day
        self.phase = phase
        self.stopping = False
        self._crew = crew
        self._parallel = parallel
        self._only = frozenset(only)
        self._persistent = persistent
        self._opened = ""
        self._read: Day | None = None
        self._looked_ns = 0
        self._hold = ExitStack()
        self._holding = False
        self._leftover_since: dict[str, float] = {}
        self._log = get_logger("jobs")

    def open(self) -> None:
        """See to it that every job of the day has its row, by the registry as it is now."""
        registry = self._crew.registry.current()
        if registry.digest != self._opened:
            self._crew.history.open_day(self.day, self._crew.plan(registry, self.day))
            self._opened = registry.digest

    def ask(self, who: str, why: str = "") -> None:
        """Note that somebody wants it to run now, before its time has come."""
        now_ns = self._crew.clock.now_ns()
        self._crew.history.change(
            self.day,
            lambda day: [
                RunEvent(now_ns, self.day, standing.name, Kind.ASKED, who=who, why=why)
                for standing in self._mine(day)
                if standing.state is State.PENDING and not standing.asked
            ],
        )

    def step(self) -> None:
        """Look once at everything, and do what follows."""
        self._read = self._crew.history.standings(self.day)
        self._looked_ns = self._crew.clock.now_ns()
        if not self.stopping:
            self.open()
        self._collect()
        if not self.stopping:
            self._start_due()
        self._mind_the_clock()

    def stop(self) -> None:
        """Start nothing more, and tell what runs to end."""
        self.stopping = True
        for standing in self._running(self._day()):
            self._crew.attempts.stop(standing.attempts[-1])

    def close(self) -> None:
        """Let desk time go on."""
        self._hold.close()
        self._holding = False

    def busy(self) -> bool:
        """Whether one of its jobs runs."""
        return bool(self._running(self._day()))

    def finished(self) -> bool:
        """Whether nothing runs, and nothing will start without a person's doing."""
        day = self._day()
        mine = self._mine(day)
        if any(standing.state is State.RUNNING for standing in mine):
            return False
        obstacles = [obstacle(standing, day) for standing in mine if _may_run(standing)]
        others_run = any(standing.state is State.RUNNING for standing in day.values())
        return not any(met is None or (others_run and not met.lasting) for met in obstacles)

    def look(self) -> bool:
        """Read the day anew, as one who only looks on; whether it has come to rest."""
        self._read = self._crew.history.standings(self.day)
        return self.finished()

    def next_ns(self) -> int | None:
        """The next instant of desk time, after that of the last step, at which something may become due."""
        instants = (starts_at(standing) for standing in self._mine(self._day()) if _may_run(standing))
        return min((instant_ns for instant_ns in instants if instant_ns > self._looked_ns), default=None)

    def appointment_ns(self) -> int | None:
        """The instant that a rehearsal's time may not pass before the next step.

        While a job runs that is not far away: else hours would pass between its end and our noticing.
        """
        due_ns = self.next_ns()
        if not self.busy():
            return due_ns
        soon_ns = self._looked_ns + _STRIDE_NS
        return soon_ns if due_ns is None else min(due_ns, soon_ns)

    def _day(self) -> Day:
        """The day as it was read in this step; what we change ourselves shows at once."""
        if self._read is None:
            self._read = self._crew.history.standings(self.day)
        return self._read

    def _mine(self, day: Day) -> list[Standing]:
        """The jobs of this half, in order; of those the named ones where names were given."""
        chosen = [
            standing
            for standing in day.values()
            if standing.process.phase == self.phase and (not self._only or standing.name in self._only)
        ]
        return sorted(chosen, key=order_of)

    def _running(self, day: Day) -> list[Standing]:
        return [standing for standing in self._mine(day) if standing.state is State.RUNNING]

    def _collect(self) -> None:
        for standing in self._running(self._day()):
            attempt = standing.attempts[-1]
            found = self._crew.attempts.look(attempt)
            if found is Unfinished.RUNS:
                self._crew.attempts.mind_the_time(attempt, standing.process)
            elif isinstance(found, Ended):
                self._judge(standing, attempt.run_id, found)
            else:
                lost = found is Unfinished.LOST
                kind, why = (Kind.LOST, _LOST) if lost else (Kind.INTERRUPTED, _NEVER_BEGAN)
                now_ns = self._crew.clock.now_ns()
                self._end(RunEvent(now_ns, self.day, standing.name, kind, attempt.run_id, RUNNER, why))

    def _judge(self, standing: Standing, run_id: str, ended: Ended) -> None:
        earlier = self._crew.history.earlier_rows(standing.name, self.day) if ended.rows is not None else []
        self._end(judge(standing, run_id, ended, earlier, persistent=self._persistent))

    def _end(self, event: RunEvent) -> None:
        """Keep how an attempt ended, unless that is known already."""

        def still_runs(day: Day) -> list[RunEvent]:
            standing = day[event.name]
            runs = standing.state is State.RUNNING and standing.attempts[-1].run_id == event.run_id
            return [event] if runs else []

        if self._crew.history.change(self.day, still_runs):
            self._log.info("job", job=event.name, run=event.run_id, ended=event.kind, why=event.why)
            if event.kind in (Kind.FAILED, Kind.LOST):
                self._alert(event)
        self._crew.attempts.forget(event.run_id)

    def _alert(self, event: RunEvent) -> None:
        process = self._day()[event.name].process
        told = "was lost" if event.kind == Kind.LOST else "failed"
        hint = str(event.facts.get("hint") or "")
        remedy = f"then `muhurat day rerun {event.name}`"
        self._crew.alerts.raise_(
            "critical" if process.on_failure == "block" else "warning",
            f"{self.phase} {self.day}: {event.name} {told}: {event.why}",
            f"{hint}; {remedy}" if hint else f"see its log, {remedy}",
        )

    def _start_due(self) -> None:
        day = self._day()
        free = self._parallel - len(self._running(day))
        for standing in self._mine(day):
            if free <= 0:
                return
            if self._is_due(standing, day):
                free -= self._start(standing)

    def _is_due(self, standing: Standing, day: Day) -> bool:
        """Whether it can start now: its time has come, and what it needs or follows has ended."""
        if not _may_run(standing) or starts_at(standing) > self._looked_ns or obstacle(standing, day) is not None:
            return False
        mine = {one.name for one in self._mine(day) if _may_run(one) and obstacle(one, day) is None}
        before = follows(standing, day, self._looked_ns)
        return not any(one.state is State.RUNNING or one.name in mine for one in before)

    def _start(self, standing: Standing) -> bool:
        """Start the next attempt; whether it was started."""
        self._hold_clock()
        claim = self._crew.attempts.claim(standing)
        if claim is None:
            self._leftover(standing)
            return False
        self._leftover_since.pop(standing.name, None)
        number, now_ns = len(standing.attempts), self._crew.clock.now_ns()

        def still_due(day: Day) -> list[RunEvent]:
            now = day[standing.name]
            due = _may_run(now) and len(now.attempts) == number and obstacle(now, day) is None
            facts = {"log": str(claim.log)}
            return [RunEvent(now_ns, self.day, now.name, Kind.STARTED, claim.run_id, RUNNER, facts=facts)] * due

        if not self._crew.history.change(self.day, still_due):
            claim.give_up()
            return False
        self._log.info("job", job=standing.name, run=claim.run_id, log=str(claim.log))
        try:
            self._crew.attempts.start(standing, claim)
        except MuhuratError as error:
            failed = Ended(_FAILED_START, self._crew.clock.now_ns(), note=str(error), hint=error.hint)
            self._judge(standing, claim.run_id, failed)
        return True

    def _leftover(self, standing: Standing) -> None:
        """A process of an earlier run lives on, out of the reach of what ended that run: it may not run twice."""
        now = self._crew.clock.monotonic()
        since = self._leftover_since.setdefault(standing.name, now)
        if now - since < _LEFTOVER_S:
            return
        del self._leftover_since[standing.name]
        pids = ", ".join(str(pid) for pid in self._crew.attempts.holders(standing.name)) or "unknown"
        why = f"a process of an earlier run of it still lives (pid {pids})"
        event = RunEvent(self._crew.clock.now_ns(), self.day, standing.name, Kind.FAILED, who=RUNNER, why=why)
        self._crew.history.change(self.day, lambda day: [event] if _may_run(day[event.name]) else [])
        self._alert(event)

    def _mind_the_clock(self) -> None:
        """In a rehearsal desk time stands still while a job works that has not said that it holds it itself."""
        working = any(
            standing.process.job is None or not self._crew.attempts.said_ready(standing.name)
            for standing in self._running(self._day())
        )
        if working:
            self._hold_clock()
        elif self._holding:
            self.close()

    def _hold_clock(self) -> None:
        if not self._holding:
            self._hold.enter_context(self._crew.clock.hold())
            self._holding = True


def _may_run(standing: Standing) -> bool:
    """Whether nothing but time and its dependencies keeps it from starting."""
    return standing.state is State.PENDING and not standing.skips and not standing.held_by
