"""Asking a venue politely: never faster than it allows, and again when asking again can help."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

import stamina

from muhurat.clock import Clock
from muhurat.errors import VenueError

T = TypeVar("T")

_ATTEMPTS: Final = 4
_PATIENCE_S: Final = 45.0
_MARGIN: Final = 1.05
"""A venue counts arrivals, not departures; so keep a little below its rate."""


def wait_real(seconds: float) -> None:
    """Block this thread for real seconds."""
    threading.Event().wait(seconds)


class RateLimit:
    """At most `per_s` calls per real second over all threads of this process, evenly spaced."""

    def __init__(self, per_s: float, clock: Clock, wait: Callable[[float], None] = wait_real) -> None:
        self._spacing_s = _MARGIN / per_s
        self._clock = clock
        self._wait = wait
        self._next_at = float("-inf")
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait for one's turn."""
        with self._lock:
            now = self._clock.monotonic()
            turn = max(now, self._next_at)
            self._next_at = turn + self._spacing_s
        if turn > now:
            self._wait(turn - now)


def patiently(call: Callable[[], T]) -> T:
    """What an idempotent call gives, tried again while it fails with a `VenueError` that is not permanent."""
    for attempt in stamina.retry_context(on=_worth_another_try, attempts=_ATTEMPTS, timeout=_PATIENCE_S):
        with attempt:
            return call()
    raise AssertionError("stamina gives at least one attempt")


def _worth_another_try(error: Exception) -> bool | float:
    if not isinstance(error, VenueError) or error.permanent:
        return False
    return error.retry_after_s or True
