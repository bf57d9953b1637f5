from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.model.money import deepest_fall, plain_rupees, to_paise, to_rupees


@pytest.mark.parametrize(
    ("rupees", "paise"),
    [("338.15", 33815), (338.15, 33815), (Decimal("0.29"), 29), (0.29, 29), ("0.005", 1), ("-0.005", -1), ("0", 0)],
)
def test_rupees_become_whole_paise_with_a_half_rounded_away_from_zero(
    rupees: Decimal | float | str, paise: int
) -> None:
    assert to_paise(rupees) == paise


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), Decimal("Infinity")])
def test_what_is_no_number_is_no_money(nonsense: Decimal | float) -> None:
    with pytest.raises(ValueError, match="no amount of money"):
        to_paise(nonsense)


@settings(deadline=None)
@given(st.integers(-(10**12), 10**12))
def test_paise_survive_the_way_to_rupees_and_back(paise: int) -> None:
    assert to_paise(to_rupees(paise)) == paise
    assert to_paise(plain_rupees(paise)) == paise


@pytest.mark.parametrize(
    ("results", "fall"),
    [([], 0), ([5, 3], 0), ([-4], 4), ([10, -3, -4, 6, -8], 9), ([-1, -1, 5, -2], 2)],
)
def test_the_deepest_fall_is_from_the_highest_point_so_far_the_start_included(results: list[int], fall: int) -> None:
    assert deepest_fall(results) == fall
