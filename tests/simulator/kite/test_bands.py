from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.simulator.kite.bands import automatic_protection, circuit, protected_price, protection_band
from muhurat.simulator.market.base import Quote
from tests.simulator.tiny_market import INSTRUMENTS

INDEX, CALL, FUTURE = (each.instrument for each in INSTRUMENTS)


def at(last_price: int, close: int = 0) -> Quote:
    return Quote(exchange_s=0, last_price=last_price, open=0, high=last_price, low=0, close=close)


@pytest.mark.parametrize(
    ("last_price", "percent"), [(9_99, 5), (10_00, 3), (99_99, 3), (100_00, 2), (499_99, 2), (500_00, 1)]
)
def test_automatic_protection_of_options_follows_the_price(last_price: int, percent: int) -> None:
    assert automatic_protection(CALL, last_price) == percent


def test_automatic_protection_of_a_future_is_narrower() -> None:
    assert automatic_protection(FUTURE, 85_000_00) == Decimal("0.5")


@given(st.integers(1, 10_000_00), st.decimals(Decimal("0.01"), 100, places=2), st.booleans())
def test_a_protected_price_lies_on_the_grid_and_never_within_the_protection(
    last_price: int, percent: Decimal, buying: bool
) -> None:
    price = protected_price(CALL, last_price, percent, buying=buying)
    edge = last_price * (100 + (percent if buying else -percent)) / 100

    assert price % 5 == 0
    assert price >= edge if buying else price <= max(edge, 5)
    assert abs(price - max(edge, 5)) < 5


def test_the_exchange_s_band_is_40_percent_and_at_least_20_rupees_for_options() -> None:
    assert protection_band(CALL, at(100_00)) == (60_00, 140_00)
    assert protection_band(CALL, at(30_00)) == (10_00, 50_00)
    assert protection_band(CALL, at(5_00)) == (5, 25_00)


def test_the_exchange_s_band_is_2_percent_for_futures() -> None:
    assert protection_band(FUTURE, at(85_000_00)) == (83_300_00, 86_700_00)


@given(st.integers(5, 10_000_00), st.integers(5, 10_000_00))
def test_a_circuit_never_excludes_the_market_s_own_price(last_price: int, close: int) -> None:
    assert circuit(CALL, at(last_price, close)).allows(last_price)


def test_an_index_has_no_bands() -> None:
    assert circuit(INDEX, at(85_000_00)) == (0, 0)
    assert protection_band(INDEX, at(85_000_00)).allows(1)
