"""How an attempt that has ended is judged: done, failed, tried again later, or too little to be true."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from muhurat.clock import NS_PER_S, ist
from muhurat.jobs.runs import RUNNER
from muhurat.jobs.standing import Kind, Standing
from muhurat.model.run_event import RunEvent

WRONG_USE: Final = 2
TRY_LATER: Final = 75
"""`EX_TEMPFAIL` of sysexits.h: what the job needs is not there yet."""

FEWEST: Final = 0.5
"""Of the median of earlier row counts; fewer rows than that are a failure (facts: ops, section 6, promise 7)."""

ANY_COUNT: Final = "any_count"
"""A fact of an outcome: this job's row count says nothing, as with a list of bans that may be empty."""

PERMANENT: Final = "permanent"
"""A fact of a failure: whether doing the same again would fail again, as with a password that was refused."""

_FIRST_DELAY_S: Final = {True: 15.0, False: 1.0}
_LONGEST_DELAY_S: Final = {True: 300.0, False: 60.0}


@dataclass(frozen=True, slots=True)
class Ended:
    """What is known of an attempt that has ended. The exit code is negative for a signal."""

    exit_code: int
    ended_ns: int
    seconds: float | None = None
    rows: int | None = None
    files: tuple[str, ...] = ()
    note: str = ""
    hint: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    timed_out: bool = False
    stopped: bool = False


def judge(standing: Standing, run_id: str, ended: Ended, earlier: Sequence[int], *, persistent: bool) -> RunEvent:
    """The event that ends an attempt; `earlier` are the row counts of earlier successes on other dates.

    What failed is tried again up to `retries` times, unless it was wrong use, the job said that trying again cannot
    help, or it may not run twice and did not say that it was only too early. With `persistent`, one that was too early
    is tried again until its deadline.
    """
    kind, why, facts = _verdict(standing, ended, earlier, persistent)
    told = {
        "exit_code": ended.exit_code,
        "ended_ns": ended.ended_ns,
        "seconds": ended.seconds,
        "rows": ended.rows,
        "files": list(ended.files),
        "note": ended.note,
        "hint": ended.hint,
        "facts": dict(ended.facts),
    }
    return RunEvent(ended.ended_ns, standing.business_date, standing.name, kind, run_id, RUNNER, why, told | facts)


def _verdict(
    standing: Standing, ended: Ended, earlier: Sequence[int], persistent: bool
) -> tuple[Kind, str, dict[str, Any]]:
    if ended.stopped:
        stopped = "stopped before it was done"
        return (Kind.INTERRUPTED if standing.process.idempotent else Kind.FAILED), stopped, {}
    if ended.exit_code == 0:
        few = too_few(ended.rows, earlier) if not ended.facts.get(ANY_COUNT) else ""
        return (Kind.FAILED, few, {"few": True}) if few else (Kind.SUCCEEDED, "", {})
    why = _why(standing, ended)
    again_ns = _again(standing, ended, persistent)
    if again_ns is None:
        return Kind.FAILED, why, {}
    number = len(standing.attempts)
    return Kind.RETRY, f"attempt {number} failed: {why}; again at {ist(again_ns):%H:%M:%S}", {"again_ns": again_ns}


def too_few(rows: int | None, earlier: Sequence[int]) -> str:
    """Why so few rows cannot be right, beside the median of earlier counts; empty when they can."""
    if rows is None or not earlier:
        return ""
    usual = median(earlier)
    if rows >= FEWEST * usual and (rows or not usual):
        return ""
    runs = f"of the last {len(earlier)} runs" if len(earlier) > 1 else "of the last run"
    return f"too few rows: {rows:,}, where the median {runs} is {usual:,.0f}"


def _why(standing: Standing, ended: Ended) -> str:
    if ended.timed_out:
        after = f"timed out after {standing.process.timeout_s:g} s"
        return f"{after}; the last it said: {ended.note}" if ended.note else after
    return ended.note or _how(ended.exit_code)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal
        return f"killed by signal {-code}"


def _again(standing: Standing, ended: Ended, persistent: bool) -> int | None:
    """When to try again, desk time; None when not. Delays double."""
    process, early = standing.process, ended.exit_code == TRY_LATER
    if ended.exit_code == WRONG_USE or not (process.idempotent or early):
        return None
    if ended.facts.get(PERMANENT) and not ended.timed_out:
        return None
    delay_s = min(_FIRST_DELAY_S[early] * 2.0 ** min(standing.tries - 1, 10), _LONGEST_DELAY_S[early])
    again_ns = ended.ended_ns + round(delay_s * NS_PER_S)
    deadline_ns = standing.expected.deadline_ns
    waits = persistent and early and deadline_ns is not None and again_ns < deadline_ns
    return again_ns if waits or standing.tries <= process.retries else None
