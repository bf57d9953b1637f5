"""The page itself: one NiceGUI page whose parts are replaced only when they changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nicegui import ui

from muhurat.log import get_logger
from muhurat.web.dashboard import header, job_cards, panels, trading
from muhurat.web.dashboard.chart import chart
from muhurat.web.dashboard.jobs_page import JobsPage
from muhurat.web.dashboard.parts import Part
from muhurat.web.dashboard.theme import CSS
from muhurat.web.dashboard.timeline import timeline
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
        def jobs_page() -> None:
            JobsPage(jobs, look, lambda shot: header.header(place, shot)).build()


class _Page:
    """One browser's page. A desk that cannot be read leaves the panels as they were, under a notice."""

    def __init__(self, place: Place, look: Look) -> None:
        self._look = look
        self._head = Part(lambda shot: header.header(place, shot))
        self._notice = Part(lambda shot: "")
        self._parts = [self._head, self._notice]
        self._candles: ui.echart | None = None
        self._drawn: tuple[object, ...] = ()
        self._trouble = ""

    def build(self) -> None:
        ui.add_css(CSS)
        ui.dark_mode(None)
        with ui.element("header").classes("head"):
            self._head.place()
            self._notice.place()
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
        self.refresh()
        ui.timer(_REFRESH_S, self.refresh, immediate=False)

    def refresh(self) -> None:
        """Look at the desk and send what differs."""
        try:
            shot = self._look()
            for part in self._parts:
                part.show(shot)
            self._draw_candles(shot)
        except Exception as error:  # noqa: BLE001 - the page outlives whatever it reads
            self._tell(error)
        else:
            self._trouble = ""

    def _draw_candles(self, shot: Snapshot) -> None:
        seen = shot.decisions
        drawn = (shot.day, len(seen.bars), len(seen.fills), len(seen.trades))
        if self._candles is not None and drawn != self._drawn:
            self._drawn = drawn
            options: dict[str, Any] = self._candles.options
            options.clear()
            options.update(chart(seen, shot.session))
            self._candles.update()

    def _tell(self, error: Exception) -> None:
        """Say what is wrong on the page, and once in the log."""
        told = header.broken(error)
        self._notice.set(told)
        if told != self._trouble:
            self._trouble = told
            get_logger(__name__).error("the page cannot read the desk", error=repr(error))

    def _panel(self, width: str, draw: Callable[[Snapshot], str]) -> None:
        with ui.element("section").classes(f"panel {width}"):
            self._part(draw)

    def _part(self, draw: Callable[[Snapshot], str]) -> None:
        part = Part(draw)
        part.place()
        self._parts.append(part)
