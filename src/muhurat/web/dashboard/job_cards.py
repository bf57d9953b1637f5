"""What a job looks like: its card on the jobs page, and the jobs' panel on the day's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from muhurat.jobs.operator import sentence
from muhurat.jobs.process import Row, State
from muhurat.web.dashboard.theme import badge
from muhurat.web.jobs_desk import duration_s, tally
from muhurat.web.markup import dot, empty, heading, table
from muhurat.web.palette import AMBER, BLUE, GREY, JOB_COLOURS, RED, VIOLET
from muhurat.web.snapshot import Snapshot
from muhurat.web.wording import clock, count, duration, number_of

_BAD: Final = frozenset({State.FAILED, State.LOST, State.LATE})
_SHOWN: Final = 6

CARDS_CSS: Final = """
.tools { display:flex; flex-wrap:wrap; align-items:center; gap:8px 14px; padding:10px 16px 0; width:100%; }
.cards { display:grid; grid-template-columns:repeat(auto-fill,minmax(310px,1fr)); gap:10px; width:100%;
  padding:10px 16px 24px; align-items:start; }
.card { background:var(--raised); border:1px solid var(--line); border-left:3px solid var(--card, var(--line));
  border-radius:5px; padding:8px 10px 6px; min-width:0; }
.card .top { display:grid; grid-template-columns:28px 1fr; gap:8px; align-items:center; }
.disc { width:28px; height:28px; border-radius:50%; display:grid; place-items:center; font-weight:600;
  border:1px solid currentColor; }
.card .title { font-weight:600; overflow:hidden; text-overflow:ellipsis; white-space:nowrap; }
.card .line { color:var(--quiet); overflow-wrap:anywhere; }
.card .told { padding-top:4px; overflow-wrap:anywhere; }
.bar { height:3px; background:var(--line); margin-top:5px; }
.bar i { display:block; height:3px; background:var(--run); }
.deeds { display:flex; align-items:center; gap:2px; margin-top:2px; }
.q-btn.deed { font-size:12px; padding:0 6px; min-height:26px; text-transform:none; color:var(--text); }
pre.log { max-height:260px; overflow:auto; font-size:11px; line-height:1.35; white-space:pre-wrap; margin:4px 0;
  padding:6px 8px; background:var(--surface); border:1px solid var(--line); }
.ask { background:var(--raised); color:var(--text); border:1px solid var(--line); border-radius:6px; padding:14px 16px;
  min-width:min(440px,92vw); }
"""


def panel(shot: Snapshot) -> str:
    """How many of the day's jobs are done, and each that is not as it should be."""
    link = '<a href="/jobs">all jobs</a>'
    if not shot.jobs:
        return heading("Jobs", link) + empty("No jobs today: the desk file names no registry, or it cannot be read.")
    halves = "".join(_half(phase, [row for row in shot.jobs if row.process.phase == phase]) for phase in ("BOD", "EOD"))
    wanting = [row for row in shot.jobs if row.state in _BAD or row.state is State.RUNNING or row.held]
    rows = [
        [f"{dot(JOB_COLOURS[row.state])}{escape(row.process.title)}", row.state.value, _why(row)]
        for row in wanting[:_SHOWN]
    ]
    more = f'<div class="note">and {number_of(len(wanting) - _SHOWN, "more")}</div>' if len(wanting) > _SHOWN else ""
    return heading("Jobs", link) + halves + (table(("", "", ":w"), rows) if rows else "") + more


def card(row: Row, now_ns: int, word: Mapping[str, Any] | None) -> str:
    """A job's card without its buttons; `word` is what the job said last of its progress."""
    process, colour = row.process, JOB_COLOURS[row.state]
    phase = badge(process.phase, BLUE if process.phase == "BOD" else VIOLET)
    active = "active" if process.is_active else "not active"
    state = f'{dot(colour)}<b style="color:{colour}">{row.state}</b>'
    late = f" {badge('LATE', AMBER)}" if row.late and row.state is not State.LATE else ""
    return (
        f'<div class="top"><span class="disc" style="color:{colour}">{escape(process.title[:1].upper())}</span>'
        f'<div style="min-width:0"><div class="title" title="{escape(process.name)}">{escape(process.title)}</div>'
        f'<div class="line">{phase} · order {process.order} · {active} · {process.on_failure}s</div></div></div>'
        f'<div class="told">{state}{late} <span class="quiet">{_times(row, now_ns)}</span></div>'
        f"{_progress(row, word)}{_told(row)}"
    )


