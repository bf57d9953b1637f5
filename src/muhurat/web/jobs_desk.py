"""The day's jobs as the page and the API see and change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from muhurat.heartbeat import read_heartbeats
from muhurat.jobs.operator import Operator
from muhurat.jobs.process import Attempt, Row, State
from muhurat.jobs.runs import RunHistory

_TAIL_BYTES: Final = 20_000


@dataclass(frozen=True, slots=True)
class JobsDesk:
    """What web needs of a desk's jobs: `operator` gives the hands of a person, by name; `problem` says what is wrong
    with the registry, `runner` who runs a date's jobs at present, empty when nobody does."""

    history: RunHistory
    operator: Callable[[str], Operator]
    problem: Callable[[], str]
    runner: Callable[[date], str]
    run_dir: Path

    def rows(self, day: date) -> list[Row]:
        """Every job of the date in order, also of one that was not opened yet."""
        return self.operator("page").status(day)

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
    """How long an attempt took, or takes so far; desk seconds."""
    return ((attempt.ended_ns or now_ns) - attempt.started_ns) / 1e9


def log_tail(attempt: Attempt, most: int = _TAIL_BYTES) -> str:
    """The end of an attempt's log."""
    path = Path(attempt.log)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def tally(rows: Sequence[Row]) -> dict[State, int]:
    """How many rows are in each state."""
    found: dict[State, int] = {}
    for row in rows:
        found[row.state] = found.get(row.state, 0) + 1
    return found
