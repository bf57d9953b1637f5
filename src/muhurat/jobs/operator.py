"""What people do to a day, from the command line and from the page: status, hold, release, skip, override, rerun.

Every deed is kept with who, when and why. A runner that has the day sees it within a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Final

from muhurat.clock import Clock
from muhurat.errors import UsageError
from muhurat.jobs.base import Phase
from muhurat.jobs.process import Row, State
from muhurat.jobs.runs import Day, RunHistory, named, order_of
from muhurat.jobs.standing import DONE, Expected, Kind, Standing
from muhurat.model.run_event import RunEvent

_ENDED_BADLY: Final = frozenset({State.FAILED, State.LOST})
_NEVER_OPENED: Final = "the day was not opened yet"


class Operator:
    """One person's hands on a day; `who` is that person. `expected` says what a day should have."""

    def __init__(
        self, history: RunHistory, expected: Callable[[date], Sequence[Expected]], clock: Clock, who: str
    ) -> None:
        self._history = history
        self._expected = expected
        self._clock = clock
        self._who = who

    def status(self, day: date) -> list[Row]:
        """Every job of the day, in order; of a day that was never opened, those that it should have."""
        return self._history.rows(day) or expected_rows(self._expected(day), day, self._clock.now_ns())

    def open_day(self, day: date) -> None:
        """Make the day's rows, so that something can be said of them before it begins."""
        self._history.open_day(day, self._expected(day), self._who)

    def hold(self, day: date, name: str, why: str) -> None:
        """Keep a job from starting, until it is released. Raises `UsageError` for one that runs or is done."""
        self._tell(day, name, Kind.HELD, why, _refuse_unless_pending)

    def release(self, day: date, name: str, why: str = "") -> None:
        """Let a held job start. Raises `UsageError` for one that is not held."""
        self._tell(day, name, Kind.RELEASED, why, _refuse_unless_held)

    def skip(self, day: date, name: str, why: str) -> None:
        """Leave a job out for this day; what depends on it goes on. Raises `UsageError` when it runs or is done."""
        self._tell(day, name, Kind.SKIPPED, _reason(why), _refuse_running_or_done)

    def override(self, day: date, name: str, why: str) -> None:
        """Go on as if a job had been done: what it blocks is free, and so is the trader. It keeps its state."""
        self._tell(day, name, Kind.OVERRIDDEN, _reason(why), _refuse_done)

    def run(self, day: date, names: Sequence[str], why: str = "") -> None:
        """Let jobs start now, although their half of the day has not begun; those that are done stay done.

        Raises `UsageError` for one that is skipped.
        """

        def decide(now: Day) -> list[RunEvent]:
            chosen = [named(now, name) for name in names]
            for standing in chosen:
                _refuse_skipped(standing)
            return [self._event(day, standing, Kind.ASKED, why) for standing in chosen]

        self._change(day, decide)

    def run_half(self, day: date, phase: Phase, why: str = "") -> None:
        """Let a half of the day begin now, as the page's button does; the service `jobs` does the work."""
        self._change(
            day,
            lambda now: [self._event(day, one, Kind.ASKED, why) for one in now.values() if one.process.phase == phase],
        )

    def rerun(self, day: date, names: Sequence[str], why: str = "") -> list[str]:
        """Let jobs run again, whatever became of them; returns their names. Raises `UsageError` for one that runs."""

        def decide(now: Day) -> list[RunEvent]:
            chosen = [named(now, name) for name in names]
            for standing in chosen:
                _refuse_running(standing)
            return [self._event(day, standing, Kind.RERUN, why) for standing in chosen]

        return [event.name for event in self._change(day, decide)]

    def rerun_from_failed(self, day: date, why: str = "") -> list[str]:
        """Let what failed or was lost run again, and all that depends on it and has not succeeded since.

        A lost job that may not run twice is left alone; name it to `rerun`. Returns the names.
        """

        def decide(now: Day) -> list[RunEvent]:
            return [self._event(day, standing, Kind.RERUN, why or "from failed") for standing in to_rerun(now)]

        return [event.name for event in self._change(day, decide)]

    def begun(self, day: date) -> set[str]:
        """What a day that was cut off is to go on with: the jobs of every half that was begun, but for those whose time
        has not come; when no half was, the first whose time has come."""
        now, now_ns = self._history.standings(day), self._clock.now_ns()
        begun = {one.name for one in now.values() if one.asked or one.attempts}
        due = {one.name for one in now.values() if (one.expected.begins_ns or 0) <= now_ns}
        first = sorted(due, key=lambda name: order_of(now[name]))[:1]
        halves = {now[name].process.phase for name in begun or first}
        return {name for name in begun | due if now[name].process.phase in halves}

    def _tell(self, day: date, name: str, kind: Kind, why: str, refuse: Callable[[Standing], None]) -> None:
        def decide(now: Day) -> list[RunEvent]:
            standing = named(now, name)
            refuse(standing)
            return [self._event(day, standing, kind, why)]

        self._change(day, decide)

    def _change(self, day: date, decide: Callable[[Day], Iterable[RunEvent]]) -> list[RunEvent]:
        if not self._history.standings(day):
            self.open_day(day)
        return self._history.change(day, decide)

    def _event(self, day: date, standing: Standing, kind: Kind, why: str) -> RunEvent:
        return RunEvent(self._clock.now_ns(), day, standing.name, kind, who=self._who, why=why)


