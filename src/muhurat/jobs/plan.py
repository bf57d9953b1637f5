"""The plan of a day: what will run, in which order, by when, on whose data, and what will not and why.

Made of the registry and the calendar alone; only which input files are there is asked of the disk. How far the day
really is, the run history knows (`jobs.runs`).
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from muhurat.calendars.calendar import Calendar, DayStatus
from muhurat.calendars.session import Session, at
from muhurat.config.sections import PhaseSection
from muhurat.jobs.base import ForSession, Phase, job_named
from muhurat.jobs.process import Process, Registry
from muhurat.jobs.registry_document import WEEKDAYS

PHASES: Final[tuple[Phase, ...]] = ("BOD", "EOD")
INPUT_KEYS: Final = ("source", "file", "input", "holdings_file", "positions_file")
"""Keys of `parameter` that name input files."""


@dataclass(frozen=True, slots=True)
class Input:
    """Files that a process reads: the pattern as a full path, and how many there are now."""

    pattern: str
    present: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One process on one business date.

    `wave` counts from 1: what is in the same wave of a phase may run at the same time; None when it is skipped, and
    then `skip` says why. `waits_for` names what has to be done before. Instants are UTC nanoseconds; None when there is
    no such limit, or it hangs on a session and the day has none.
    """

    process: Process
    wave: int | None
    skip: str
    waits_for: tuple[str, ...]
    session_date: date
    not_before_ns: int | None
    deadline_ns: int | None
    inputs: tuple[Input, ...]


@dataclass(frozen=True, slots=True)
class PhasePlan:
    """One half of the day: when it begins, by when it has to be done, and its processes in the order they run."""

    phase: Phase
    begins_ns: int | None
    deadline_ns: int | None
    processes: tuple[Planned, ...]


@dataclass(frozen=True, slots=True)
class DayPlan:
    """One business date: what the calendar says of it, its session (None on a closed day), and its two halves."""

    business_date: date
    status: DayStatus
    why: str
    session: Session | None
    phases: tuple[PhasePlan, ...]


def plan_day(
    registry: Registry,
    calendar: Calendar,
    day: date,
    halves: Mapping[Phase, PhaseSection],
    folder: Path,
    *,
    over: bool = False,
) -> DayPlan:
    """The plan of a date; `halves` are `jobs.bod` and `jobs.eod` of the desk file, `folder` the desk's.

    On a date that is `over`, jobs that work on what is now are skipped: a missed day's catching up must not put another
    day's bans in the place of today's.

    Raises `CalendarError` for a date beyond the calendar's data, or with a session whose hours are not published: such
    a day is not opened.
    """
    status, why, session = calendar.status(day), calendar.why(day), calendar.session(day)
    planned = []
    for phase in PHASES:
        half = halves[phase]
        processes = registry.phase(phase)
        skips = {process.name: skip_reason(process, calendar, day, over=over) for process in processes}
        waves = waves_of(processes, {name for name, reason in skips.items() if reason})
        begins_ns, due_ns = instant(half.at, day, session), instant(half.deadline, day, session)
        planned.append(
            PhasePlan(
                phase=phase,
                begins_ns=begins_ns,
                deadline_ns=due_ns,
                processes=tuple(
                    Planned(
                        process=process,
                        wave=waves.get(process.name),
                        skip=skips[process.name],
                        waits_for=process.depends_on,
                        session_date=session_date(process.for_session, calendar, day),
                        not_before_ns=instant(process.not_before, day, session),
                        deadline_ns=instant(process.deadline, day, session) if process.deadline else due_ns,
                        inputs=tuple(inputs_of(process, folder)),
                    )
                    for process in execution_order(processes)
                ),
            )
        )
    return DayPlan(day, status, why, session, tuple(planned))


def skip_reason(process: Process, calendar: Calendar, day: date, *, over: bool = False) -> str:
    """Why a process does not run on a date: inactive, another day of the week, no session, or it works on what is now
    and the date is `over`; empty when it runs."""
    if not process.is_active:
        return "not active"
    weekday = WEEKDAYS[day.weekday()]
    if process.days and weekday not in process.days:
        return f"runs on {', '.join(process.days)}, and this is a {day:%A}"
    if not calendar.is_open(day) and not process.run_on_holidays:
        return f"{calendar.mic} is closed: {calendar.why(day)}"
    if over and process.job is not None and job_named(process.job).present:
        return "works on what is now, and this date is over"
    return ""


def session_date(wanted: ForSession, calendar: Calendar, day: date) -> date:
    """The session whose data are wanted: the one before the date, or the date's; a closed day prepares the next."""
    if wanted == "previous":
        return calendar.previous_day(day)
    return day if calendar.is_open(day) else calendar.next_day(day)


def instant(edge: str | None, day: date, session: Session | None) -> int | None:
    """The instant of `09:00` or `close+10m` on a date; None without an edge, or when it needs a session in vain."""
    if edge is None or (session is None and not edge[0].isdigit()):
        return None
    return at(session or day, edge)


def execution_order(processes: Iterable[Process]) -> list[Process]:
    """The order in which processes of one half begin when nothing runs at the same time.

    Of those whose dependencies are done, the lowest `order` comes first. Dependencies outside of `processes` are done.
    """
    left = {process.name: process for process in sorted(processes, key=lambda each: (each.order, each.name))}
    ordered: list[Process] = []
    while left:
        chosen = next(each for each in left.values() if not left.keys() & set(each.depends_on))
        ordered.append(left.pop(chosen.name))
    return ordered


def waves_of(processes: Sequence[Process], skipped: set[str]) -> dict[str, int]:
    """By name, the wave of every process that runs, from 1: one more than the highest it waits for.

    A skipped process is not waited for, but what it waits for is.
    """
    levels: dict[str, int] = {}
    for process in execution_order(processes):
        before = max((levels[name] for name in process.depends_on if name in levels), default=0)
        levels[process.name] = before if process.name in skipped else before + 1
    return {name: level for name, level in levels.items() if name not in skipped}


def inputs_of(process: Process, folder: Path) -> Iterator[Input]:
    """The input files that the parameters name, `source` first of all; relative ones start at the desk's folder."""
    values = {key.lstrip("-").replace("-", "_"): value for key, value in process.parameter.items()}
    for key in INPUT_KEYS:
        for pattern in _texts(values.get(key)):
            if "://" not in pattern and "${" not in pattern:
                full = str(folder / pattern)
                yield Input(full, _present(full))


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [each for each in values if isinstance(each, str) and each.strip()]


def _present(pattern: str) -> int:
    """How many files match; a pattern can go deep, with `**`."""
    return sum(1 for found in glob.iglob(pattern, recursive=True) if Path(found).is_file())  # noqa: PTH207
