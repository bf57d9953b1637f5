"""The day as one picture: the session's band, a lane per service, trades, gaps, alerts and the present moment.

Positions are percentages of the width, so that the picture fits a phone and its letters keep their size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from html import escape
from typing import Any, Final

from muhurat.clock import NS_PER_S, ist, ist_ns, to_ns
from muhurat.jobs.process import Attempt, Row, State
from muhurat.web.decisions import Line
from muhurat.web.jobs_desk import duration_s
from muhurat.web.markup import BOUGHT, SOLD, heading, key
from muhurat.web.palette import AMBER, BLUE, GREY, JOB_COLOURS, RED, STATE_COLOURS
from muhurat.web.snapshot import Snapshot
from muhurat.web.wording import clock, contract, duration, number_of, rupees

_FROM, _TO = time(7, 30), time(19, 0)
_TOP, _LANE, _BAR = 18, 20, 8
_TRACKS, _RUN = 4, 4
_JOBS: Final = "job runs"
_MARGIN_NS: Final = 30 * 60 * NS_PER_S
_PRESENT: Final = frozenset({"running", "starting", "stopping", "backoff", "fatal", "unsupervised"})
_ENDED: Final = frozenset({State.SUCCESSFUL, State.FAILED, State.LOST})
_PIN: Final = '<circle r="4" fill="{}" stroke="var(--raised)"/>'
_SPAN: Final = '<rect x="-2" y="-5" width="4" height="10" fill="{}"/>'


@dataclass(frozen=True, slots=True)
class _Day:
    """The stretch of time that is shown."""

    begin_ns: int
    end_ns: int

    def x(self, instant_ns: int) -> float:
        """Where an instant lies, in percent; steps of a twentieth, so that the picture need not change every second."""
        inside = min(max(instant_ns, self.begin_ns), self.end_ns) - self.begin_ns
        return round(2000 * inside / (self.end_ns - self.begin_ns)) / 20


def timeline(shot: Snapshot) -> str:
    """The picture with its title and legend; every mark tells what it is when pointed at."""
    day = _shown(shot)
    services = [str(row["name"]) for row in shot.status["services"]]
    steps = _steps(shot, day)
    jobs = [_JOBS] if shot.jobs else []
    names = [*jobs, *dict.fromkeys([*services, *steps])]
    height = _TOP + _LANE * (len(names) + 1) + 2
    parts = [*_sessions(shot, day, height), *_hours(shot.day, day, height)]
    if jobs:
        parts += [*_deadlines(shot, day), *_runs(shot, day)]
    for lane, name in list(enumerate(names))[len(jobs) :]:
        parts += _lane(shot, steps.get(name, []), name, _TOP + lane * _LANE, day)
    parts += _events(shot, _TOP + len(names) * _LANE + _LANE / 2, day)
    if day.begin_ns <= shot.now_ns <= day.end_ns:
        at = f"{day.x(shot.now_ns)}%"
        parts.append(f'<line x1="{at}" x2="{at}" y1="{_TOP - 4}" y2="{height}" stroke="{BLUE}" stroke-width="1.5"/>')
    told = "".join(f"<div>{escape(name)}</div>" for name in (*names, "events"))
    title = heading(f"{shot.day:%A} {shot.day.day} {shot.day:%B %Y}", _legend())
    return (
        f'{title}<div class="lanes"><div class="names">{told}</div>'
        f'<svg height="{height}" role="img" aria-label="the day">{"".join(parts)}</svg></div>'
    )


def _shown(shot: Snapshot) -> _Day:
    """The usual hours, and the session's wherever it lies."""
    begin, end = ist_ns(shot.day, _FROM), ist_ns(shot.day, _TO)
    if shot.session is not None:
        begin = min(begin, shot.session.open_ns - _MARGIN_NS)
        end = max(end, shot.session.close_ns + _MARGIN_NS)
    return _Day(begin, end)


