"""What a job looks like: its card on the jobs page, and the jobs' panel on the day's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from muhurat.jobs.process import Row, State
from muhurat.jobs.standing import Kind
from muhurat.model.run_event import RunEvent
from muhurat.web.dashboard.theme import badge
from muhurat.web.jobs_desk import duration_s, tally
from muhurat.web.markup import dot, empty, heading, table
from muhurat.web.palette import AMBER, BLUE, GREY, JOB_COLOURS, RED, VIOLET
from muhurat.web.snapshot import Snapshot
from muhurat.web.wording import NOTHING, clock, count, duration, number_of

_BAD: Final = frozenset({State.FAILED, State.LOST, State.LATE})
_WORST_FIRST: Final = (State.FAILED, State.LOST, State.LATE, State.RUNNING, State.PENDING, State.SKIPPED)
_NOT_BEGUN: Final = frozenset({State.PENDING, State.LATE})
_SHOWN: Final = 6
_BY_PEOPLE: Final = frozenset({Kind.HELD, Kind.RELEASED, Kind.SKIPPED, Kind.OVERRIDDEN, Kind.RERUN, Kind.ASKED})

CARDS_CSS: Final = """
.tools { display:flex; flex-wrap:wrap; align-items:center; gap:8px 10px; padding:10px 16px 0; width:100%; }
.tools .q-field { flex:0 1 250px; } .tools .told { color:var(--quiet); }
.tools .far { display:flex; flex-wrap:wrap; gap:0 18px; }
.cards { display:grid; grid-template-columns:repeat(auto-fill,minmax(min(310px,100%),1fr)); gap:10px; width:100%;
  padding:10px 16px 24px; align-items:start; }
.card { background:var(--raised); border:1px solid var(--line); border-left:3px solid var(--card, var(--line));
  border-radius:5px; padding:8px 10px 5px; min-width:0; }
.card .top { display:grid; grid-template-columns:28px 1fr; gap:8px; align-items:center; }
.disc { width:28px; height:28px; border-radius:50%; display:grid; place-items:center; font-weight:600;
  border:1px solid currentColor; }
.card .title { font-weight:600; overflow:hidden; text-overflow:ellipsis; white-space:nowrap; }
.card .line, .card .told { overflow-wrap:anywhere; } .card .line { color:var(--quiet); }
.card .told { padding-top:4px; }
.card .said { color:var(--quiet); font-size:11px; overflow:hidden; text-overflow:ellipsis; white-space:nowrap; }
.bar { height:3px; background:var(--line); margin:4px 0 3px; }
.bar i { display:block; height:3px; background:var(--run); }
.deeds { display:flex; align-items:center; gap:2px; margin-top:3px; }
.log { max-height:210px; overflow:auto; display:flex; flex-direction:column-reverse; margin:2px 0 5px;
  background:var(--surface); border:1px solid var(--line); border-radius:3px; }
.log pre { font-size:11px; line-height:1.4; white-space:pre-wrap; overflow-wrap:anywhere; margin:0; padding:6px 8px; }
.q-btn.deed { font-size:12px; font-weight:500; line-height:1.4; padding:1px 8px; min-height:26px; border-radius:4px;
  color:var(--run); }
.q-btn.deed.q-btn--outline:before { border-color:var(--line); }
.q-btn.deed.eod { color:var(--eod); }
.ask { background:var(--raised); color:var(--text); border:1px solid var(--line); border-radius:6px;
  padding:14px 16px 12px; width:min(480px,92vw); max-height:88vh; overflow:auto; box-shadow:none; }
