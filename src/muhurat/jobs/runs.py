"""The history of runs: one row per business date and job, made from an append-only log of events.

Nothing is kept but the events, so a row can always be made again, and what was told stays told. Any number of
processes read and write at once (runner, checker, command line, page): whoever changes something decides on the rows as
they are at that instant, with the log locked for the moment it takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Protocol

from muhurat.clock import Clock
from muhurat.errors import UsageError
from muhurat.jobs.process import Row, State
from muhurat.jobs.readiness import follows, obstacle
from muhurat.jobs.standing import Expected, Kind, Standing
from muhurat.model.run_event import RunEvent

RUNNER: Final = "runner"
NOT_IN_REGISTRY: Final = "no longer in the registry"

Day = Mapping[str, Standing]
Decide = Callable[[Day], Iterable[RunEvent]]
"""From the day as it stands to the events to append; called once, with the log locked."""


class RunLog(Protocol):
    """An append-only log of run events. Any number of processes; writers wait for one another for a bounded time."""

    def read(self, day: date, after: int = 0) -> list[RunEvent]:
        """The events of a business date with a `seq` above `after`, in order. Raises `StoreError`."""

    def tell(self, day: date, after: int, decide: Callable[[Sequence[RunEvent]], Iterable[RunEvent]]) -> list[RunEvent]:
        """Append what `decide` makes of the events above `after`, all or nothing, nobody writing in between.

        Returns the appended events with their `seq`. Raises `StoreError`, and what `decide` raises.
        """

    def successes(self, name: str, before: date, newest: int) -> list[RunEvent]:
        """The last event of kind `succeeded` of each earlier date that has one, newest date first."""

    def days(self, before: date, newest: int) -> list[date]:
        """The last dates before one of which something was told, newest first."""

    def close(self) -> None: ...


@dataclass(slots=True)
class _Known:
    """What has been read of one date."""

    seq: int = 0
    standings: dict[str, Standing] = field(default_factory=dict)
    alerted: set[str] = field(default_factory=set)

    def take(self, events: Iterable[RunEvent]) -> None:
        for event in events:
            if event.seq <= self.seq:
                continue
            self.seq = event.seq
            if event.kind == Kind.ALERTED:
                self.alerted.add(str(event.facts.get("about", "")))
            elif event.name in self.standings:
                self.standings[event.name].apply(event)
            elif event.kind == Kind.DEFINED:
                self.standings[event.name] = Standing(Expected.of(event.facts), event.business_date)


class RunHistory:
    """Rows and attempts of any day, read and changed; safe to use from several threads."""

    def __init__(self, log: RunLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._known: dict[date, _Known] = {}
        self._lock = threading.RLock()

    def close(self) -> None:
        self._log.close()

    def rows(self, day: date) -> list[Row]:
        """Every job of the date, in the order of the day; empty when the day was never opened."""
        with self._lock:
            standings, now_ns = self.standings(day), self._clock.now_ns()
            return [
                standing.row(now_ns, waits_for(standing, standings, now_ns))
                for standing in sorted(standings.values(), key=order_of)
            ]

    def standings(self, day: date) -> Day:
        """Every job of the date by name, as it stands now; to be looked at, in the thread that asked."""
        with self._lock:
            known = self._of(day)
            known.take(self._log.read(day, known.seq))
            return known.standings

    def events(self, day: date) -> list[RunEvent]:
        """All that was told of the date, in order: who did what, when and why."""
        return self._log.read(day)

    def change(self, day: date, decide: Decide) -> list[RunEvent]:
        """Append the events that `decide` makes of the day as it stands; nobody can change it in between."""
        with self._lock:
            known = self._of(day)

            def of_the_news(news: Sequence[RunEvent]) -> Iterable[RunEvent]:
                known.take(news)
                return decide(known.standings)

            told = self._log.tell(day, known.seq, of_the_news)
            known.take(told)
            return told

    def open_day(self, day: date, expected: Iterable[Expected], who: str = RUNNER) -> None:
        """Make a row for every job the day expects. A job that has not started takes its newest definition; one that
        the registry no longer has is skipped. Calling it again changes nothing."""
        told = list(expected)
        standings = self.standings(day)
        if not _definitions(day, told, standings, 0, who):
            return
        self.change(day, lambda now: _definitions(day, told, now, self._clock.now_ns(), who))

    def earlier_rows(self, name: str, before: date, newest: int = 20) -> list[int]:
        """The row counts of the job's last successes on earlier dates, newest first; runs that count none left out."""
        found = (event.facts.get("rows") for event in self._log.successes(name, before, newest))
        return [rows for rows in found if rows is not None]

    def days(self, before: date, newest: int = 30) -> list[date]:
        """The last dates before one that were opened, newest first."""
        return self._log.days(before, newest)

    def alerted(self, day: date, about: str) -> bool:
        """Whether people were told of `about` on this date; see `note_alert`."""
        self.standings(day)
        return about in self._of(day).alerted

    def note_alert(self, day: date, about: str, who: str, what: str) -> None:
        """Keep that people were told, so that they are told once."""
        event = RunEvent(self._clock.now_ns(), day, "", Kind.ALERTED, who=who, why=what, facts={"about": about})
        self.change(day, lambda _: [event])

    def _of(self, day: date) -> _Known:
        return self._known.setdefault(day, _Known())


def named(day: Day, name: str) -> Standing:
    """The job of that name; raises `UsageError` naming the nearest one."""
    from difflib import get_close_matches

    if name in day:
        return day[name]
    near = get_close_matches(name, day, n=1)
    raise UsageError(
        f"no job of this day is called {name!r}" + (f"; did you mean {near[0]}?" if near else ""),
        hint="`muhurat day status` names them" if day else "the day was not opened yet: `muhurat day run bod`",
    )


def waits_for(standing: Standing, day: Day, now_ns: int) -> str:
    """What a pending job waits for, in words; empty when nothing keeps it."""
    from muhurat.clock import ist

    if standing.state is not State.PENDING or standing.is_done:
        return ""
    met = obstacle(standing, day)
    if met is not None:
        return met.why
    running = [one.name for one in follows(standing, day, now_ns) if one.state is State.RUNNING]
    if running:
        return f"comes after {', '.join(running)}"
    at_ns = starts_at(standing)
    return f"starts at {ist(at_ns):%H:%M:%S}" if at_ns > now_ns else ""


def starts_at(standing: Standing) -> int:
    """The first instant (UTC ns) that time alone lets it start; 0 when none is set."""
    expected = standing.expected
    begins_ns = 0 if standing.asked else expected.begins_ns or 0
    return max(begins_ns, expected.not_before_ns or 0, standing.again_ns or 0)


def order_of(standing: Standing) -> tuple[bool, int, str]:
    """BOD before EOD, then the registry's order."""
    process = standing.process
    return process.phase != "BOD", process.order, process.name


def _definitions(day: date, told: Sequence[Expected], standings: Day, now_ns: int, who: str) -> list[RunEvent]:
    names = {expected.process.name for expected in told}
    gone = [
        Expected(one.process, one.expected.session_date, skip=NOT_IN_REGISTRY)
        for name, one in standings.items()
        if name not in names
    ]
    return [
        RunEvent(now_ns, day, expected.process.name, Kind.DEFINED, who=who, facts=expected.facts())
        for expected in (*told, *gone)
        if _is_news(expected, standings.get(expected.process.name))
    ]


def _is_news(expected: Expected, standing: Standing | None) -> bool:
    if standing is None:
        return True
    return standing.state is State.PENDING and standing.expected.facts() != expected.facts()
