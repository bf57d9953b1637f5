"""Where one job stands on one business date: made from the events of the run log, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec

from muhurat.clock import ist
from muhurat.jobs.process import Attempt, Process, Row, State
from muhurat.model.run_event import RunEvent


class Kind(StrEnum):
    """What an event of the run log says of a job."""

    DEFINED = "defined"
    """It is expected on this date: its entry of the registry, its dates and instants, or why it is skipped."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRY = "retry"
    """The attempt failed, and another follows at `again_ns`."""

    INTERRUPTED = "interrupted"
    """The attempt never began, or was stopped before it was done; the job waits to run again."""

    LOST = "lost"
    LATE = "late"
    HELD = "held"
    RELEASED = "released"
    SKIPPED = "skipped"
    OVERRIDDEN = "overridden"
    RERUN = "rerun"
    ASKED = "asked"
    """Somebody wants it to run now, although its half of the day has not begun."""

    ALERTED = "alerted"
    """A person was told something that concerns the whole day."""


DONE: Final = frozenset({State.SUCCESSFUL, State.SKIPPED})


@dataclass(frozen=True, slots=True)
class Expected:
    """One job of a day: which definition counts, whose data it wants, when it may start and by when it must be done.

    `begins_ns` is when its half of the day begins, None when that has no time on this date. `skip` says why it does not
    run today, and is empty when it does.
    """

    process: Process
    session_date: date | None = None
    begins_ns: int | None = None
    not_before_ns: int | None = None
    deadline_ns: int | None = None
    skip: str = ""

    def facts(self) -> dict[str, Any]:
        """As plain JSON, for the run log."""
        plain: dict[str, Any] = msgspec.to_builtins(self, enc_hook=str)
        return plain

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Expected:
        return msgspec.convert(facts, cls, dec_hook=_decoded)