def _legend() -> str:
    return (
        key(f'<polygon points="{BOUGHT}" fill="{BLUE}"/>', "bought")
        + key(f'<polygon points="{SOLD}" fill="{GREY}"/>', "sold")
        + key(_SPAN.format(AMBER), "gap")
        + key(_PIN.format(RED), "alert")
        + key(f'<line y1="-5" y2="5" stroke="{BLUE}" stroke-width="1.5"/>', "now")
    )


def _hours(today: date, day: _Day, height: int) -> Iterator[str]:
    for hour in range(24):
        instant_ns = ist_ns(today, time(hour))
        if not day.begin_ns <= instant_ns <= day.end_ns:
            continue
        at = day.x(instant_ns)
        anchor = "end" if at > 98 else "start" if at < 2 else "middle"
        yield f'<line x1="{at}%" x2="{at}%" y1="{_TOP - 4}" y2="{height}" stroke="var(--line)"/>'
        yield f'<text class="{"odd" if hour % 2 else ""}" x="{at}%" y="10" text-anchor="{anchor}">{hour:02d}:00</text>'


def _sessions(shot: Snapshot, day: _Day, height: int) -> Iterator[str]:
    for window in shot.session.windows if shot.session else ():
        left, right = day.x(window.open_ns), day.x(window.close_ns)
        told = f"open {clock(window.open_ns, seconds=False)} to {clock(window.close_ns, seconds=False)}"
        shape = f'x="{left}%" width="{right - left:.2f}%" y="{_TOP - 4}" height="{height - _TOP + 4}"'
        yield f'<rect {shape} fill="{BLUE}" opacity="0.09"><title>{told}</title></rect>'


def _steps(shot: Snapshot, day: _Day) -> dict[str, list[Line]]:
    """Each service's steps that reach into the day, with the one that it entered the day in."""
    found: dict[str, list[Line]] = {}
    for step in shot.history:
        known = found.setdefault(str(step["service"]), [])
        if step["at_ns"] <= day.begin_ns:
            known.clear()
        if step["at_ns"] <= day.end_ns:
            known.append(step)
    return {name: steps for name, steps in found.items() if steps}


def _lane(shot: Snapshot, steps: list[Line], name: str, top: int, day: _Day) -> Iterator[str]:
    for index, step in enumerate(steps):
        state = str(step["state"])
        if state not in _PRESENT:
            continue
        until_ns = steps[index + 1]["at_ns"] if index + 1 < len(steps) else _seen_until(shot, name)
        left = day.x(step["at_ns"])
        width = max(day.x(until_ns) - left, 0.15)
        told = escape(f"{name}: {state} since {ist(step['at_ns']):%H:%M:%S}. {step['detail']}")
        shape = f'x="{left}%" width="{width:.2f}%" y="{top + (_LANE - _BAR) / 2}" height="{_BAR}" rx="2"'
        colour = STATE_COLOURS.get(state, GREY)
        yield f'<rect {shape} fill="{colour}" opacity="0.8"><title>{told}</title></rect>'


def _runs(shot: Snapshot, day: _Day) -> Iterator[str]:
    """A bar for every attempt at a job; those that ran side by side lie above one another."""
    attempts = [(attempt, row) for row in shot.jobs for attempt in row.attempts]
    free = [0.0] * _TRACKS
    for attempt, row in sorted(attempts, key=lambda pair: pair[0].started_ns):
        ended_ns = attempt.ended_ns or shot.now_ns
        left = day.x(attempt.started_ns)
        width = max(day.x(ended_ns) - left, 0.25)
        track = min(range(_TRACKS), key=lambda at: (free[at] > left, free[at] if free[at] > left else at))
        free[track] = left + width
        word = _became(attempt, row)
        took = duration(duration_s(attempt, shot.now_ns))
        told = f"{row.process.title}: {word}, {clock(attempt.started_ns)}, {took}{_nth(attempt.number)}"
        shape = f'x="{left}%" width="{width:.2f}%" y="{_TOP + 1 + track * (_RUN + 0.5)}" height="{_RUN}"'
        yield f'<rect {shape} fill="{JOB_COLOURS[word]}"><title>{escape(told)}</title></rect>'


