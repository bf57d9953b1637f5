"""The day's frames as they come due, for those who follow them: connections and resting orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import time as time_of_day
from datetime import timedelta
from typing import Final

import numpy as np

from muhurat.clock import ist_ns
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.market.base import Frame, Market

Follower = Callable[[Frame], None]

_WITNESSES: Final = 3
"""How many instruments tell whether the market is quiet."""


class Tape:
    """Plays the market's frames to followers; a source of the conductor.

    Only instruments somebody wants are played. When that changes, the schedule is drawn up anew from the present
    instant, so that each listener gets the packets it would have got anyway.
    """

    def __init__(self, market: Market, conductor: Conductor) -> None:
        self.frames_played = 0
        self._market = market
        self._conductor = conductor
        self._followers: list[Follower] = []
        self._wanted: Counter[int] = Counter()
        self._frames: Iterator[Frame] = iter(())
        self._next: Frame | None = None
        self._stale = False
        self._end_ns = ist_ns(market.day + timedelta(days=1), time_of_day())
        instruments = market.instruments()
        witnesses = sorted(instruments, key=lambda each: each.tradable)[:_WITNESSES]
        self._witnesses = [market.series(each.token).send_ns for each in witnesses]
        self._active_ns: int | None = 0

    def follow(self, follower: Follower) -> None:
        """Call `follower` with every frame played, in the order of registration."""
        self._followers.append(follower)

    def want(self, tokens: Iterable[int]) -> None:
        """Play these instruments from now on; wanted twice is to be unwanted twice."""
        for token in tokens:
            self._stale |= self._wanted[token] == 0
            self._wanted[token] += 1

    def unwant(self, tokens: Iterable[int]) -> None:
        """Undo `want`."""
        for token in tokens:
            self._wanted[token] -= 1
            if self._wanted[token] == 0:
                del self._wanted[token]
                self._stale = True

    def due_ns(self) -> int | None:
        if self._stale and not self._due_by(self._conductor.now_ns):
            self._redraw()
        return None if self._next is None else self._next.send_ns

    def active_ns(self, now_ns: int) -> int | None:
        if self._active_ns is not None and self._active_ns <= now_ns:
            rows = [(times, int(np.searchsorted(times, now_ns, "right"))) for times in self._witnesses]
            self._active_ns = min((int(times[row]) for times, row in rows if row < len(times)), default=None)
        return self._active_ns

    def send(self, now_ns: int) -> None:
        while (frame := self._due_by(now_ns)) is not None:
            self._next = next(self._frames, None)
            self.frames_played += 1
            for follower in self._followers:
                follower(frame)

    def _due_by(self, now_ns: int) -> Frame | None:
        return self._next if self._next is not None and self._next.send_ns <= now_ns else None

    def _redraw(self) -> None:
        self._stale = False
        self._frames = iter(())
        if self._wanted:
            # What was due up to this instant has been sent: a new listener gets a snapshot of it instead.
            self._frames = self._market.frames(sorted(self._wanted), self._conductor.now_ns + 1, self._end_ns)
        self._next = next(self._frames, None)
