"""Calls keep to a rate over all threads, and are repeated only while that can help."""

from __future__ import annotations

import pytest
import stamina

from muhurat.clock import ManualClock
from muhurat.errors import VenueError
from muhurat.venues.calls import RateLimit, patiently


def test_turns_are_spaced_and_an_idle_limit_lets_the_next_call_through_at_once() -> None:
    clock = ManualClock()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds)

    limit = RateLimit(10, clock, wait)
    for _ in range(3):
        limit.take()
    clock.advance(60.0)
    limit.take()

    assert waits == [pytest.approx(0.105)] * 2


def test_callers_that_come_at_once_get_one_turn_each() -> None:
    clock = ManualClock()
    waits: list[float] = []
    limit = RateLimit(1, clock, waits.append)

    for _ in range(4):
        limit.take()

    assert waits == [pytest.approx(1.05 * turn) for turn in (1, 2, 3)]


def test_only_passing_failures_are_tried_again() -> None:
    calls: list[str] = []

    def failing(error: Exception) -> None:
        calls.append("asked")
        raise error

    with stamina.set_testing(True, attempts=3):
        with pytest.raises(VenueError, match="later"):
            patiently(lambda: failing(VenueError("later", retry_after_s=2.0)))
        assert len(calls) == 3
        with pytest.raises(VenueError, match="never"):
            patiently(lambda: failing(VenueError("never", permanent=True)))
        assert len(calls) == 4
        with pytest.raises(ZeroDivisionError):
            patiently(lambda: failing(ZeroDivisionError()))
        assert len(calls) == 5