def details(row: Row) -> str:
    """What the registry says of a job, and its attempts."""
    process = row.process
    facts = {
        "runs": process.application_path,
        "after": ", ".join(process.depends_on) or "nothing",
        "not before": process.not_before or "no time",
        "deadline": clock(row.deadline_ns, seconds=False),
        "session": str(row.session_date or "–"),
        "timeout, retries": f"{process.timeout_s:g} s, {process.retries}",
        **{f"--{key}": str(value) for key, value in process.parameter.items()},
    }
    told = table(("", ":w"), [[escape(name), escape(value)] for name, value in facts.items()])
    attempts = [
        [
            str(attempt.number),
            clock(attempt.started_ns),
            duration(duration_s(attempt, attempt.ended_ns)) if attempt.ended_ns else "runs",
            count(attempt.rows),
            escape(attempt.note),
        ]
        for attempt in row.attempts
    ]
    return told + (table(("attempt:n", "at", "took", "rows:n", ":w"), attempts) if attempts else "")


def _half(phase: str, rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    found = tally(rows)
    done = found.get(State.SUCCESSFUL, 0)
    others = ", ".join(f"{number} {state.lower()}" for state, number in found.items() if state != State.SUCCESSFUL)
    colour = RED if any(row.state in _BAD for row in rows) else VIOLET if phase == "EOD" else BLUE
    told = f'<b>{done} of {len(rows)}</b> done <span class="quiet">{escape(others)}</span>'
    return f"<div>{badge(phase, colour)} {told}</div>"


def _why(row: Row) -> str:
    waived = f" <span class='quiet'>waived by {escape(row.overridden_by)}</span>" if row.overridden_by else ""
    return f'<span class="quiet">{escape(row.reason or sentence(row))}</span>{waived}'


def _times(row: Row, now_ns: int) -> str:
    if not row.attempts:
        return f"due by {clock(row.deadline_ns, seconds=False)}" if row.deadline_ns else ""
    last = row.attempts[-1]
    nth = f" · attempt {last.number}" if last.number > 1 else ""
    return f"{clock(last.started_ns)} · {duration(duration_s(last, now_ns))}{nth}"


def _progress(row: Row, word: Mapping[str, Any] | None) -> str:
    """A running job's own word, with a bar where it knows how far it is."""
    if row.state is not State.RUNNING or word is None or int(word["at_ns"]) < row.attempts[-1].started_ns:
        return ""
    done, total = word["gauges"].get("done"), word["gauges"].get("total")
    share = min(100, round(100 * done / total)) if total else None
    bar = f'<div class="bar"><i style="width:{share}%"></i></div>' if share is not None else ""
    return f'<div class="line">{escape(str(word["detail"]))}</div>{bar}'


def _told(row: Row) -> str:
    """Why it is as it is; of a job that has ended what it said, and for a failure the remedy."""
    last = row.attempts[-1] if row.attempts else None
    hint = (
        f"<div class='line'>{escape(last.hint)}</div>" if last and last.hint and row.state is not State.RUNNING else ""
    )
    if row.overridden_by:
        return f"<div class='line'>waived by {escape(row.overridden_by)}</div>"
    if row.state in _BAD:
        colour = RED if row.state is not State.LATE else AMBER
        return f'<div class="told" style="color:{colour}">{escape(row.reason)}</div>{hint}'
    if row.state is State.SUCCESSFUL and last is not None:
        rows = f"{number_of(last.rows, 'row')} · " if last.rows is not None else ""
        return f'<div class="line">{rows}{escape(last.note)}</div>'
    colour = AMBER if row.held else GREY
    return f'<div class="line" style="color:{colour}">{escape(row.reason)}</div>' if row.reason else ""
