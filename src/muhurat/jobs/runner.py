"""The runner: one half of a day to its end, or, as the desk's service `jobs`, every day as it comes.

Only one runner has a half of a day at a time, by a lock that dies with it. What a killed one left, the next finds in
the run log: it waits for what still runs, takes in what has ended, and calls lost what left no trace.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, time, timedelta
from pathlib import Path
from typing import Final, get_args

from muhurat.clock import ist, ist_ns
from muhurat.errors import MuhuratError
from muhurat.heartbeat import Heartbeat
from muhurat.jobs.base import Phase
from muhurat.jobs.process import Row, State
from muhurat.jobs.scheduler import Crew, Scheduler
from muhurat.log import get_logger
from muhurat.supervisor import lock

SERVICE: Final = "jobs"
"""The name of the service that runs every day's jobs."""

_BUSY_STEP_S: Final = 0.05
_IDLE_STEP_S: Final = 0.2
_ENDING_S: Final = 10.0
_RETRY_S: Final = 5.0
_DAYS_BACK: Final = 10
_KEPT: Final = timedelta(days=7)


class RunnerBusy(MuhuratError):
    """Another runner has this half of the day."""

    permanent = False

    def __init__(self, day: date, phase: Phase, who: str) -> None:
        super().__init__(
            f"{phase} of {day} is being run by {who}",
            hint="see `muhurat day status`; what you ask for is done by that runner",
        )


class Runner:
    """Runs halves of days with one crew; `parallel` jobs at once."""

    def __init__(self, crew: Crew, jobs_dir: Path, *, parallel: int = 4) -> None:
        self._crew = crew
        self._jobs_dir = jobs_dir
        self._parallel = parallel
        self._log = get_logger("jobs")

    async def run_phase(
        self,
        day: date,
        phase: Phase,
        who: str,
        *,
        only: Sequence[str] = (),
        serial: bool = False,
        stop: asyncio.Event | None = None,
        watch: Callable[[list[Row]], None] = lambda rows: None,
        ask: bool = True,
    ) -> list[Row]:
        """Run what is to run of a half of a day, now, until nothing runs and nothing will start by itself.

        `ask` counts its beginning as come; without it, only what is due or was asked for runs. Sets `stop` ends what
        runs. `watch` is shown the rows while it goes on. Returns the rows of that half. Raises `RunnerBusy`.
        """
        scheduler = Scheduler(day, phase, self._crew, parallel=1 if serial else self._parallel, only=only)
        with self._having(day, phase, f"pid {os.getpid()}, started by {who}"):
            try:
                scheduler.open()
                if ask:
                    scheduler.ask(who)
                await self._to_the_end(scheduler, stop or asyncio.Event(), watch)
            finally:
                scheduler.close()
                self._crew.clock.appoint(None)
        return self.rows(day, phase)

    async def run_or_follow(
        self,
        day: date,
        phase: Phase,
        who: str,
        *,
        only: Sequence[str] = (),
        serial: bool = False,
        stop: asyncio.Event,
        watch: Callable[[list[Row]], None] = lambda rows: None,
        ask: bool = True,
    ) -> list[Row]:
        """As `run_phase`; where another runner has that half, ask it to do the same and look on until it has."""
        try:
            return await self.run_phase(day, phase, who, only=only, serial=serial, stop=stop, watch=watch, ask=ask)
        except RunnerBusy as error:
            self._log.info("handed over", why=str(error))
        scheduler = Scheduler(day, phase, self._crew, parallel=1, only=only)
        if ask:
            scheduler.ask(who)
        while not stop.is_set() and holder(self._jobs_dir, day, phase):
            watch(self.rows(day, phase))
            if scheduler.look():
                break
            await asyncio.sleep(_IDLE_STEP_S)
        return self.rows(day, phase)

    async def settle(self, day: date, phase: Phase, who: str, stop: asyncio.Event) -> None:
        """Take in what became of the attempts that a dead runner left, waiting for those that run; start nothing.

        Where another runner has that half, it does so itself.
        """
        scheduler = Scheduler(day, phase, self._crew, parallel=1)
        scheduler.stopping = True
        with suppress(RunnerBusy), self._having(day, phase, f"pid {os.getpid()}, started by {who}"):
            try:
                scheduler.step()
                while scheduler.busy() and not stop.is_set():
                    await asyncio.sleep(_BUSY_STEP_S)
                    scheduler.step()
            finally:
                scheduler.close()

    def rows(self, day: date, phase: Phase) -> list[Row]:
        """The rows of a half of a day."""
        return [row for row in self._crew.history.rows(day) if row.process.phase == phase]

    async def serve(self, heartbeat: Heartbeat, stop: asyncio.Event) -> None:
        """Open every day, run its halves when their time comes, and what people ask for; until `stop`."""
        halves = _Halves(self, self._crew, self._parallel)
        halves.step()
        halves.look_back()
        heartbeat.ready()
        try:
            while not stop.is_set():
                heartbeat.beat(halves.detail())
                await asyncio.sleep(_BUSY_STEP_S if halves.busy() else _IDLE_STEP_S)
                halves.step()
            halves.stop()
            limit = self._crew.clock.monotonic() + _ENDING_S
            while halves.busy() and self._crew.clock.monotonic() < limit:
                await asyncio.sleep(_BUSY_STEP_S)
                halves.step()
        finally:
            halves.close()
            self._crew.clock.appoint(None)

    async def _to_the_end(self, scheduler: Scheduler, stop: asyncio.Event, watch: Callable[[list[Row]], None]) -> None:
        limit = float("inf")
        while True:
            if stop.is_set() and not scheduler.stopping:
                scheduler.stop()
                limit = self._crew.clock.monotonic() + _ENDING_S
            scheduler.step()
            self._crew.clock.appoint(scheduler.appointment_ns())
            watch(self.rows(scheduler.day, scheduler.phase))
            ended = not scheduler.busy() if scheduler.stopping else scheduler.finished()
            if ended or self._crew.clock.monotonic() > limit:
                return
            await asyncio.sleep(_BUSY_STEP_S)

    @contextmanager
    def _having(self, day: date, phase: Phase, who: str) -> Iterator[None]:
        held = self.take(day, phase, who)
        try:
            yield
        finally:
            os.close(held)

    def take(self, day: date, phase: Phase, who: str) -> int:
        """Lock a half of a day; the descriptor lets it go when it is closed. Raises `RunnerBusy`."""
        path = _runner_lock(self._jobs_dir, day, phase)
        path.parent.mkdir(parents=True, exist_ok=True)
        held = lock.take(path)
        if held is None:
            raise RunnerBusy(day, phase, holder(self._jobs_dir, day, phase))
        told = json.dumps({"who": who}).encode()
        os.pwrite(held, told, 0)
        os.ftruncate(held, len(told))
        return held

    def tidy(self, today: date) -> None:
        """Remove the locks of days long past."""
        for path in self._jobs_dir.glob("runner.*.lock"):
            with suppress(ValueError):
                if date.fromisoformat(path.name.split(".")[1]) < today - _KEPT and not lock.is_held(path):
                    path.unlink(missing_ok=True)


