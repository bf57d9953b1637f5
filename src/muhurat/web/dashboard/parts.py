"""A piece of a page that is sent again only when it differs."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from muhurat.web.snapshot import Snapshot


class Part:
    """One piece of HTML, drawn from the desk."""

    def __init__(self, draw: Callable[[Snapshot], str]) -> None:
        self._draw = draw
        self._html = ""
        self._element: ui.html | None = None

    def place(self) -> None:
        self._element = ui.html("", sanitize=False).style("width:100%")

    def show(self, shot: Snapshot) -> None:
        self.set(self._draw(shot))

    def set(self, html: str) -> None:
        if self._element is not None and html != self._html:
            self._html = html
            self._element.set_content(html)
