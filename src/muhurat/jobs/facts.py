"""A row as plain facts, the same for `--json`, for the API and for the page."""

from __future__ import annotations

from typing import Any

from muhurat.clock import NS_PER_S, ist
from muhurat.jobs.process import Attempt, Row


def row_facts(row: Row, now_ns: int, said: str = "") -> dict[str, Any]:
    """One job of a day; `said` is what a running one told last. Times are Indian; durations are real seconds, those of
    what still runs desk time's."""
    last = row.attempts[-1] if row.attempts else None
    process = row.process
    return {
        "name": process.name,
        "title": process.title,
        "phase": process.phase,
        "order": process.order,
        "active": process.is_active,
        "state": row.state.value,
        "reason": row.reason,
        "late": row.late,
        "held": row.held,
        "overridden_by": row.overridden_by or None,
        "blocks": process.on_failure == "block",
        "depends_on": list(process.depends_on),
        "session_date": row.session_date,
        "deadline": _moment(row.deadline_ns),
        "started": _moment(last.started_ns) if last else None,
        "seconds": _seconds(last, now_ns) if last else None,
        "rows": last.rows if last else None,
        "files": list(last.files) if last else [],
        "note": said or (last.note if last else ""),
        "hint": last.hint if last else "",
        "exit_code": last.exit_code if last else None,
        "log": last.log if last else None,
        "attempts": [attempt_facts(attempt, now_ns) for attempt in row.attempts],
    }


def attempt_facts(attempt: Attempt, now_ns: int) -> dict[str, Any]:
    """One attempt of a job."""
    return {
        "run_id": attempt.run_id,
        "number": attempt.number,
        "started": _moment(attempt.started_ns),
        "ended": _moment(attempt.ended_ns),
        "seconds": _seconds(attempt, now_ns),
        "exit_code": attempt.exit_code,
        "rows": attempt.rows,
        "files": list(attempt.files),
        "note": attempt.note,
        "hint": attempt.hint,
        "log": attempt.log,
    }


def _seconds(attempt: Attempt, now_ns: int) -> float:
    if attempt.seconds is not None:
        return round(attempt.seconds, 1)
    ended_ns = now_ns if attempt.ended_ns is None else attempt.ended_ns
    return round(max(0, ended_ns - attempt.started_ns) / NS_PER_S, 1)


def _moment(instant_ns: int | None) -> str | None:
    return None if instant_ns is None else ist(instant_ns).isoformat(timespec="milliseconds")
