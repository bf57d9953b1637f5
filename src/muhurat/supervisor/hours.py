"""A service's hours on the desk's clock, looked up once a day."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from typing import Final

from muhurat.clock import ist
from muhurat.errors import CalendarError
from muhurat.supervisor.spec import Window

FOREVER_NS: Final = 2**62
"""The end of the hours of a service that has none."""

_DAYS_KEPT: Final = 4


class Hours:
    """Answers whether a window is open; hours that began yesterday and last past midnight count."""

    def __init__(self, window: Window | None) -> None:
        self._window = window
        self._edges: dict[date, tuple[int, int] | None] = {}

    def open_until(self, now_ns: int) -> int | None:
        """When the window that is open now closes, UTC ns; None when it is closed. Raises `CalendarError`."""
        if self._window is None:
            return FOREVER_NS
        today = ist(now_ns).date()
        edges = self._of(self._window, today)
        if edges is not None and edges[0] <= now_ns < edges[1]:
            return edges[1]
        with suppress(CalendarError):  # today's hours are known; what yesterday's were matters only if they are, too
            edges = self._of(self._window, today - timedelta(days=1))
            if edges is not None and edges[0] <= now_ns < edges[1]:
                return edges[1]
        return None

    def opens_at(self, now_ns: int) -> int | None:
        """When the window opens later today; None when it does not."""
        if self._window is None:
            return None
        with suppress(CalendarError):
            edges = self._of(self._window, ist(now_ns).date())
            if edges is not None and now_ns < edges[0]:
                return edges[0]
        return None

    def next_edge(self, now_ns: int) -> int | None:
        """When the window next opens or closes, as far as today's hours tell; None when they do not."""
        with suppress(CalendarError):
            until_ns = self.open_until(now_ns)
            if until_ns is None:
                return self.opens_at(now_ns)
            return until_ns if until_ns != FOREVER_NS else None
        return None

    def _of(self, window: Window, day: date) -> tuple[int, int] | None:
        if day not in self._edges:
            found = window.edges(day)
            while len(self._edges) >= _DAYS_KEPT:
                self._edges.pop(next(iter(self._edges)))
            self._edges[day] = found
        return self._edges[day]
