"""Kite's rate limits, in real time (Kite developers' forum, 2026: facts/kite.md §5)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from muhurat.simulator.kite.errors import too_many_requests


class Bucket(StrEnum):
    """What is counted together."""

    QUOTE = "quote"
    HISTORICAL = "historical"
    ORDER = "order"
    OTHER = "other"


LIMITS: Final = {
    Bucket.QUOTE: ((1, 1.0),),
    Bucket.HISTORICAL: ((3, 1.0),),
    Bucket.ORDER: ((10, 1.0), (400, 60.0), (5000, 86_400.0)),
    Bucket.OTHER: ((10, 1.0),),
}
"""Per bucket: how many requests within how many real seconds."""


class RateLimits:
    """Counts requests by bucket and caller; a refused request does not count."""

    def __init__(self, monotonic: Callable[[], float], *, enforced: bool = True) -> None:
        self.enforced = enforced
        self._monotonic = monotonic
        self._seen: defaultdict[tuple[Bucket, str], deque[float]] = defaultdict(deque)

    def count(self, bucket: Bucket, caller: str) -> None:
        """Count a request now; raises the 429 of `too_many_requests` when it is one too many."""
        if not self.enforced:
            return
        now = self._monotonic()
        seen = self._seen[bucket, caller]
        limits = LIMITS[bucket]
        while seen and now - seen[0] >= limits[-1][1]:
            seen.popleft()
        for allowed, window_s in limits:
            if len(seen) >= allowed and now - seen[-allowed] < window_s:
                raise too_many_requests()
        seen.append(now)