class _Halves:
    """The halves of the present day, and those of an earlier one in which something still runs."""

    def __init__(self, runner: Runner, crew: Crew, parallel: int) -> None:
        self._runner = runner
        self._crew = crew
        self._parallel = parallel
        self._held: dict[tuple[date, Phase], tuple[Scheduler, int]] = {}
        self._trouble = ""
        self._again_at = float("-inf")

    def step(self) -> None:
        """Look once at everything; what cannot be done now is told, and tried again some seconds later."""
        if self._crew.clock.monotonic() < self._again_at:
            return
        now_ns = self._crew.clock.now_ns()
        try:
            self._take_up(ist(now_ns).date())
            for scheduler, _ in self._held.values():
                scheduler.step()
            self._let_go(ist(now_ns).date())
        except MuhuratError as error:
            self._again_at = self._crew.clock.monotonic() + _RETRY_S
            if str(error) != self._trouble:
                self._crew.alerts.raise_("critical", f"the day's jobs: {error}", error.hint)
            self._trouble = str(error)
        else:
            self._trouble = ""
        self._make_appointment(now_ns)

    def look_back(self) -> None:
        """Take in what an earlier service left running on days that are over."""
        today = ist(self._crew.clock.now_ns()).date()
        for day in self._crew.history.days(today, _DAYS_BACK):
            running = [one for one in self._crew.history.standings(day).values() if one.state is State.RUNNING]
            for phase in {one.process.phase for one in running}:
                with suppress(RunnerBusy):
                    self._take(day, phase).stopping = True

    def stop(self) -> None:
        self._again_at = float("-inf")
        for scheduler, _ in self._held.values():
            scheduler.stop()

    def busy(self) -> bool:
        return any(scheduler.busy() for scheduler, _ in self._held.values())

    def detail(self) -> str:
        if self._trouble:
            return self._trouble
        days = ", ".join(f"{phase} {day}" for day, phase in self._held)
        return f"has {days}" if days else "another runner has the day"

    def close(self) -> None:
        for scheduler, held in self._held.values():
            scheduler.close()
            os.close(held)
        self._held.clear()

    def _take_up(self, today: date) -> None:
        for phase in get_args(Phase):
            if (today, phase) in self._held:
                continue
            with suppress(RunnerBusy):  # a person runs it; we go on when that one has ended
                self._take(today, phase)
                self._runner.tidy(today)

    def _take(self, day: date, phase: Phase) -> Scheduler:
        held = self._runner.take(day, phase, f"the service `{SERVICE}`, pid {os.getpid()}")
        scheduler = Scheduler(day, phase, self._crew, parallel=self._parallel, persistent=True)
        self._held[day, phase] = scheduler, held
        return scheduler

    def _let_go(self, today: date) -> None:
        """A day that is over starts nothing more; its running jobs are waited for."""
        for key in [key for key in self._held if key[0] != today]:
            scheduler, held = self._held[key]
            scheduler.stopping = True
            if not scheduler.busy():
                scheduler.close()
                os.close(held)
                del self._held[key]

    def _make_appointment(self, now_ns: int) -> None:
        """A rehearsal's time waits for us where something becomes due, and where the next day begins."""
        midnight_ns = ist_ns(ist(now_ns).date() + timedelta(days=1), time())
        due = (scheduler.appointment_ns() for scheduler, _ in self._held.values() if not scheduler.stopping)
        self._crew.clock.appoint(min((midnight_ns, *(due_ns for due_ns in due if due_ns is not None))))


def holder(jobs_dir: Path, day: date, phase: Phase) -> str:
    """Who has a half of a day, in words; empty when nobody has."""
    path = _runner_lock(jobs_dir, day, phase)
    if not lock.is_held(path):
        return ""
    try:
        return str(json.loads(path.read_bytes())["who"])
    except (ValueError, KeyError):
        return "another runner"


def _runner_lock(jobs_dir: Path, day: date, phase: Phase) -> Path:
    return jobs_dir / f"runner.{day}.{phase}.lock"