.ask .who { margin-top:8px; }
.ask p { white-space:pre-line; margin:4px 0 6px; color:var(--quiet); }
.ask h3 { margin:0; font-size:15px; line-height:1.3; font-weight:600; }
.ask h4 { margin:10px 0 0; font-size:11px; line-height:1.3; font-weight:400; color:var(--quiet); }
.ask .deeds { margin-top:12px; gap:6px; flex-wrap:wrap; } .ask table.rows td { white-space:normal; }
.ask table.rows td:first-child { white-space:nowrap; }
@media (max-width:700px) { .cards, .tools { padding-left:8px; padding-right:8px; } .cards { gap:8px; } }
"""


def panel(shot: Snapshot) -> str:
    """How many of the day's jobs are done, and each that is not as it should be."""
    link = '<a href="/jobs">all jobs</a>'
    if not shot.jobs:
        why = shot.jobs_trouble.what if shot.jobs_trouble else "the desk file has no section jobs"
        return heading("Jobs", link if shot.jobs_trouble else "") + empty(f"No jobs today: {why}.")
    wanting = [row for row in shot.jobs if row.state in _BAD or row.state is State.RUNNING or row.held]
    rows = [
        [f"{dot(JOB_COLOURS[row.state])}{escape(row.process.title)}", row.state.value, _why(row)]
        for row in wanting[:_SHOWN]
    ]
    more = f'<div class="note">and {count(len(wanting) - _SHOWN)} more</div>' if len(wanting) > _SHOWN else ""
    return heading("Jobs", link) + halves(shot.jobs) + (table(("", "", ":w"), rows) if rows else "") + more


def halves(rows: Sequence[Row]) -> str:
    """How far each half of the day is."""
    return "".join(_half(phase, [row for row in rows if row.process.phase == phase]) for phase in ("BOD", "EOD"))


def card(row: Row, now_ns: int, word: Mapping[str, Any] | None, line: str = "") -> str:
    """A job's card without its buttons; `word` is what the job said last of its progress, `line` its log's last."""
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
        f"{_progress(row, word, line)}{_told(row)}"
    )


def details(row: Row, events: Sequence[RunEvent] = ()) -> str:
    """What the registry says of a job, its attempts, and what people did to it."""
    process = row.process
    facts = {
        "runs": process.application_path,
        "after": ", ".join(process.depends_on) or "nothing",
        "not before": process.not_before or NOTHING,
        "deadline": clock(row.deadline_ns, seconds=False),
        "for the session of": str(row.session_date or NOTHING),
        "time limit": duration(process.timeout_s),
        "tried again": f"{process.retries} times at most" if process.retries else "never",
        **{f"--{key}": str(value) for key, value in process.parameter.items()},
    }
    told = table(("", ":w"), [[escape(name), escape(value)] for name, value in facts.items()])
    attempts = [
        [
            clock(attempt.started_ns),
            duration(duration_s(attempt, attempt.ended_ns)) if attempt.ended_ns else "runs",
            count(attempt.exit_code),
            count(attempt.rows),
            escape(attempt.note),
        ]
        for attempt in row.attempts
    ]
    deeds = [
        [clock(event.at_ns), escape(event.kind), escape(event.who), f'<span class="quiet">{escape(event.why)}</span>']
        for event in events
        if event.name == process.name and event.kind in _BY_PEOPLE
    ]
    if attempts:
        told += "<h4>Attempts</h4>" + table(("began", "took:n", "exit:n", "rows:n", ":w"), attempts)
    return told + ("<h4>What people did</h4>" + table(("", "", "", ":w"), deeds) if deeds else "")


def deeds(row: Row) -> dict[str, str]:
    """What a person can do to a job besides running it, and what that will do."""
    name, begun = row.process.title, row.state not in _NOT_BEGUN
    done = row.state in (State.SUCCESSFUL, State.SKIPPED)
    blocks = row.process.on_failure == "block" and not row.overridden_by
    found = {
        "hold": (not begun and not row.held, f"{name} does not start until it is released."),
        "release": (row.held, f"{name} may start as soon as what it waits for is done."),
        "skip": (
            not done and row.state is not State.RUNNING,
            f"{name} is left out today, and what depends on it goes on without it.",
        ),
        "override": (
            blocks and not done,
            f"What waits for {name} goes on, and the trader is free, as if it had been done. It keeps its state.",
        ),
    }
    return {verb: told for verb, (possible, told) in found.items() if possible}


def matches(row: Row, wanted: str) -> bool:
    """Whether a search finds a job: every word is in its title, name, half of the day or state."""
    process = row.process
    held = "held" if row.held else ""
    told = f"{process.title} {process.name} {process.phase} {row.state} {held} {process.on_failure}s".lower()
    return all(word in told for word in wanted.lower().split())


