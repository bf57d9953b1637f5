"""Waiting before the next try, and giving up."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from muhurat.supervisor.retries import Retries
from muhurat.supervisor.spec import Patience

PATIENCE = Patience(first_delay_s=0.5, longest_delay_s=60, burst=5, burst_window_s=120)


def test_the_wait_doubles_up_to_the_longest() -> None:
    retries = Retries(PATIENCE, random.Random(7))
    delays = [retries.failed(1000.0 * failure) for failure in range(3000)]
    assert delays[0] == 0.5
    for doublings, delay_s in enumerate(delays):
        assert delay_s is not None
        longest = min(0.5 * 2.0 ** min(doublings, 30), 60)
        assert longest / 2 <= delay_s <= longest


def test_a_healthy_stretch_makes_the_wait_short_again_but_forgets_no_failure() -> None:
    retries = Retries(PATIENCE, random.Random(7))
    for _ in range(3):
        retries.failed(0)
    retries.healthy()
    assert retries.failed(1) == 0.5
    assert retries.lately == 4


def test_an_operator_begins_anew() -> None:
    retries = Retries(PATIENCE, random.Random(7))
    while retries.failed(0) is not None:
        pass
    retries.forget()
    assert retries.failed(0) == 0.5


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.integers(0, 6))
def test_it_gives_up_exactly_when_the_window_holds_more_failures_than_allowed(gaps: list[float], burst: int) -> None:
    retries = Retries(Patience(burst=burst, burst_window_s=120), random.Random(7))
    now, times = 0.0, []
    for gap in gaps:
        now += gap
        times.append(now)
        lately = sum(at >= now - 120 for at in times)
        assert (retries.failed(now) is None) == (lately > burst)
        assert retries.lately == lately
