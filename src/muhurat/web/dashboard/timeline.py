"""The day as one picture: the session's band, a lane per service, trades, gaps, alerts and the present moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from html import escape
from typing import Any, Final

from muhurat.clock import IST, ist, ist_ns, to_ns
from muhurat.web.dashboard.theme import AMBER, BLUE, GREEN, RED, STATE_COLOURS
from muhurat.web.snapshot import Snapshot

_FROM, _TO = time(8, 0), time(19, 0)
_WIDTH, _LEFT, _TOP, _LANE = 1180, 96, 20, 20
Scale = Callable[[int], float]
"""Where an instant lies on the picture."""

_SHOWN_STATES: Final = frozenset({"running", "starting", "stopping", "backoff", "fatal", "unsupervised"})


def timeline(shot: Snapshot) -> str:
    """The picture as SVG; every mark tells what it is when pointed at."""
    day = ist(shot.now_ns).date()
    begin, end = ist_ns(day, _FROM), ist_ns(day, _TO)
    names = list(dict.fromkeys(step["service"] for step in shot.history)) or ["services"]
    height = _TOP + _LANE * (len(names) + 1) + 6

    def x(instant_ns: int) -> float:
        share = (min(max(instant_ns, begin), end) - begin) / (end - begin)
        return round(_LEFT + share * (_WIDTH - _LEFT - 8), 1)

    parts = [*_hours(day, x, height), *_session(shot, x, height)]
    for lane, name in enumerate(names):
        parts += _lane(shot, name, _TOP + lane * _LANE, x)
    parts += _marks(shot, _TOP + len(names) * _LANE, x)
    if begin <= shot.now_ns <= end:
        at = x(shot.now_ns)
        parts.append(f'<line x1="{at}" x2="{at}" y1="14" y2="{height}" stroke="{BLUE}" stroke-width="1.5"/>')
    inner = "".join(parts)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" width="100%" role="img" aria-label="the day">{inner}</svg>'


def _hours(day: date, x: Scale, height: int) -> list[str]:
    parts = []
    for hour in range(_FROM.hour, _TO.hour + 1):
        at = x(ist_ns(day, time(hour)))
        parts.append(f'<line x1="{at}" x2="{at}" y1="14" y2="{height}" stroke="var(--line)"/>')
        parts.append(f'<text x="{at}" y="10" text-anchor="middle">{hour:02d}:00</text>')
    return parts


def _session(shot: Snapshot, x: Scale, height: int) -> list[str]:
    if shot.session is None:
        return []
    left, right = x(shot.session[0]), x(shot.session[1])
    title = f"session {ist(shot.session[0]):%H:%M} to {ist(shot.session[1]):%H:%M}"
    shape = f'<rect x="{left}" y="14" width="{right - left:.1f}" height="{height - 14}" fill="{BLUE}" opacity="0.08">'
    return [f"{shape}<title>{title}</title></rect>"]


def _lane(shot: Snapshot, name: str, y: int, x: Scale) -> list[str]:
    steps = [step for step in shot.history if step["service"] == name]
    parts = [f'<text x="0" y="{y + 13}">{escape(name)}</text>']
    for index, step in enumerate(steps):
        until = steps[index + 1]["at_ns"] if index + 1 < len(steps) else shot.now_ns
        if step["state"] in _SHOWN_STATES:
            left = x(step["at_ns"])
            width = max(x(until) - left, 1.5)
            told = escape(f"{name}: {step['state']} since {ist(step['at_ns']):%H:%M:%S}. {step['detail']}")
            colour = STATE_COLOURS[step["state"]]
            parts.append(
                f'<rect x="{left}" y="{y + 4}" width="{width:.1f}" height="11" rx="2" fill="{colour}" opacity="0.85">'
                f"<title>{told}</title></rect>"
            )
    return parts


def _marks(shot: Snapshot, y: int, x: Scale) -> list[str]:
    parts = [f'<text x="0" y="{y + 13}">events</text>']
    for trade in shot.decisions.trades:
        colour = GREEN if float(trade["net"]) >= 0 else RED
        parts.append(_triangle(trade, "entry_time", "bought", "0,-5 5,4 -5,4", colour, y, x))
        parts.append(_triangle(trade, "exit_time", "sold", "0,5 5,-4 -5,-4", colour, y, x))
    for feed, facts in shot.status["feeds"].items():
        parts += [_gap(feed, gap, y, x) for gap in facts.get("gap_list", [])]
    today = ist(shot.now_ns).date()
    for alert in shot.status["alerts"]:
        moment = datetime.fromisoformat(alert["at"]).astimezone(IST)
        if moment.date() == today:
            told = escape(f"{moment:%H:%M:%S} {alert['what']}")
            pin = f'<circle cx="{x(to_ns(moment))}" cy="{y + 9}" r="3.5" fill="{RED}">'
            parts.append(f"{pin}<title>{told}</title></circle>")
    return parts


def _triangle(trade: dict[str, Any], key: str, did: str, shape: str, colour: str, y: int, x: Scale) -> str:
    at = x(to_ns(datetime.fromisoformat(trade[key])))
    told = escape(f"{did} {trade['symbol']} at {trade[key][11:19]}")
    place = f'transform="translate({at},{y + 9})"'
    return f'<polygon points="{shape}" {place} fill="{colour}"><title>{told}</title></polygon>'


def _gap(feed: str, gap: dict[str, Any], y: int, x: Scale) -> str:
    begin, end = int(gap["from_ns"]), int(gap["to_ns"])
    told = escape(f"{feed}: gap {ist(begin):%H:%M:%S} to {ist(end):%H:%M:%S}, {gap['reason']}")
    width = max(x(end) - x(begin), 2)
    shape = f'<rect x="{x(begin)}" y="{y + 4}" width="{width:.1f}" height="11" fill="{AMBER}">'
    return f"{shape}<title>{told}</title></rect>"
