"""`muhurat day`: the day's jobs, planned, run, watched and corrected."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption
from muhurat.errors import UsageError

if TYPE_CHECKING:
    from muhurat.clock import Clock
    from muhurat.config import Desk
    from muhurat.jobs.base import Phase
    from muhurat.jobs.operator import Operator
    from muhurat.jobs.process import Row
    from muhurat.jobs.runner import Runner
    from muhurat.jobs.runs import RunHistory

T = TypeVar("T")

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Plan, run, watch and correct the day's jobs.")

_PHASES: Final[tuple[Phase, ...]] = ("BOD", "EOD")

DateOption = Annotated[
    datetime | None,
    typer.Option(
        "--date", metavar="DATE", formats=["%Y-%m-%d"], help="The business date [today, on the desk's clock]."
    ),
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The job, as `muhurat day status` shows it.")]
WhyOption = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it is kept with your name.")]


@app.command()
def plan(
    day: DateOption = None, desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None, json: JsonOption = False
) -> None:
    """Show what a date will have: the calendar's verdict, order, dependencies, deadlines, and inputs that are there."""
    from muhurat import app
    from muhurat.app.day import day_plan
    from muhurat.cli.day_plan import plan_facts, print_plan
    from muhurat.cli.output import print_json

    loaded = app.open_desk(desk, overlay or [])
    clock = app.clock_of(loaded)
    made = day_plan(loaded, clock, _date(day, clock))
    if json:
        print_json(plan_facts(made))
    else:
        print_plan(made)


