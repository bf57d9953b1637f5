from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.optionchain.black76 import black76, normal_cdf

FORWARDS = st.floats(1_000, 200_000)
STRIKES = st.floats(1_000, 200_000)
YEARS = st.floats(0, 2)
VOLATILITIES = st.floats(0, 1.5)
RATES = st.floats(-0.02, 0.15)


def test_prices_that_can_be_looked_up() -> None:
    """At the money without interest a call is F (2 N(s/2) - 1), and N(0.1) stands in every table; the put with
    F = K = 20, four months, 25 % and 9 % is 1.12 in the textbooks.
    """
    at_the_money = black76(100.0, 100.0, 1.0, 0.2, 0.0, call=True)

    assert at_the_money == pytest.approx(100 * (2 * 0.5398278373 - 1), abs=1e-8)
    assert black76(20, 20, 4 / 12, 0.25, 0.09, call=False) == pytest.approx(1.1166, abs=1e-4)


@settings(deadline=None)
@given(FORWARDS, STRIKES, YEARS, VOLATILITIES, RATES)
def test_call_and_put_keep_parity(forward: float, strike: float, years: float, volatility: float, rate: float) -> None:
    call = black76(forward, strike, years, volatility, rate, call=True)
    put = black76(forward, strike, years, volatility, rate, call=False)

    assert call - put == pytest.approx(math.exp(-rate * years) * (forward - strike), abs=1e-6 * forward)


@settings(deadline=None)
@given(FORWARDS, STRIKES, YEARS, VOLATILITIES, RATES, st.booleans())
def test_a_price_lies_between_intrinsic_value_and_the_whole_underlying(
    forward: float, strike: float, years: float, volatility: float, rate: float, call: bool
) -> None:
    price = black76(forward, strike, years, volatility, rate, call=call)
    discount = math.exp(-rate * years)
    intrinsic = discount * max(0.0, forward - strike if call else strike - forward)

    assert intrinsic - 1e-6 * forward <= price <= discount * (forward if call else strike) + 1e-6 * forward


def test_without_time_or_volatility_only_intrinsic_value_is_left() -> None:
    assert black76(110, 100, 0, 0.3, 0.1, call=True) == 10
    assert black76(110, 100, 0, 0.3, 0.1, call=False) == 0
    assert black76(90, 100, 1, 0, 0, call=False) == 10


@pytest.mark.parametrize("wrong", [(-1, 100, 1, 0.1), (100, 0, 1, 0.1), (100, 100, -1, 0.1), (100, 100, 1, -0.1)])
def test_impossible_inputs_are_refused_with_their_values(wrong: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="no price for forward"):
        black76(*wrong, 0.0, call=True)


def test_the_normal_distribution_is_symmetric() -> None:
    assert normal_cdf(0.0) == 0.5
    assert normal_cdf(1.3) + normal_cdf(-1.3) == pytest.approx(1.0)
