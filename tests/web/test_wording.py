"""Numbers, times and names as they are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.web import wording
from tests.web.made import at


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (0.0, "₹0.00"),
        (999.999, "₹1,000.00"),
        (123456.5, "₹1,23,456.50"),
        (12345678.9, "₹1,23,45,678.90"),
        (-578.72, "−₹578.72"),
        (None, "–"),
    ],
)
def test_rupees_have_indian_groups_and_two_decimals(amount: float | None, told: str) -> None:
    assert wording.rupees(amount) == told


def test_a_result_always_has_its_sign_and_nothing_has_none() -> None:
    assert wording.rupees(97.0, sign=True) == "+₹97.00"
    assert wording.rupees(-97.0, sign=True) == "−₹97.00"
    assert wording.rupees(0.0, sign=True) == "₹0.00"
    assert wording.rupees(-0.001, sign=True) == "₹0.00"


@given(st.floats(-1e12, 1e12))
def test_whatever_the_grouping_the_digits_are_those_of_the_number(amount: float) -> None:
    told = wording.points(amount)
    assert float(told.replace(",", "").replace("−", "-")) == pytest.approx(round(amount, 2), abs=0.01)


@given(st.integers(0, 10**15))
def test_whole_numbers_are_grouped_in_pairs_after_the_first_three(number: int) -> None:
    first, *pairs = wording.count(number).split(",")
    assert int("".join([first, *pairs])) == number
    if pairs:
        assert [len(pair) for pair in pairs] == [2] * (len(pairs) - 1) + [3]


def test_points_shares_and_quantities() -> None:
    assert wording.points(80520.09) == "80,520.09"
    assert wording.points(136.5, sign=True) == "+136.50"
    assert wording.percent(-0.0044, sign=True) == "−0.44 %"
    assert wording.percent(None) == "–"
    assert wording.quantity(40, 20) == "40 (2 lots)"
    assert wording.quantity(20, 20) == "20 (1 lot)"
    assert wording.quantity(20) == "20"
    assert wording.number_of(1, "alert") == "1 alert"
    assert wording.number_of(0, "alert") == "0 alerts"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.4, "0 s"),
        (7, "7 s"),
        (185, "3 m 5 s"),
        (8040, "2 h 14 m"),
        (200_000, "2 d 7 h"),
        (-3, "0 s"),
    ],
)
def test_durations_keep_two_units(seconds: float, told: str) -> None:
    assert wording.duration(seconds) == told


def test_times_are_indias() -> None:
    assert wording.clock(at("09:07:12")) == "09:07:12"
    assert wording.clock(at("09:07:12"), seconds=False) == "09:07"
    assert wording.clock(None) == "–"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("refused:max_trades", "refused: trades of the day used up"),
        ("ema20_stop", "EMA20 stop"),
        ("exit:premium_stop", "exit: premium stop"),
        ("no_signal", "no signal"),
        ("something_new", "something new"),
    ],
)
def test_reasons_and_verdicts_are_told_in_words(name: str, told: str) -> None:
    assert wording.plain(name) == told


def test_a_rule_of_a_strategy_nobody_has_heard_of_keeps_its_own_name() -> None:
    assert wording.rule_words("tightness").unit == "pt"
    assert wording.rule_words("moon_phase") == wording.RuleWords("moon phase")


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (None, "", "–"),
        (True, "", "yes"),
        (20, "", "20"),
        (20.5, "pt", "20.50"),
        (20.5, "₹", "₹20.50"),
        ("15:00:00", "", "15:00:00"),
    ],
)
def test_a_rules_value_is_told_by_its_kind(value: object, unit: str, told: str) -> None:
    assert wording.value_of(value, unit) == told


def test_a_contract_is_its_strike_and_side() -> None:
    assert wording.contract({"strike": 80500, "side": "PE", "symbol": "SENSEX2591180500PE"}) == "80500 PE"
    assert wording.contract({"symbol": "SENSEX2591180500PE"}) == "SENSEX2591180500PE"
