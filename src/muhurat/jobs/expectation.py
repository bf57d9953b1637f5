"""What a day should have, job by job, from the plan of the day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from muhurat.calendars.calendar import Calendar
from muhurat.calendars.session import at
from muhurat.config.sections import PhaseSection
from muhurat.jobs.base import Phase
from muhurat.jobs.live_registry import LiveRegistry
from muhurat.jobs.plan import DayPlan, PhasePlan, plan_day
from muhurat.jobs.process import Registry
from muhurat.jobs.standing import Expected

_ON_CLOSED_DAYS: Final[Mapping[Phase, str]] = {"BOD": "08:00", "EOD": "18:00"}
"""When a half begins on a day without a session, if the desk file ties it to one: for jobs that run on holidays."""


class Expectations:
    """The plans of a desk's days, each made once as long as the registry stays as it is."""

    def __init__(
        self,
        registry: LiveRegistry,
        calendar: Calendar,
        halves: Mapping[Phase, PhaseSection],
        folder: Path,
        today: Callable[[], date],
    ) -> None:
        self._registry = registry
        self._today = today
        self._calendar = calendar
        self._halves = halves
        self._folder = folder
        self._made: dict[date, tuple[tuple[str, bool], list[Expected]]] = {}

    def __call__(self, day: date) -> Sequence[Expected]:
        """What the date should have. Raises `ConfigError` without a valid registry, `CalendarError` beyond the data."""
        return self.of(self._registry.current(), day)

    def of(self, registry: Registry, day: date) -> Sequence[Expected]:
        """What the date should have by a registry. Raises `CalendarError` beyond the calendar's data."""
        made = self._made.get(day)
        known_as = registry.digest, day < self._today()
        if made is None or made[0] != known_as:
            made = known_as, expected_of(self.plan(registry, day))
            self._made = {day: made}
        return made[1]

    def plan(self, registry: Registry, day: date) -> DayPlan:
        """The whole plan, with the inputs that are there now."""
        return plan_day(registry, self._calendar, day, self._halves, self._folder, over=day < self._today())


def expected_of(plan: DayPlan) -> list[Expected]:
    """Every process of a plan as the run log keeps it."""
    return [
        Expected(
            process=planned.process,
            session_date=planned.session_date,
            begins_ns=_begins(half, plan.business_date),
            not_before_ns=planned.not_before_ns,
            deadline_ns=planned.deadline_ns,
            skip=planned.skip,
        )
        for half in plan.phases
        for planned in half.processes
    ]


def _begins(half: PhasePlan, day: date) -> int:
    return at(day, _ON_CLOSED_DAYS[half.phase]) if half.begins_ns is None else half.begins_ns
