from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.model.instrument import nearest_strike


@pytest.mark.parametrize(
    ("spot", "strike"),
    [
        ("80449.99", 80_400),
        ("80450", 80_500),
        ("80500", 80_500),
        ("80549.99", 80_500),
        ("80550", 80_600),
        ("80650", 80_700),
    ],
)
def test_the_nearest_strike_is_the_upper_one_half_way(spot: str, strike: int) -> None:
    assert nearest_strike(Decimal(spot), 100) == nearest_strike(float(spot), 100) == strike


@settings(deadline=None)
@given(st.floats(10_000, 200_000).map(lambda spot: round(spot, 2)), st.sampled_from([50, 100, 500]))
def test_no_strike_is_further_than_half_a_step_from_the_index(spot: float, step: int) -> None:
    assert -step / 2 < nearest_strike(spot, step) - spot <= step / 2
    assert nearest_strike(spot, step) % step == 0
