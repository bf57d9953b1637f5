"""The plan of a day as tables and as JSON."""

from __future__ import annotations

from typing import Any

from muhurat.cli.output import print_table
from muhurat.clock import ist
from muhurat.jobs.plan import DayPlan, PhasePlan, Planned


def print_plan(plan: DayPlan) -> None:
    """Print the calendar's verdict, then each half of the day in the order it runs."""
    print(_verdict(plan))
    for half in plan.phases:
        begins = f"begins {_time(half.begins_ns)}" if half.begins_ns is not None else "has no beginning on this date"
        due = f", to be done by {_time(half.deadline_ns)}" if half.deadline_ns is not None else ""
        rows = [_for_people(planned) for planned in half.processes]
        print_table(rows, title=f"{half.phase} {begins}{due}", empty="no jobs")


def plan_facts(plan: DayPlan) -> dict[str, Any]:
    """The plan as one document."""
    return {
        "date": plan.business_date,
        "open": plan.status.open,
        "kind": plan.status.kind,
        "why": plan.why,
        "session": [_moment(plan.session.open_ns), _moment(plan.session.close_ns)] if plan.session else None,
        "phases": [_half_facts(half) for half in plan.phases],
    }


def _half_facts(half: PhasePlan) -> dict[str, Any]:
    return {
        "phase": half.phase,
        "begins": _moment(half.begins_ns),
        "deadline": _moment(half.deadline_ns),
        "jobs": [_job_facts(planned) for planned in half.processes],
    }


def _job_facts(planned: Planned) -> dict[str, Any]:
    process = planned.process
    return {
        "name": process.name,
        "title": process.title,
        "application_path": process.application_path,
        "wave": planned.wave,
        "skip": planned.skip or None,
        "depends_on": list(planned.waits_for),
        "session_date": planned.session_date,
        "not_before": _moment(planned.not_before_ns),
        "deadline": _moment(planned.deadline_ns),
        "on_failure": process.on_failure,
        "inputs": [{"pattern": each.pattern, "present": each.present} for each in planned.inputs],
    }


def _verdict(plan: DayPlan) -> str:
    day = f"{plan.business_date:%A} {plan.business_date}"
    if plan.session is None:
        return f"{day}: closed ({plan.why}); only jobs that run on holidays will run"
    return f"{day}: {plan.why} session {_time(plan.session.open_ns)} to {_time(plan.session.close_ns)}"


def _for_people(planned: Planned) -> dict[str, object]:
    missing = [each.pattern for each in planned.inputs if not each.present]
    inputs = f"missing: {', '.join(missing)}" if missing else ("there" if planned.inputs else "")
    return {
        "wave": "" if planned.wave is None else str(planned.wave),
        "job": planned.process.name,
        "after": ", ".join(planned.waits_for),
        "not before": _time(planned.not_before_ns),
        "by": _time(planned.deadline_ns),
        "session": planned.session_date,
        "if it fails": "blocks" if planned.process.on_failure == "block" else "warns",
        "inputs": inputs,
        "skipped": planned.skip,
    }


def _time(instant_ns: int | None) -> str:
    return "" if instant_ns is None else f"{ist(instant_ns):%H:%M}"


def _moment(instant_ns: int | None) -> str | None:
    return None if instant_ns is None else ist(instant_ns).isoformat(timespec="seconds")