def what_runs(phase: str, rows: Sequence[Row], chosen: Sequence[Row]) -> str:
    """What running the chosen ones of a half of the day will do now."""
    states = {state: [row for row in chosen if row.state is state] for state in State}
    bad = [*states[State.FAILED], *states[State.LOST]]
    others = [row for row in rows if row not in chosen and row.state is not State.SKIPPED]
    left = len(states[State.PENDING]) + len(states[State.LATE])
    lists = {
        "Running already": states[State.RUNNING],
        "Failed before, and waiting for a rerun": bad,
        "Skipped today but ticked, and so run all the same": states[State.SKIPPED],
        "Not ticked, and so at their own time": others,
    }
    told = [f"{number_of(left, 'job')} of {phase} may start now, each when what it waits for is done."]
    if done := states[State.SUCCESSFUL]:
        told.append(f"{len(done)} done already stay so.")
    return "\n".join([" ".join(told), *(f"{words}: {titles(each)}." for words, each in lists.items() if each)])


def titles(rows: Iterable[Row]) -> str:
    return ", ".join(row.process.title for row in rows)


def _half(phase: str, rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    found = tally(rows)
    done = found.get(State.SUCCESSFUL, 0)
    others = ", ".join(f"{found[state]} {state.lower()}" for state in _WORST_FIRST if found.get(state))
    colour = RED if any(row.state in _BAD for row in rows) else VIOLET if phase == "EOD" else BLUE
    told = f'<b>{done} of {len(rows)}</b> done <span class="quiet">{escape(others)}</span>'
    return f'<div style="padding:1px 0 3px">{badge(phase, colour)} {told}</div>'


def _why(row: Row) -> str:
    waived = f" <span class='quiet'>waived by {escape(row.overridden_by)}</span>" if row.overridden_by else ""
    if row.state is State.RUNNING:
        return f'<span class="quiet">since {clock(row.attempts[-1].started_ns)}</span>'
    return f'<span class="quiet any">{escape(row.reason)}</span>{waived}'


def _times(row: Row, now_ns: int) -> str:
    if not row.attempts:
        due = row.deadline_ns and row.state is not State.SKIPPED
        return f"due by {clock(row.deadline_ns, seconds=False)}" if due else ""
    last = row.attempts[-1]
    nth = f" · attempt {last.number}" if last.number > 1 else ""
    return f"{clock(last.started_ns)} · {duration(duration_s(last, now_ns))}{nth}"


def _progress(row: Row, word: Mapping[str, Any] | None, line: str) -> str:
    """A running job's own word, with a bar where it knows how far it is, and the last line of its log."""
    if row.state is not State.RUNNING:
        return ""
    said = f'<div class="said" title="{escape(line)}">{escape(line)}</div>' if line else ""
    if word is None or int(word["at_ns"]) < row.attempts[-1].started_ns:
        return said
    done, total = word["gauges"].get("done"), word["gauges"].get("total")
    share = min(100, round(100 * done / total)) if total else None
    bar = f'<div class="bar"><i style="width:{share}%"></i></div>' if share is not None else ""
    return f'<div class="line">{escape(str(word["detail"]))}</div>{bar}{said}'


def _told(row: Row) -> str:
    """Why it is as it is; of a job that has ended what it said, and for a failure the remedy."""
    last = row.attempts[-1] if row.attempts else None
    hint = (
        f"<div class='line'>{escape(last.hint)}</div>" if last and last.hint and row.state is not State.RUNNING else ""
    )
    waived = f"<div class='line'>waived by {escape(row.overridden_by)}</div>" if row.overridden_by else ""
    if row.state in _BAD:
        colour = RED if row.state is not State.LATE else AMBER
        return f'<div class="told" style="color:{colour}">{escape(row.reason)}</div>{waived or hint}'
    if row.state is State.SUCCESSFUL and last is not None:
        rows = f"{number_of(last.rows, 'row')} · " if last.rows is not None else ""
        return f'<div class="line">{rows}{escape(last.note)}</div>'
    colour = AMBER if row.held else GREY
    told = f'<div class="line" style="color:{colour}">{escape(row.reason)}</div>' if row.reason else ""
    return told + waived
