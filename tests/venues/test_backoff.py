"""Pauses grow, stay under the cap, and are spread."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from muhurat.venues.backoff import Backoff


class Highest(Random):
    """Chance that always draws the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_the_limit_doubles_up_to_the_cap_and_starts_again_after_success() -> None:
    backoff = Backoff(0.5, 3.0, Highest())

    assert [backoff.next_s() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    backoff.reset()
    assert backoff.next_s() == 0.5


@given(st.integers(0, 2**32), st.integers(1, 2000))
def test_a_pause_is_never_longer_than_the_cap_however_many_failures(seed: int, failures: int) -> None:
    backoff = Backoff(0.5, 30.0, Random(seed))

    assert all(0.0 <= backoff.next_s() <= 30.0 for _ in range(failures))


def test_pauses_are_spread_over_the_whole_width() -> None:
    chance = Random(3)
    pauses = [Backoff(8.0, 8.0, chance).next_s() for _ in range(400)]

    assert min(pauses) < 0.5
    assert max(pauses) > 7.5
