"""The conductor of a rehearsal: it moves desk time, and lets the venues speak at the instants they would have spoken.

Desk time is stepped. Before each step the conductor waits until every listener has read all that was sent to it (the
barriers) and until nobody holds the clock page; and it passes no instant that somebody has appointed before they have
been there. So what a listener receives carries the instant it was sent at, and two rehearsals with one seed are the
same however busy the machine is: a slow machine makes the day longer, not different.

Pace: desk time follows a straight line at `speed` desk seconds per real second. Behind the line the conductor goes as
fast as it can; more than a second behind, it draws a new line. Stretches in which no venue has anything to say for a
minute pass thirty times faster.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final, Protocol

from muhurat.clock import NS_PER_S, ClockPage, SimulatedClock
from muhurat.errors import UsageError

STEP_S: Final = 0.005
"""Real seconds between two steps when nothing is due."""

QUIET_NS: Final = 60 * NS_PER_S
QUIET_FACTOR: Final = 30.0
FORGIVEN_S: Final = 1.0
"""Real seconds behind the pace after which the conductor stops trying to catch up."""

_SHORTEST_NAP_S: Final = 0.0005
_HELD_NAP_S: Final = 0.002

Barrier = Callable[[], Awaitable[None] | None]
"""Says that all listeners have read everything: at once by returning None, or later through what it returns."""


class Source(Protocol):
    """A venue's schedule, as the conductor sees it."""

    def due_ns(self) -> int | None:
        """When the next thing is to be sent to somebody who listens; None when nothing is."""

    def active_ns(self, now_ns: int) -> int | None:
        """When the venue next has something to say, whether or not anybody listens; None when it is done."""

    def send(self, now_ns: int) -> None:
        """Send everything due by `now_ns`."""


class Conductor:
    """Owns a clock page and moves its time. One per rehearsal, on one event loop."""

    def __init__(self, page: ClockPage, speed: float) -> None:
        self.page = page
        self.speed = _checked(speed)
        self.steps = 0
        self._clock = SimulatedClock(page)
        self._pace = speed
        self._sources: list[Source] = []
        self._barriers: list[Barrier] = []
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._timer_order = count()
        self._let_go = asyncio.Event()
        self._let_go.set()
        self._draw_line()

    @property
    def now_ns(self) -> int:
        """The desk's present instant."""
        return self.page.now_ns

    @property
    def paused(self) -> bool:
        return not self._let_go.is_set()

    def monotonic(self) -> float:
        """Real seconds, for what stays real in a rehearsal: heartbeats, rate limits, time-outs."""
        return self._clock.monotonic()

    def add_source(self, source: Source) -> None:
        self._sources.append(source)

    def add_barrier(self, barrier: Barrier) -> None:
        self._barriers.append(barrier)

    def call_at(self, instant_ns: int, callback: Callable[[], None]) -> None:
        """Call back at an instant of desk time, before what a venue sends at that instant."""
        heapq.heappush(self._timers, (instant_ns, next(self._timer_order), callback))

    def pause(self) -> None:
        """Let time stand still until `go`; for a rehearsal that is still being set up."""
        self._let_go.clear()

    def go(self) -> None:
        self._let_go.set()

    def set_speed(self, speed: float) -> None:
        """Change the pace from the next step on."""
        self.speed = _checked(speed)

    async def advance_to(self, instant_ns: int) -> None:
        """Move desk time to `instant_ns`, sending what is due on the way; returns when all of it has been read."""
        self._draw_line()
        self._fire()
        while (now_ns := self.page.now_ns) < instant_ns:
            quiet_until_ns = self._choose_pace(now_ns, instant_ns)
            await self._step_towards(self._next_due(quiet_until_ns))
        await self._settle()

    def _next_due(self, limit_ns: int) -> int:
        for source in self._sources:
            due_ns = source.due_ns()
            if due_ns is not None and due_ns < limit_ns:
                limit_ns = due_ns
        if self._timers and self._timers[0][0] < limit_ns:
            limit_ns = self._timers[0][0]
        return max(limit_ns, self.page.now_ns)

    async def _step_towards(self, goal_ns: int) -> None:
        early_s = self._line_at + (goal_ns - self._line_from_ns) / NS_PER_S / self._pace - self.monotonic()
        if early_s < -FORGIVEN_S:
            self._draw_line()
        await asyncio.sleep(0 if early_s < _SHORTEST_NAP_S else min(early_s, STEP_S))
        await self._settle()
        if self._bound():
            await self._stand_still()
            return
        reach_ns = min(self._next_due(goal_ns), self._furthest(early_s))
        appointed_ns = self.page.appointment_ns(reach_ns)
        self.page.now_ns = reach_ns if appointed_ns is None else appointed_ns
        self.steps += 1
        self._fire()

    def _furthest(self, early_s: float) -> int:
        """Where one step may end: on the line, and no further than an ordinary step would go."""
        step_ns = round(STEP_S * self._pace * NS_PER_S)
        if early_s < _SHORTEST_NAP_S:
            return self.page.now_ns + step_ns
        on_line_ns = self._line_from_ns + round((self.monotonic() - self._line_at) * self._pace * NS_PER_S)
        return min(max(on_line_ns, self.page.now_ns), self.page.now_ns + 2 * step_ns)

    async def _settle(self) -> None:
        # Again after each wait: meanwhile a listener may have asked for something and been sent it.
        while unread := [waiting for barrier in self._barriers if (waiting := barrier()) is not None]:
            for waiting in unread:
                await waiting

    def _bound(self) -> bool:
        """Whether time may not move now: paused, held, or at an instant where somebody is expected first."""
        return self.page.held() or self.paused or self.page.appointment_ns(self.page.now_ns) is not None

    async def _stand_still(self) -> None:
        while self._bound():
            await self._let_go.wait()
            await asyncio.sleep(_HELD_NAP_S)
        self._draw_line()

    def _fire(self) -> None:
        now_ns = self.page.now_ns
        while self._timers and self._timers[0][0] <= now_ns:
            heapq.heappop(self._timers)[2]()
        for source in self._sources:
            due_ns = source.due_ns()
            if due_ns is not None and due_ns <= now_ns:
                source.send(now_ns)

    def _choose_pace(self, now_ns: int, limit_ns: int) -> int:
        """Go fast through a quiet stretch; returns how far that may go, at most to `limit_ns`."""
        active = (source.active_ns(now_ns) for source in self._sources)
        busy_ns = min((instant_ns for instant_ns in active if instant_ns is not None), default=limit_ns)
        quiet = busy_ns - now_ns > QUIET_NS
        pace = self.speed * QUIET_FACTOR if quiet else self.speed
        if pace != self._pace:
            self._pace = pace
            self._draw_line()
        return min(busy_ns, limit_ns) if quiet else limit_ns

    def _draw_line(self) -> None:
        self._line_at, self._line_from_ns = self.monotonic(), self.page.now_ns
        self.page.speed = self._pace


def _checked(speed: float) -> float:
    if not 0 < speed < float("inf"):
        raise UsageError(f"no day passes at speed {speed}", hint="give desk seconds per real second, above 0")
    return speed