@dataclass(slots=True)
class Standing:
    """One job on one business date; `apply` takes the next event."""

    expected: Expected
    business_date: date
    state: State = State.PENDING
    reason: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    tries: int = 0
    again_ns: int | None = None
    held_by: str = ""
    skipped: str = ""
    overridden_by: str = ""
    asked: bool = False
    forced: bool = False
    late_told: bool = False
    done_ns: int | None = None

    @property
    def name(self) -> str:
        return self.expected.process.name

    @property
    def process(self) -> Process:
        return self.expected.process

    @property
    def skip_reason(self) -> str:
        """Why it does not run: an operator's word, or the day's plan unless an operator wanted it anyway."""
        return self.skipped or ("" if self.forced else self.expected.skip)

    @property
    def skips(self) -> bool:
        return self.state is State.PENDING and bool(self.skip_reason)

    @property
    def is_done(self) -> bool:
        """Whether it has come to its end as the day wants it."""
        return self.state is State.SUCCESSFUL or self.skips

    def is_late(self, now_ns: int) -> bool:
        """Whether its deadline passed before it was done; what is skipped is not late."""
        deadline_ns = self.expected.deadline_ns
        if self.skips or deadline_ns is None:
            return self.late_told and not self.skips
        if self.done_ns is not None:
            return self.late_told or self.done_ns > deadline_ns
        return self.late_told or now_ns >= deadline_ns

    def row(self, now_ns: int, waits_for: str = "") -> Row:
        """As everybody sees it; `waits_for` says what keeps a pending one from starting."""
        late = self.is_late(now_ns)
        return Row(
            process=self.process,
            business_date=self.business_date,
            session_date=self.expected.session_date,
            state=self._shown(late),
            reason=self._reason(late, waits_for),
            late=late,
            held=bool(self.held_by),
            overridden_by=self.overridden_by,
            deadline_ns=self.expected.deadline_ns,
            attempts=tuple(self.attempts),
        )

    def apply(self, event: RunEvent) -> None:
        """Take what was told next; an event of another kind, of a later version, changes nothing."""
        step = _STEPS.get(event.kind)
        if step is not None:
            step(self, event)

    def _shown(self, late: bool) -> State:
        if self.skips:
            return State.SKIPPED
        return State.LATE if late and self.state is State.PENDING else self.state

    def _reason(self, late: bool, waits_for: str) -> str:
        if self.skips:
            return self.skip_reason
        if self.state is not State.PENDING:
            return self.reason
        overdue = f"not done by {ist(self.expected.deadline_ns or 0):%H:%M}" if late else ""
        held = f"held by {self.held_by}" if self.held_by else ""
        return "; ".join(part for part in (overdue, held, self.reason, "" if held else waits_for) if part)

    def _end(self, event: RunEvent, state: State) -> None:
        """The attempt is over; what belongs to it is in the event."""
        told = event.facts
        for place, attempt in enumerate(self.attempts):
            if attempt.run_id == event.run_id:
                self.attempts[place] = replace(
                    attempt,
                    ended_ns=told.get("ended_ns", event.at_ns),
                    exit_code=told.get("exit_code"),
                    seconds=told.get("seconds"),
                    rows=told.get("rows"),
                    files=tuple(told.get("files", ())),
                    note=told.get("note", ""),
                    hint=told.get("hint", ""),
                )
        self.state, self.reason = state, event.why
        self.done_ns = told.get("ended_ns", event.at_ns) if state is State.SUCCESSFUL else None

    def _defined(self, event: RunEvent) -> None:
        self.expected = Expected.of(event.facts)

    def _started(self, event: RunEvent) -> None:
        number = len(self.attempts) + 1
        log = str(event.facts.get("log", ""))
        self.attempts.append(Attempt(event.run_id, self.name, self.business_date, number, event.at_ns, log=log))
        self.state, self.reason, self.again_ns = State.RUNNING, "", None
        self.tries += 1

    def _retry(self, event: RunEvent) -> None:
        self._end(event, State.PENDING)
        self.again_ns = event.facts.get("again_ns")

    def _interrupted(self, event: RunEvent) -> None:
        self._end(event, State.PENDING)
        self.tries -= 1

    def _held(self, event: RunEvent) -> None:
        self.held_by = f"{event.who}: {event.why}" if event.why else event.who

    def _released(self, _: RunEvent) -> None:
        self.held_by = ""

    def _skipped(self, event: RunEvent) -> None:
        self.skipped = f"{event.why} ({event.who})"
        self.state, self.reason, self.again_ns = State.PENDING, "", None

    def _overridden(self, event: RunEvent) -> None:
        self.overridden_by = f"{event.who}: {event.why}"

    def _rerun(self, _: RunEvent) -> None:
        self.state, self.reason, self.again_ns, self.done_ns = State.PENDING, "", None, None
        self.skipped = self.overridden_by = ""
        self.tries, self.asked, self.forced = 0, True, True

    def _asked(self, _: RunEvent) -> None:
        self.asked = True

    def _late(self, _: RunEvent) -> None:
        self.late_told = True


_STEPS: Final[Mapping[str, Callable[[Standing, RunEvent], None]]] = {
    Kind.DEFINED: Standing._defined,
    Kind.STARTED: Standing._started,
    Kind.SUCCEEDED: lambda standing, event: standing._end(event, State.SUCCESSFUL),
    Kind.FAILED: lambda standing, event: standing._end(event, State.FAILED),
    Kind.LOST: lambda standing, event: standing._end(event, State.LOST),
    Kind.RETRY: Standing._retry,
    Kind.INTERRUPTED: Standing._interrupted,
    Kind.HELD: Standing._held,
    Kind.RELEASED: Standing._released,
    Kind.SKIPPED: Standing._skipped,
    Kind.OVERRIDDEN: Standing._overridden,
    Kind.RERUN: Standing._rerun,
    Kind.ASKED: Standing._asked,
    Kind.LATE: Standing._late,
}


def _decoded(kind: type, told: Any) -> Any:
    """What JSON has no word for."""
    if issubclass(kind, Path):
        return Path(told)
    raise NotImplementedError(f"{kind} in the run log")
