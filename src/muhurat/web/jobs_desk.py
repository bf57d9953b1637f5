"""The day's jobs as the page and the API see and change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

from muhurat.errors import MuhuratError
from muhurat.heartbeat import read_heartbeats
from muhurat.jobs.operator import Operator
from muhurat.jobs.process import Attempt, Row, State
from muhurat.jobs.runs import RunHistory

_TAIL_BYTES: Final = 20_000
_LINE_BYTES: Final = 2_000
_READ_AGAIN: Final = "correct it, it is read again by itself; what it said before stays in force"


Deed = Callable[[Operator, date, str, str], object]
"""What a person does to a job of a date, by its name, and why."""

DEEDS: Final[Mapping[str, Deed]] = {
    "run": lambda operator, day, name, why: operator.run(day, [name], why),
    "rerun": lambda operator, day, name, why: operator.rerun(day, [name], why),
    "hold": Operator.hold,
    "release": Operator.release,
    "skip": Operator.skip,
    "override": Operator.override,
}


class Trouble(NamedTuple):
    """Why the jobs are not known or not as they should be, and what a person does about it."""

    what: str
    do: str


@dataclass(frozen=True, slots=True)
class JobsDesk:
    """What web needs of a desk's jobs: `operator` gives the hands of a person, by name; `problem` says what is wrong
    with the registry as it lies there, `runner` who runs a date's jobs at present, empty when nobody does."""

    history: RunHistory
    operator: Callable[[str], Operator]
    problem: Callable[[], str]
    runner: Callable[[date], str]
    run_dir: Path

    def rows(self, day: date) -> list[Row]:
        """Every job of the date in order, also of one that was not opened yet."""
        return self.operator("page").status(day)

    def look(self, day: date) -> tuple[Sequence[Row], Trouble | None]:
        """The rows of a date as far as they can be known, and what is wrong if something is; raises nothing."""
        problem = self.problem()
        wrong = Trouble(f"the jobs' registry is wrong: {in_one_line(problem)}", _READ_AGAIN) if problem else None
        try:
            return self.rows(day), wrong
        except MuhuratError as error:
            return (), wrong or Trouble(f"the day's jobs are not known: {in_one_line(str(error))}", error.hint)

    def working(self) -> Mapping[str, Mapping[str, Any]]:
        """By job, what it said last of its progress: `detail`, and `gauges` with `done` and `total`."""
        return read_heartbeats(self.run_dir / "jobs")


def row_facts(row: Row) -> dict[str, Any]:
    """A row as the API tells it; instants are UTC nanoseconds."""
    process = row.process
    return {
        "name": process.name,
        "title": process.title,
        "phase": process.phase,
        "order": process.order,
        "active": process.is_active,
        "on_failure": process.on_failure,
        "status": row.state.value,
        "reason": row.reason,
        "late": row.late,
        "held": row.held,
        "overridden_by": row.overridden_by,
        "session_date": row.session_date,
        "deadline_ns": row.deadline_ns,
        "depends_on": process.depends_on,
        "attempts": row.attempts,
    }


def duration_s(attempt: Attempt, now_ns: int) -> float:
    """How long an attempt took, in real seconds where they were measured, else in desk seconds, as what runs so far."""
    if attempt.seconds is not None:
        return attempt.seconds
    return ((attempt.ended_ns or now_ns) - attempt.started_ns) / 1e9


def log_tail(attempt: Attempt, most: int = _TAIL_BYTES) -> str:
    """The end of an attempt's log."""
    try:
        with Path(attempt.log).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{attempt.log} cannot be read: {error.strerror}"
    return text if size <= most else text.partition("\n")[2]


def in_one_line(text: str) -> str:
    """A text of several lines, such as every problem of a registry, in one."""
    head, *rest = [line.strip() for line in text.splitlines()] or [""]
    return f"{head}: {'; '.join(rest)}" if rest else head


def tally(rows: Sequence[Row]) -> dict[State, int]:
    """How many rows are in each state."""
    found: dict[State, int] = {}
    for row in rows:
        found[row.state] = found.get(row.state, 0) + 1
    return found


def last_line(attempt: Attempt) -> str:
    """What an attempt said last."""
    return log_tail(attempt, _LINE_BYTES).rstrip().rpartition("\n")[2]
