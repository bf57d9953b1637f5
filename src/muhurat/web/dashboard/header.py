"""The line on top: who, whether all is right, in which mode, when; and below it what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from muhurat.trading.paper import UNPREPARED
from muhurat.web.dashboard.theme import badge
from muhurat.web.markup import coloured, dot
from muhurat.web.palette import AMBER, BLUE, GREEN, GREY, RED
from muhurat.web.snapshot import Place, Snapshot
from muhurat.web.verdict import problems
from muhurat.web.wording import NOTHING, clock, number_of, plain, rupees

_MODES: Final = {"test": ("TEST · paper money", AMBER), "debug": ("DEBUG", GREY), "live": ("LIVE", RED)}
_TRADING: Final = {"ACTIVE": GREEN, "REDUCING": AMBER, "HALTED": RED}
_MOST_NOTICES: Final = 3


def header(place: Place, shot: Snapshot) -> str:
    """The facts in one line, then a line for each problem."""
    found = problems(shot)
    down = any(problem.down for problem in found)
    colour, word = (RED, "down") if down else (AMBER, "look here") if found else (GREEN, "all right")
    mode, mode_colour = _MODES[place.mode]
    facts = [
        f'<span class="name">{escape(place.name)}</span>',
        *(['<a href="/">day</a>', '<a href="/jobs">jobs</a>'] if place.jobs is not None else []),
        f'<span>{dot(colour)}<b style="color:{colour}">{word}</b></span>',
        badge(mode, mode_colour),
        *([badge(f"REHEARSAL ×{shot.speed:,.0f}", BLUE)] if shot.speed != 1 else []),
        _trading(shot),
        f'<span><span class="big">{clock(shot.now_ns)}</span> <span class="quiet">IST</span></span>',
        f'<span class="quiet">{escape(shot.session_line)}</span>',
        f'<span class="push">{_feeds(shot)}</span>',
        _result(shot),
        _alerts(shot),
    ]
    shown = found[:_MOST_NOTICES]
    lines = [_notice(problem.what, problem.do, down=problem.down) for problem in shown]
    if len(found) > len(shown):
        lines.append(_notice(f"and {len(found) - len(shown)} more", "see services, jobs and feeds", down=False))
    return f'<div class="facts">{"".join(facts)}</div>{"".join(lines)}'


def broken(error: Exception) -> str:
    """The notice of a page that cannot read its desk; the panels keep what they showed last."""
    what = f"this page cannot read the desk: {type(error).__name__}: {error}"
    return _notice(what, "what is below is old; it tries again every second, see logs/web.log", down=True)


def feed_dot(shot: Snapshot, feed: Mapping[str, Any]) -> str:
    """Green while data come, amber when they should and do not, grey when there is nothing to expect."""
    if shot.stale_s(feed) is not None or feed.get("gap_since_ns"):
        return dot(AMBER)
    return dot(GREEN if feed.get("state") == "connected" else GREY)


def _trading(shot: Snapshot) -> str:
    state, why = shot.trading_state
    colour = _TRADING.get(state, GREY)
    told = f' <span class="quiet" title="{escape(why)}">{escape(_reason(shot, why))}</span>'
    reason = told if why and colour not in (GREEN, GREY) else ""
    return f'<span>trading <b style="color:{colour}">{escape(state)}</b>{reason}{_trades_left(shot)}</span>'


def _reason(shot: Snapshot, why: str) -> str:
    """Why trading is reduced or halted; of a day that is not prepared the job and its state, its cause stands below."""
    if not why.startswith(UNPREPARED):
        return plain(why)
    told = why.removeprefix(UNPREPARED).partition(":")[0]
    name, _, state = told.partition(" ")
    title = next((row.process.title for row in shot.jobs if row.process.name == name), name)
    return f"day not prepared: {title} {state}"


def _trades_left(shot: Snapshot) -> str:
    """How many of the day's trades are used; when all are, that no entry will follow."""
    used, most = shot.trader.get("trades"), shot.trader.get("max_trades")
    if used is None or most is None:
        return ""
    told = f"{used} of {number_of(int(most), 'trade')}"
    return (
        f' <span class="wait">no more entries, {told}</span>' if used >= most else f' <span class="quiet">{told}</span>'
    )


def _feeds(shot: Snapshot) -> str:
    feeds = shot.status["feeds"]
    if not feeds:
        return '<span class="quiet">no feed yet</span>'
    told = [f"<span>{feed_dot(shot, facts)}{escape(name)}</span>" for name, facts in feeds.items()]
    return " ".join(told)


def _result(shot: Snapshot) -> str:
    realised = shot.decisions.realised
    amount = coloured(rupees(realised, sign=True), realised) if shot.decisions.trades else NOTHING
    told = f'<span title="finished trades, after charges">day P&amp;L {amount}</span>'
    if not shot.trader.get("position"):
        return told
    unrealised = float(shot.trader.get("unrealised") or 0)
    held = coloured(rupees(unrealised, sign=True), unrealised)
    return f'{told}<span title="the open position, before charges">open {held}</span>'


def _alerts(shot: Snapshot) -> str:
    levels = {alert["level"] for alert in shot.alerts}
    kind = "bad" if "critical" in levels else "wait" if levels else "quiet"
    return f'<a href="/#alerts" class="{kind}">{number_of(len(shot.alerts), "alert")}</a>'


def _notice(what: str, do: str, *, down: bool) -> str:
    kind = "notice down" if down else "notice"
    return f'<div class="{kind}"><b>{escape(what)}</b> · {escape(do)}</div>'
