"""The day's jobs of a desk, put together: history, runner, checker, and an operator's hands."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Final

from muhurat.app.desk import calendar_of, clock_of, start
from muhurat.clock import Clock, ist
from muhurat.config import Desk, read_dotenv
from muhurat.errors import UsageError

if TYPE_CHECKING:
    from muhurat.config.sections import JobsSection, PhaseSection
    from muhurat.jobs.base import Phase
    from muhurat.jobs.expectation import Expectations
    from muhurat.jobs.live_registry import LiveRegistry
    from muhurat.jobs.operator import Operator
    from muhurat.jobs.plan import DayPlan
    from muhurat.jobs.runner import Runner
    from muhurat.jobs.runs import RunHistory
    from muhurat.notify.base import Channel
    from muhurat.supervisor.alerts import Alerts

RUN_LOG: Final = "desk.db"


def run_history(desk: Desk, clock: Clock) -> RunHistory:
    """The desk's run history, in `<data_dir>/desk.db`; close it after use."""
    from muhurat.jobs.runs import RunHistory
    from muhurat.stores.sql.runs import open_run_log

    return RunHistory(open_run_log(f"sqlite:///{desk.data_dir / RUN_LOG}", desk.folder), clock)


def day_runner(desk: Desk, clock: Clock, history: RunHistory) -> Runner:
    """What runs halves of the desk's days."""
    from muhurat.jobs.attempts import Attempts, Workplace
    from muhurat.jobs.runner import Runner
    from muhurat.jobs.scheduler import Crew
    from muhurat.supervisor.alerts import Alerts

    overlays = [part for overlay in desk.overlays for part in ("--overlay", str(overlay))]
    workplace = Workplace(
        folder=desk.folder.resolve(),
        run_dir=desk.run_dir,
        logs_dir=desk.logs_dir,
        command=(sys.executable, "-P", "-m", "muhurat"),
        options=("--desk", str(desk.source.resolve()), *overlays),
        dotenv=lambda: read_dotenv(desk.folder / ".env"),
    )
    desk.run_dir.mkdir(parents=True, exist_ok=True)
    alerts = Alerts(desk.run_dir, clock)
    registry = live_registry(desk, clock, alerts)
    crew = Crew(
        history=history,
        attempts=Attempts(workplace, clock),
        registry=registry,
        plan=_expectations(desk, registry, clock).of,
        clock=clock,
        alerts=alerts,
    )
    return Runner(crew, workplace.jobs_dir, parallel=_jobs(desk).parallel)


def day_operator(
    desk: Desk, clock: Clock, history: RunHistory, who: str, registry: LiveRegistry | None = None
) -> Operator:
    """A person's hands on the desk's days; `registry` where there is one in use already."""
    from muhurat.jobs.operator import Operator

    followed = live_registry(desk, clock) if registry is None else registry
    return Operator(history, _expectations(desk, followed, clock), clock, who)


def day_plan(desk: Desk, clock: Clock, day: date) -> DayPlan:
    """What a date should have. Raises `ConfigError` for a wrong registry, `CalendarError` beyond the calendar."""
    registry = live_registry(desk, clock)
    return _expectations(desk, registry, clock).plan(registry.current(), day)


def live_registry(desk: Desk, clock: Clock, alerts: Alerts | None = None) -> LiveRegistry:
    """The desk's registry as it changes; a wrong one is told to `alerts`. Raises `UsageError` without jobs."""
    from muhurat.jobs.live_registry import LiveRegistry
    from muhurat.jobs.registry import registry_file

    source = registry_file(desk)
    if source is None:
        raise _without_jobs(desk)
    return LiveRegistry(source, clock, alerts)


def blocking_jobs(desk: Desk, clock: Clock, day: date) -> Callable[[], str | None]:
    """Says, whenever asked, why the trader may only reduce on a date: the job of BOD that is not done, if there is one.

    A desk without jobs blocks nobody; a day whose plan cannot be made blocks. To be asked from the open on.
    """
    from muhurat.errors import MuhuratError
    from muhurat.jobs.operator import blocking

    if desk.jobs is None:
        return lambda: None
    operator = day_operator(desk, clock, run_history(desk, clock), "")

    def blocked() -> str | None:
        try:
            return blocking(operator.status(day))
        except MuhuratError as error:
            return f"the day's jobs are not known: {error}"

    return blocked


def run_jobs(desk: Desk) -> None:
    """The service `jobs`: opens every day and runs its halves in their time."""
    from muhurat.heartbeat import Heartbeat
    from muhurat.jobs.runner import SERVICE

    clock = start(SERVICE, desk)
    history = run_history(desk, clock)
    runner, heartbeat = day_runner(desk, clock, history), Heartbeat(SERVICE, desk.run_dir, clock)

    async def serve() -> None:
        await runner.serve(heartbeat, _told_to_stop())

    try:
        asyncio.run(serve())
    finally:
        history.close()


def run_checker(desk: Desk) -> None:
    """The service `checker`: tells of deadlines that were missed, whatever the runner does."""
    from muhurat.heartbeat import Heartbeat
    from muhurat.jobs.attempts import JOBS
    from muhurat.jobs.deadlines import CHECKER, Checker
    from muhurat.jobs.runner import holder
    from muhurat.supervisor.alerts import Alerts

    clock = start(CHECKER, desk)
    history, expected = run_history(desk, clock), _expectations(desk, live_registry(desk, clock), clock)
    checker = Checker(
        history,
        expected,
        lambda day: bool(holder(desk.run_dir / JOBS, day, "BOD")),
        Alerts(desk.run_dir, clock),
        clock,
        _channel(desk, clock),
    )

    async def serve() -> None:
        await checker.serve(Heartbeat(CHECKER, desk.run_dir, clock), _told_to_stop())

    try:
        asyncio.run(serve())
    finally:
        history.close()


def clock_and_history(desk: Desk) -> tuple[Clock, RunHistory]:
    """What most verbs of a day begin with. Raises `UsageError` for a desk without jobs."""
    _jobs(desk)
    clock = clock_of(desk)
    return clock, run_history(desk, clock)


def _expectations(desk: Desk, registry: LiveRegistry, clock: Clock) -> Expectations:
    from muhurat.jobs.expectation import Expectations

    jobs = _jobs(desk)
    halves: dict[Phase, PhaseSection] = {"BOD": jobs.bod, "EOD": jobs.eod}
    return Expectations(registry, calendar_of(desk), halves, desk.folder, lambda: ist(clock.now_ns()).date())


def _jobs(desk: Desk) -> JobsSection:
    if desk.jobs is None:
        raise _without_jobs(desk)
    return desk.jobs


def _without_jobs(desk: Desk) -> UsageError:
    return UsageError(f"{desk.source} has no section jobs", hint="add `jobs: {registry: process.json}`")


def _channel(desk: Desk, clock: Clock) -> Channel | None:
    from muhurat.app.parts import channel

    return channel(desk, clock) if desk.notify.email is not None else None


def _told_to_stop() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
