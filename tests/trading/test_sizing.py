from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.trading.sizing import lots_for


@pytest.mark.parametrize(
    ("balance", "premium", "lot", "halved", "lots"),
    [
        (500_000, 40_000, 20, False, 1),
        (500_000, 50_000, 20, False, 1),
        (500_000, 50_005, 20, False, 0),
        (500_000, 40_000, 25, False, 1),
        (500_000, 8_000, 20, False, 6),
        (500_000, 8_000, 20, True, 3),
        (500_000, 10_000, 20, True, 2),
        (500_000, 40_000, 20, True, 1),
        (500_000, 60_000, 20, True, 0),
        (500_000, 0, 20, False, 0),
        (500_000, 8_000, 0, False, 0),
    ],
)
def test_lots_are_two_percent_of_the_balance_over_the_price_of_a_lot(
    balance: int, premium: int, lot: int, halved: bool, lots: int
) -> None:
    """Balance in rupees, premium in paise; after losses half the lots, rounded down, but one at least."""
    assert lots_for(balance * 100, Decimal(2), premium, lot, halved=halved) == lots


@settings(deadline=None)
@given(
    st.integers(1, 10**10), st.decimals(Decimal("0.1"), 100, places=1), st.integers(1, 10**6), st.integers(1, 200),
    st.booleans(),
)  # fmt: skip
def test_a_size_never_costs_more_than_the_risk_allows(
    balance: int, percent: Decimal, premium: int, lot: int, halved: bool
) -> None:
    lots = lots_for(balance, percent, premium, lot, halved=halved)

    assert 0 <= lots * lot * premium <= Decimal(balance) * percent / 100
