"""Pieces of a page that are sent again only when they differ, and the watch that redraws them."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from muhurat.log import get_logger
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


class Watch:
    """Looks at the desk for one page; `show` draws it. A desk that cannot be read leaves what was shown, under a
    notice made by `broken`."""

    def __init__(
        self, look: Callable[[], Snapshot], show: Callable[[Snapshot], None], broken: Callable[[Exception], str]
    ) -> None:
        self._look = look
        self._show = show
        self._broken = broken
        self._notice = Part(lambda shot: "")
        self._trouble = ""

    def place(self) -> None:
        """Where the notice goes."""
        self._notice.place()

    def refresh(self) -> None:
        """Look, and send what differs; what goes wrong is said on the page, and once in the log."""
        try:
            self._show(self._look())
        except Exception as error:  # noqa: BLE001 - the page outlives whatever it reads
            told = self._broken(error)
            if told != self._trouble:
                get_logger(__name__).error("the page cannot read the desk", error=repr(error))
            self._trouble = told
        else:
            self._trouble = ""
        self._notice.set(self._trouble)
