from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.simulator.market.pricing import RATE, black76, implied_vol, normal_cdf, smile

FORWARDS = st.floats(60_000, 95_000)
STRIKES = st.integers(600, 950).map(lambda hundreds: hundreds * 100.0)
VOLS = st.floats(0.05, 0.6)
YEARS = st.floats(1 / (365 * 24), 0.5)


def test_the_normal_distribution_is_as_exact_as_it_says():
    x = np.linspace(-8.0, 8.0, 4001)
    exact = np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in x])

    assert np.abs(normal_cdf(x) - exact).max() < 7.5e-8


@given(FORWARDS, STRIKES, VOLS, YEARS)
def test_a_call_less_a_put_is_the_discounted_forward_less_strike(forward, strike, vol, years):
    call, put = black76(True, forward, strike, vol, years), black76(False, forward, strike, vol, years)

    assert float(call - put) == pytest.approx((forward - strike) * math.exp(-RATE * years), abs=1e-2)


@given(FORWARDS, STRIKES, VOLS, YEARS)
def test_an_option_is_worth_at_least_its_discounted_intrinsic_value_and_more_with_more_volatility(
    forward, strike, vol, years
):
    price = float(black76(True, forward, strike, vol, years))

    assert price >= (forward - strike) * math.exp(-RATE * years) - 1e-2
    assert float(black76(True, forward, strike, vol + 0.05, years)) >= price - 1e-2


def test_a_known_price():
    # Forward 100, strike 100, 20 % for a year: 100 * (2 * N(0.1) - 1), discounted.
    expected = 100 * (2 * 0.539827837 - 1) * math.exp(-RATE)

    assert float(black76(True, 100.0, 100.0, 0.2, 1.0)) == pytest.approx(expected, abs=1e-4)


@given(VOLS, st.floats(0.97, 1.03), st.floats(2 / 365, 0.2))
def test_the_implied_volatility_is_the_one_that_made_the_price(vol, moneyness, years):
    price = black76(True, 80_000.0, 80_000.0 * moneyness, vol, years)

    found = implied_vol(True, price, 80_000.0, 80_000.0 * moneyness, years)

    assert float(black76(True, 80_000.0, 80_000.0 * moneyness, found, years)) == pytest.approx(float(price), abs=1e-3)


def test_the_implied_volatility_at_the_money_is_exact():
    price = black76(False, 80_000.0, 80_000.0, 0.137, 7 / 365)

    assert float(implied_vol(False, price, 80_000.0, 80_000.0, 7 / 365)) == pytest.approx(0.137, abs=1e-8)


def test_a_price_no_volatility_makes_implies_none():
    assert np.isnan(implied_vol(True, 1_000.0, 80_000.0, 79_000.0 - 600.0, 1 / 365))


def test_the_smile_is_one_at_the_forward_and_dearer_for_puts_than_for_calls_of_the_same_distance():
    below, at, above = smile(80_000.0, np.array([77_600.0, 80_000.0, 82_400.0]), 0.13, 7 / 365)

    assert at == pytest.approx(1.0)
    assert below > max(at, above)
