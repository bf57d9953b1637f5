from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.trading.indicators import UNKNOWN, advance

PRICES = st.floats(0.05, 200_000).map(lambda price: round(price, 2))


@settings(deadline=None)
@given(st.lists(PRICES, min_size=1, max_size=400), st.integers(1, 50), st.integers(1, 50))
def test_averages_equal_pandas_to_the_last_bit(closes: list[float], short: int, long: int) -> None:
    averages = UNKNOWN
    fast, slow = [], []
    for close in closes:
        averages = advance(averages, close, short, long)
        fast.append(averages.fast)
        slow.append(averages.slow)

    series = pd.Series(closes)
    assert fast == series.ewm(span=short, adjust=False).mean().tolist()
    assert slow == series.ewm(span=long, adjust=False).mean().tolist()
    assert averages.bars == len(closes)


def test_the_first_close_is_the_first_value() -> None:
    averages = advance(UNKNOWN, 80_091.01, 10, 20)

    assert (averages.fast, averages.slow, averages.bars, averages.distance) == (80_091.01, 80_091.01, 1, 0.0)


def test_an_average_moves_by_two_over_span_plus_one() -> None:
    averages = advance(advance(UNKNOWN, 100.0, 3, 7), 120.0, 3, 7)

    assert (averages.fast, averages.slow) == pytest.approx((110.0, 105.0))
