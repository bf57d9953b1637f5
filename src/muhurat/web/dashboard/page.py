"""The page itself: one NiceGUI page whose parts are replaced only when they changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nicegui import ui

from muhurat.web.dashboard import panels
from muhurat.web.dashboard.chart import chart
from muhurat.web.dashboard.theme import CSS
from muhurat.web.dashboard.timeline import timeline
from muhurat.web.snapshot import Place, Snapshot

_REFRESH_S: Final = 1.0

Look = Callable[[], Snapshot]


def mount(place: Place, look: Look) -> None:
    """Put the page at `/`; `look` gives the desk as it is now."""

    @ui.page("/", title=f"{place.name} · Muhurat")
    def index() -> None:
        _build(place, look)


def _build(place: Place, look: Look) -> None:
    ui.add_css(CSS)
    ui.dark_mode(None)
    shot = look()
    parts: list[_Part] = []

    def panel(width: str, draw: Callable[[Snapshot], str]) -> None:
        with ui.element("section").classes(f"panel {width}"):
            parts.append(_Part(draw, shot))

    with ui.element("header").classes("head"):
        parts.append(_Part(lambda seen: panels.header(place, seen), shot, "display:contents"))
    with ui.element("main").classes("grid"):
        panel("w12", lambda seen: f"<h2>Day</h2>{timeline(seen)}")
        with ui.element("section").classes("panel w8"):
            ui.html("<h2>SENSEX · three-minute bars</h2>", sanitize=False)
            candles = ui.echart(chart(shot.decisions)).style("height:360px; width:100%")
        with ui.element("div").classes("w4").style("display:grid; gap:12px; align-content:start"):
            panel("", panels.position)
            panel("", panels.why)
        panel("w12", panels.trades)
        panel("w7", panels.services)
        panel("w5", panels.feeds)
        panel("w12", panels.alerts)
    drawn = [_drawn(shot)]

    def refresh() -> None:
        seen = look()
        for part in parts:
            part.show(seen)
        if _drawn(seen) != drawn[0]:
            drawn[0] = _drawn(seen)
            candles.options.clear()
            candles.options.update(chart(seen.decisions))
            candles.update()

    ui.timer(_REFRESH_S, refresh)


def _drawn(shot: Snapshot) -> tuple[int, int]:
    return len(shot.decisions.bars), len(shot.decisions.fills)


class _Part:
    """One piece of HTML that is sent again only when it differs."""

    def __init__(self, draw: Callable[[Snapshot], str], shot: Snapshot, style: str = "") -> None:
        self._draw = draw
        self._html = draw(shot)
        self._element = ui.html(self._html, sanitize=False).style(style or "width:100%")

    def show(self, shot: Snapshot) -> None:
        fresh = self._draw(shot)
        if fresh != self._html:
            self._html = fresh
            self._element.set_content(fresh)