@app.command()
def run(
    phase: Annotated[str, typer.Argument(metavar="bod|eod", help="Which half of the day.")],
    day: DateOption = None,
    serial: Annotated[bool, typer.Option("--serial", help="One job at a time.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="This job only. May be repeated.")
    ] = None,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    json: JsonOption = False,
) -> None:
    """Run a half of the day now, to its end. What is done already stays done; what failed waits for `day rerun`.

    Exit code 1 when a job that blocks is not done.
    """
    half = _phase(phase)
    with _Work.of(desk, overlay, day) as work:
        work.check_names(only or [])
        rows = work.run([half], only=only or [], serial=serial, quiet=json, ask=True)
        work.report(rows, as_json=json)


@app.command()
def rerun(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Jobs to run again.")] = None,
    from_failed: Annotated[
        bool, typer.Option("--from-failed", help="What failed or was lost, and what depends on it.")
    ] = False,
    day: DateOption = None,
    why: WhyOption = "",
    serial: Annotated[bool, typer.Option("--serial", help="One job at a time.")] = False,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    json: JsonOption = False,
) -> None:
    """Run jobs again; earlier attempts and their logs are kept. What waited for them runs, too.

    With --from-failed the whole day goes on from where it stopped, also after the runner was killed. Exit code 1 when a
    job that blocks is not done.
    """
    from muhurat.jobs.operator import downstream

    if bool(names) == from_failed:
        raise UsageError("name the jobs to run again, or say --from-failed")
    with _Work.of(desk, overlay, day) as work:
        if from_failed:
            work.settle()
            work.operator.rerun_from_failed(work.day, why)
            rows = work.go_on(work.operator.begun(work.day), serial=serial, quiet=json)
        else:
            chosen = work.operator.rerun(work.day, names or [], why)
            wanted = {*chosen, *downstream(work.history.standings(work.day), chosen)}
            rows = work.go_on(wanted, serial=serial, quiet=json)
        work.report(rows, as_json=json)


@app.command()
def status(
    day: DateOption = None, desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None, json: JsonOption = False
) -> None:
    """Show every job of a date: state, time, rows, and why it is so."""
    with _Work.of(desk, overlay, day) as work:
        work.show(work.operator.status(work.day), as_json=json)


@app.command()
def hold(
    name: NameArgument,
    why: WhyOption,
    day: DateOption = None,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
) -> None:
    """Keep a job from starting until it is released."""
    with _Work.of(desk, overlay, day) as work:
        work.operator.hold(work.day, name, why)
        print(f"{name} is held")


@app.command()
def release(
    name: NameArgument,
    why: WhyOption = "",
    day: DateOption = None,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
) -> None:
    """Let a held job start."""
    with _Work.of(desk, overlay, day) as work:
        work.operator.release(work.day, name, why)
        print(f"{name} is released")


@app.command()
def skip(
    name: NameArgument,
    why: WhyOption,
    day: DateOption = None,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
) -> None:
    """Leave a job out for a date; what depends on it goes on."""
    with _Work.of(desk, overlay, day) as work:
        work.operator.skip(work.day, name, why)
        print(f"{name} is skipped")


@app.command()
def override(
    name: NameArgument,
    why: WhyOption,
    day: DateOption = None,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
) -> None:
    """Go on as if a job had been done: frees what it blocks, the trader included."""
    with _Work.of(desk, overlay, day) as work:
        work.operator.override(work.day, name, why)
        print(f"{name} is overridden")


@app.command()
def serve(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None) -> None:
    """The service `jobs`: run every day's jobs in their time. `muhurat up` starts it."""
    from muhurat import app
    from muhurat.app.day import run_jobs

    run_jobs(app.open_desk(desk, overlay or []))


@app.command()
def watch(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None) -> None:
    """The service `checker`: tell of every deadline that is missed. `muhurat up` starts it."""
    from muhurat import app
    from muhurat.app.day import run_checker

    run_checker(app.open_desk(desk, overlay or []))


@dataclass(slots=True)
class _Work:
    """One verb's hold on one date of a desk."""

    desk: Desk
    clock: Clock
    history: RunHistory
    runner: Runner
    operator: Operator
    who: str
    day: date

    @classmethod
    @contextmanager
    def of(cls, desk_file: Path, overlay: list[Path] | None, day: datetime | None) -> Iterator[_Work]:
        from muhurat import app
        from muhurat.app.day import clock_and_history, day_operator, day_runner

        desk, who = app.open_desk(desk_file, overlay or []), _user()
        clock, history = clock_and_history(desk)
        try:
            operator = day_operator(desk, clock, history, who)
            yield cls(desk, clock, history, day_runner(desk, clock, history), operator, who, _date(day, clock))
        finally:
            history.close()

    def check_names(self, names: Sequence[str]) -> None:
        """Refuse a name that the day does not have."""
        from muhurat.jobs.runs import named

        if names:
            self.operator.open_day(self.day)
        for name in names:
            named(self.history.standings(self.day), name)

    def settle(self) -> None:
        """Take in what became of the attempts of a dead runner."""
        self.operator.open_day(self.day)
        for phase in _PHASES:
            self._with_stop(partial(self.runner.settle, self.day, phase, self.who))

    def go_on(self, names: set[str], *, serial: bool, quiet: bool) -> list[Row]:
        """Run what is to run of these jobs, to the end."""
        day = self.history.standings(self.day)
        halves = [phase for phase in _PHASES if any(day[name].process.phase == phase for name in names)]
        return self.run(halves, only=sorted(names), serial=serial, quiet=quiet, ask=False)

    def run(self, halves: Iterable[Phase], *, only: Sequence[str], serial: bool, quiet: bool, ask: bool) -> list[Row]:
        """Run halves one after the other and show it; where another runner has one, it does it and we look on."""
        from muhurat.cli.day_table import shown_live

        rows: list[Row] = []
        for phase in halves:
            with shown_live(self.clock, self._jobs_dir, f"{phase} {self.day}", quiet=quiet) as show:
                half = partial(self.runner.run_or_follow, self.day, phase, self.who)
                found = self._with_stop(partial(half, only=only, serial=serial, watch=show, ask=ask))
            rows += [row for row in found if not only or row.process.name in only]
        return rows

    def report(self, rows: Sequence[Row], *, as_json: bool) -> None:
        """Say what is not done, and leave with 1 when it blocks."""
        from muhurat.jobs.operator import sentence, undone

        if as_json:
            self.show(rows, as_json=True)
        left = undone(rows)
        if left:
            if not as_json:
                count = "one blocking job is" if len(left) == 1 else f"{len(left)} blocking jobs are"
                print(f"{count} not done: {sentence(left[0])}")
            raise typer.Exit(1)
        if not as_json:
            print(f"{self.day}: all {len(rows)} jobs are done, or block nothing")

    def show(self, rows: Sequence[Row], *, as_json: bool) -> None:
        from muhurat.cli.day_table import print_table_of, said_by_jobs
        from muhurat.cli.output import print_json
        from muhurat.jobs.facts import row_facts
        from muhurat.jobs.operator import blocking

        now_ns, said = self.clock.now_ns(), said_by_jobs(self._jobs_dir)
        if as_json:
            facts = [row_facts(row, now_ns, _said(row, said)) for row in rows]
            print_json({"date": self.day, "blocking": blocking(rows), "jobs": facts})
            return
        for phase in _PHASES:
            chosen = [row for row in rows if row.process.phase == phase]
            if chosen:
                print_table_of(chosen, now_ns, said, f"{phase} {self.day}")
        if not rows:
            print(f"{self.day}: the registry has no jobs")

    @property
    def _jobs_dir(self) -> Path:
        from muhurat.jobs.attempts import JOBS

        return self.desk.run_dir / JOBS

    @staticmethod
    def _with_stop(work: Callable[..., Coroutine[Any, Any, T]]) -> T:
        """Run work that ends when its `stop` is set, as Ctrl-C and SIGTERM do."""

        async def until_stopped() -> T:
            stop = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            return await work(stop=stop)

        return asyncio.run(until_stopped())


def _user() -> str:
    """Who types; a container's user may have a number and no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _said(row: Row, said: dict[str, str]) -> str:
    from muhurat.jobs.process import State

    return said.get(row.process.name, "") if row.state is State.RUNNING else ""


def _phase(text: str) -> Phase:
    for phase in _PHASES:
        if text.upper() == phase:
            return phase
    raise UsageError(f"{text!r} is no half of the day", hint="write bod or eod")


def _date(day: datetime | None, clock: Clock) -> date:
    from muhurat.clock import ist

    return day.date() if day is not None else ist(clock.now_ns()).date()