def blocking(rows: Iterable[Row]) -> str | None:
    """Why the trader may only reduce: the first blocking job of BOD that is not done, failed ones first; None when all
    are done, skipped or overridden. To be asked from the open on."""
    left = undone(row for row in rows if row.process.phase == "BOD")
    return sentence(left[0]) if left else None


def undone(rows: Iterable[Row]) -> list[Row]:
    """The blocking jobs that are neither done nor skipped nor overridden; those that failed or were lost first."""
    left = [row for row in rows if row.process.on_failure == "block" and row.state not in DONE]
    return sorted((row for row in left if not row.overridden_by), key=lambda row: row.state not in _ENDED_BADLY)


def sentence(row: Row) -> str:
    """A row in a few words, such as `download_banned_instruments failed: the list is of 2026-11-19`."""
    words = {
        State.PENDING: "is not done",
        State.LATE: "is late",
        State.RUNNING: "is late and still runs" if row.late else "still runs",
        State.FAILED: "failed",
        State.LOST: "was lost",
        State.SKIPPED: "is skipped",
        State.SUCCESSFUL: "is done",
    }[row.state]
    return f"{row.process.name} {words}: {row.reason}" if row.reason else f"{row.process.name} {words}"


def expected_rows(expected: Iterable[Expected], day: date, now_ns: int) -> list[Row]:
    """The rows of a day that nobody has opened."""
    standings = sorted((Standing(one, day) for one in expected), key=order_of)
    return [standing.row(now_ns, _NEVER_OPENED) for standing in standings]


def downstream(day: Day, names: Iterable[str]) -> set[str]:
    """All jobs that depend on these, directly or by others."""
    found: set[str] = set()
    fresh = set(names)
    while fresh:
        fresh = {one.name for one in day.values() if fresh & set(one.process.depends_on)} - found
        found |= fresh
    return found


def to_rerun(day: Day) -> list[Standing]:
    """What `rerun_from_failed` chooses, in order."""
    ended_badly = [one for one in day.values() if one.state in _ENDED_BADLY]
    failed = [one for one in ended_badly if one.state is State.FAILED or one.process.idempotent]
    chosen = {one.name for one in failed}
    for bad in failed:
        ended_ns = (bad.attempts[-1].ended_ns or 0) if bad.attempts else 0
        chosen |= {
            name
            for name in downstream(day, [bad.name])
            if day[name].state is State.SUCCESSFUL and (day[name].done_ns or 0) < ended_ns
        }
    return sorted((day[name] for name in chosen), key=order_of)


def _reason(why: str) -> str:
    if not why.strip():
        raise UsageError("this needs a reason", hint="say why, so that the next shift knows: --why 'NSE is closed'")
    return why


def _refuse_running(standing: Standing) -> None:
    if standing.state is State.RUNNING:
        raise UsageError(f"{standing.name} runs", hint="wait for its end; `muhurat day status` shows it")


def _refuse_done(standing: Standing) -> None:
    if standing.is_done:
        raise UsageError(f"{standing.name} is done already", hint="`muhurat day rerun` runs it again")


def _refuse_skipped(standing: Standing) -> None:
    if standing.skips:
        raise UsageError(
            f"{standing.name} is skipped: {standing.skip_reason}",
            hint=f"`muhurat day rerun {standing.name}` runs it all the same",
        )


def _refuse_running_or_done(standing: Standing) -> None:
    _refuse_running(standing)
    _refuse_done(standing)


def _refuse_unless_pending(standing: Standing) -> None:
    _refuse_running_or_done(standing)
    if standing.state is not State.PENDING:
        raise UsageError(f"{standing.name} has ended: {standing.reason}", hint="only what has not started can be held")


def _refuse_unless_held(standing: Standing) -> None:
    if not standing.held_by:
        raise UsageError(f"{standing.name} is not held", hint="`muhurat day status` shows what is")