def _became(attempt: Attempt, row: Row) -> State:
    """How an attempt ended; the newest one's end is its job's state, unless that is to run again."""
    if attempt.ended_ns is None:
        return State.RUNNING
    if attempt is row.attempts[-1] and row.state in _ENDED:
        return row.state
    return {0: State.SUCCESSFUL, None: State.LOST}.get(attempt.exit_code, State.FAILED)


def _nth(number: int) -> str:
    return f", attempt {number}" if number > 1 else ""


def _deadlines(shot: Snapshot, day: _Day) -> Iterator[str]:
    """A tick where jobs have to be done; amber where one was not."""
    due: dict[int, list[Row]] = {}
    for row in shot.jobs:
        if row.deadline_ns is not None and row.state is not State.SKIPPED:
            due.setdefault(row.deadline_ns, []).append(row)
    for deadline_ns, rows in due.items():
        late = [row.process.title for row in rows if row.late]
        told = f"deadline {clock(deadline_ns, seconds=False)} of {number_of(len(rows), 'job')}"
        told += f"; late: {', '.join(late)}" if late else ""
        at, colour = f"{day.x(deadline_ns)}%", AMBER if late else GREY
        shape = f'x1="{at}" x2="{at}" y1="{_TOP}" y2="{_TOP + _LANE}" stroke="{colour}" stroke-width="2"'
        yield f"<line {shape}><title>{escape(told)}</title></line>"


def _seen_until(shot: Snapshot, name: str) -> int:
    """Now; but of a service that went while nobody watched, the last that was heard of it."""
    gone = any(row["name"] == name and row["state"] == "gone" for row in shot.status["services"])
    word = shot.spoken.get(name)
    return min(word.at_ns, shot.now_ns) if gone and word is not None else shot.now_ns


def _events(shot: Snapshot, middle: float, day: _Day) -> Iterator[str]:
    for feed, facts in shot.status["feeds"].items():
        for gap in facts.get("gap_list", []):
            yield from _gap(feed, gap, middle, day)
    for trade in shot.decisions.trades:
        result = f", net {rupees(float(trade['net']), sign=True)}"
        sides = (("entry", "bought", BOUGHT, BLUE, ""), ("exit", "sold", SOLD, GREY, result))
        for did, word, shape, colour, earned in sides:
            at = trade[f"{did}_time"]
            told = f"{word} {contract(trade)} at {rupees(float(trade[f'{did}_price']))}, {at[11:19]}{earned}"
            yield _mark(at, f'<polygon points="{shape}" fill="{colour}"/>', told, middle, day)
    for alert in shot.alerts:
        colour = RED if alert["level"] == "critical" else AMBER
        yield _mark(alert["at"], _PIN.format(colour), f"{alert['at'][11:19]} {alert['what']}", middle, day)


def _mark(at: str, shape: str, told: str, middle: float, day: _Day) -> str:
    """A shape whose middle is at an instant; the nested picture is what can stand at a percentage."""
    x = day.x(to_ns(datetime.fromisoformat(at)))
    return f'<svg x="{x}%" y="{middle}" overflow="visible"><g>{shape}<title>{escape(told)}</title></g></svg>'


def _gap(feed: str, gap: Mapping[str, Any], middle: float, day: _Day) -> Iterator[str]:
    begin, end = int(gap["from_ns"]), int(gap["to_ns"])
    if end < day.begin_ns or begin > day.end_ns:
        return
    told = escape(f"{feed}: gap {clock(begin)} to {clock(end)}, {gap['reason']}")
    width = max(day.x(end) - day.x(begin), 0.2)
    shape = f'x="{day.x(begin)}%" width="{width:.2f}%" y="{middle - 6}" height="12"'
    yield f'<rect {shape} fill="{AMBER}" opacity="0.8"><title>{told}</title></rect>'
