"""The page itself: one NiceGUI page whose parts are replaced only when they changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import Request
from nicegui import ui

from muhurat.web.dashboard import header, job_cards, panels, trading
from muhurat.web.dashboard.chart import chart
from muhurat.web.dashboard.jobs_page import JobsPage
from muhurat.web.dashboard.parts import Part, Watch
from muhurat.web.dashboard.theme import CSS
from muhurat.web.dashboard.timeline import timeline
from muhurat.web.jobs_api import is_of_this_machine
from muhurat.web.snapshot import Place, Snapshot

_REFRESH_S: Final = 1.0

Look = Callable[[], Snapshot]


def mount(place: Place, look: Look) -> None:
    """Put the day's page at `/` and the jobs' at `/jobs`; `look` gives the desk as it is now."""

    @ui.page("/", title=f"{place.name} · Muhurat")
    def index() -> None:
        _Page(place, look).build()

    jobs = place.jobs
    if jobs is not None:

        @ui.page("/jobs", title=f"jobs · {place.name} · Muhurat")
        def jobs_page(request: Request) -> None:
            JobsPage(jobs, look, place, may_change=is_of_this_machine(request)).build()


class _Page:
    """One browser's page."""

    def __init__(self, place: Place, look: Look) -> None:
        self._watch = Watch(look, self._show, header.broken)
        self._head = Part(lambda shot: header.header(place, shot))
        self._parts = [self._head]
        self._candles: ui.echart | None = None
        self._drawn: tuple[object, ...] = ()

    def build(self) -> None:
        ui.add_css(CSS)
        ui.dark_mode(None)
        with ui.element("header").classes("head"):
            self._head.place()
            self._watch.place()
        with ui.element("div").classes("grid"):
            self._panel("w12", timeline)
            with ui.element("section").classes("panel w8 chart"):
                self._part(trading.index_heading)
                self._candles = ui.echart({}).classes("candles")
            with ui.element("div").classes("w4 stack"):
                self._panel("", trading.position)
                self._panel("", trading.why)
            self._panel("w8", trading.trades)
            self._panel("w4", panels.feeds)
            self._panel("w8", panels.services)
            with ui.element("div").classes("w4 stack"):
                self._panel("", job_cards.panel)
                self._panel("", panels.alerts)
        self._watch.refresh()
        ui.timer(_REFRESH_S, self._watch.refresh, immediate=False)

    def _show(self, shot: Snapshot) -> None:
        for part in self._parts:
            part.show(shot)
        self._draw_candles(shot)

    def _draw_candles(self, shot: Snapshot) -> None:
        seen = shot.decisions
        drawn = (shot.day, len(seen.bars), len(seen.fills), len(seen.trades))
        if self._candles is not None and drawn != self._drawn:
            self._drawn = drawn
            options: dict[str, Any] = self._candles.options
            options.clear()
            options.update(chart(seen, shot.session))
            self._candles.update()

    def _panel(self, width: str, draw: Callable[[Snapshot], str]) -> None:
        with ui.element("section").classes(f"panel {width}"):
            self._part(draw)

    def _part(self, draw: Callable[[Snapshot], str]) -> None:
        part = Part(draw)
        part.place()
        self._parts.append(part)
