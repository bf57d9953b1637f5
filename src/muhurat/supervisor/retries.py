"""How often a service failed lately, and how long to wait before it is tried again."""

from __future__ import annotations

import random
from collections import deque
from typing import Final

from muhurat.supervisor.spec import Patience

_MOST_DOUBLINGS: Final = 30


class Retries:
    """Counts failures of every cause; the wait doubles from one to the next until the service was healthy for a while.

    All times are real monotonic seconds. Waits after the first are spread at random over their upper half, so that
    services which died together do not come back together.
    """

    def __init__(self, patience: Patience, chance: random.Random) -> None:
        self._patience = patience
        self._chance = chance
        self._failures: deque[float] = deque()
        self._doublings = 0

    @property
    def lately(self) -> int:
        """Failures within the burst window before the last one, itself included."""
        return len(self._failures)

    def failed(self, now: float) -> float | None:
        """Count a failure; seconds to wait now, or None when there were more than `burst` within the window."""
        patience = self._patience
        self._failures.append(now)
        while self._failures[0] < now - patience.burst_window_s:
            self._failures.popleft()
        if len(self._failures) > patience.burst:
            return None
        longest = min(patience.first_delay_s * 2.0**self._doublings, patience.longest_delay_s)
        delay_s = longest * self._chance.uniform(0.5, 1.0) if self._doublings else longest
        self._doublings = min(self._doublings + 1, _MOST_DOUBLINGS)
        return delay_s

    def healthy(self) -> None:
        """The service ran long enough: the next wait is short again."""
        self._doublings = 0

    def forget(self) -> None:
        """An operator takes over: as if nothing had failed."""
        self._failures.clear()
        self._doublings = 0
