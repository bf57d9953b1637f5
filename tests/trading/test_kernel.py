"""Rules T3, T4 and T5 one by one, at their limits, and every pair of exits against each other."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.model.bar import Bar
from muhurat.model.order import ExitReason
from muhurat.model.position import OptionSide
from muhurat.trading.indicators import Averages
from muhurat.trading.kernel import (
    BarClosed,
    Decision,
    Enter,
    Exit,
    Halted,
    Held,
    OptionView,
    PremiumCandle,
    PremiumSeen,
    Refuse,
    SquareOffDue,
    State,
    Stay,
    decide,
    premium_levels,
)
from muhurat.trading.parameters import Parameters
from muhurat.trading.strategies.ema_mean_reversion import exits, setup
from muhurat.trading.strategy import Setup
from tests.trading.tables import CE, PE, at, bar, contract

DESK = Parameters()
R = ExitReason


def bar_at(opened: float, high: float, low: float, close: float, label: str = "10:00") -> Bar:
    return bar("SENSEX", f"{label} {opened} {high} {low} {close}")


def broken(found: Setup) -> list[str]:
    return [rule.name for rule in found.rules if not rule.ok]


# -- entry rules, on averages given as they are ---------------------------------------------------------------------

CALL_BAR = bar_at(80_010.0, 80_060.0, 80_000.0, 80_050.0)
PUT_BAR = bar_at(79_990.0, 80_000.0, 79_940.0, 79_950.0)
CALL_AVERAGES = Averages(80_000.0, 79_980.0, 20)
PUT_AVERAGES = Averages(80_000.0, 80_020.0, 20)


@pytest.mark.parametrize(
    ("side", "candle", "averages", "wrong"),
    [
        ("CE", CALL_BAR, CALL_AVERAGES, []),
        ("PE", PUT_BAR, PUT_AVERAGES, []),
        ("CE", CALL_BAR, replace(CALL_AVERAGES, bars=19), ["bars"]),
        ("PE", bar_at(80_000.0, 80_000.0, 80_000.0, 80_000.0), PUT_AVERAGES, ["candle"]),
        ("CE", CALL_BAR, Averages(80_000.0, 80_000.0, 20), ["trend"]),
        ("CE", CALL_BAR, Averages(80_000.0, 80_020.0, 20), ["trend"]),
        ("PE", PUT_BAR, Averages(80_000.0, 79_980.0, 20), ["trend"]),
        ("CE", CALL_BAR, Averages(80_000.0, 79_949.0, 20), []),
        ("CE", CALL_BAR, Averages(80_000.0, 79_948.99, 20), ["tightness"]),
        ("PE", PUT_BAR, Averages(80_000.0, 80_051.01, 20), ["tightness"]),
        ("CE", bar_at(80_300.0, 80_400.0, 80_021.0, 80_350.0), CALL_AVERAGES, ["proximity"]),
        ("CE", bar_at(80_300.0, 80_400.0, 80_020.99, 80_350.0), CALL_AVERAGES, []),
        ("CE", bar_at(80_020.0, 80_400.0, 79_700.0, 80_350.0), CALL_AVERAGES, []),
        ("PE", bar_at(79_700.0, 79_979.0, 79_600.0, 79_650.0), PUT_AVERAGES, ["proximity"]),
        ("PE", bar_at(79_700.0, 79_980.0, 79_600.0, 79_650.0), PUT_AVERAGES, []),
        ("PE", bar_at(80_300.0, 80_301.0, 80_000.0, 80_001.0), PUT_AVERAGES, ["proximity"]),
    ],
)
def test_each_entry_rule_at_its_limit(side: OptionSide, candle: Bar, averages: Averages, wrong: list[str]) -> None:
    found = setup(candle, averages, DESK)

    assert (found.side, broken(found), found.signals) == (side, wrong, not wrong)


@pytest.mark.parametrize(
    ("averages", "low", "strength"),
    [
        (Averages(80_000.0, 79_999.999999, 20), 80_000.0, 100.0),
        (Averages(80_000.0, 79_949.0, 20), 80_000.0, 87.5),
        (Averages(80_000.0, 79_949.0, 20), 80_010.5, 81.25),
        (Averages(80_000.0, 79_949.0, 20), 80_020.9999999, 75.0),
    ],
)
def test_a_signal_is_100_strong_at_best_and_75_at_both_limits(averages: Averages, low: float, strength: float) -> None:
    found = setup(bar_at(80_300.0, 80_400.0, low, 80_350.0), averages, DESK)

    assert found.strength == pytest.approx(strength, abs=1e-5)


# -- entries through `decide` ---------------------------------------------------------------------------------------


def before(averages: Averages, close: float) -> State:
    """A state whose averages become `averages` with this close."""
    fast = (averages.fast - close * 2 / 11) / (9 / 11)
    slow = (averages.slow - close * 2 / 21) / (19 / 21)
    return State(index=Averages(fast, slow, averages.bars - 1))


def view(strike: int = 80_100, price: float | None = 300.0, averages: Averages | None = None) -> OptionView:
    return OptionView(contract(CE, strike), price, averages or Averages(300.0, 295.0, 20))


def options(*views: OptionView) -> dict[tuple[Decimal, str], OptionView]:
    return {(each.contract.strike, each.contract.side): each for each in views}


def on_signal(
    known: OptionView | None = None, parameters: Parameters = DESK, label: str = "10:00", **state: object
) -> Decision:
    """What is decided on a sound call signal whose bar closes at 80,050: its strike is 80,100."""
    closing = replace(CALL_BAR, start_ns=at(label), end_ns=at(label) + 180 * 10**9)
    here = replace(before(CALL_AVERAGES, closing.close), **state)
    event = BarClosed(closing, options(*([known] if known else [])))
    return decide(here, event, parameters)[1]


def test_a_signal_buys_the_option_at_the_strike_nearest_to_the_close() -> None:
    decision = on_signal(view())

    assert isinstance(decision, Enter)
    assert decision.option.contract.symbol == CE
    assert [rule.name for rule in decision.rules] == [
        *("bars", "candle", "trend", "tightness", "proximity"),
        *("signal_strength", "last_entry_time", "option_data", "premium_history", "premium_deviation"),
    ]
    assert all(rule.ok for rule in decision.rules)


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (None, "option_data"),
        (view(strike=80_000), "option_data"),
        (view(price=None), "option_data"),
        (view(averages=Averages(300.0, 299.0, 19)), "premium_history"),
        (view(averages=Averages(300.0, 284.99, 20)), "premium_deviation"),
        (view(averages=Averages(280.0, 295.01, 20)), "premium_deviation"),
    ],
)
def test_a_signal_whose_option_cannot_confirm_it_is_refused(known: OptionView | None, reason: str) -> None:
    decision = on_signal(known)

    assert isinstance(decision, Refuse)
    assert (decision.reason, decision.strike) == (reason, 80_100)


def test_premium_confirmation_allows_a_distance_of_exactly_its_threshold_and_can_be_switched_off() -> None:
    assert isinstance(on_signal(view(averages=Averages(300.0, 285.0, 20))), Enter)
    assert isinstance(
        on_signal(view(averages=Averages(300.0, 200.0, 3)), replace(DESK, premium_confirmation=False)), Enter
    )


def test_a_weak_signal_is_refused_before_its_option_is_looked_at() -> None:
    decision = on_signal(None, replace(DESK, min_signal_strength=95.5))

    assert isinstance(decision, Refuse)
    assert decision.reason == "signal_strength"


@pytest.mark.parametrize(("label", "reason"), [("14:57", None), ("15:00", "last_entry_time")])
def test_no_entry_on_a_bar_that_closes_after_the_last_entry_time(label: str, reason: str | None) -> None:
    decision = on_signal(view(strike=79_900), label=label)

    assert getattr(decision, "reason", None) == reason


def test_no_entry_on_the_bar_that_closed_a_position_but_on_the_next() -> None:
    decision = on_signal(view(), closed_bar_ns=at("10:00"))

    assert isinstance(decision, Refuse)
    assert decision.reason == "closed_this_bar"
    assert isinstance(on_signal(view(), closed_bar_ns=at("09:57")), Enter)


def test_no_second_entry_while_one_is_on_its_way() -> None:
    assert on_signal(view(), entering=True) == Stay("entering", on_signal(view(), entering=True).rules)


def test_a_bar_without_signal_says_which_rules_failed() -> None:
    flat = bar_at(80_500.0, 80_500.0, 80_400.0, 80_400.0)

    _, decision = decide(before(CALL_AVERAGES, flat.close), BarClosed(flat, {}), DESK)

    assert isinstance(decision, Stay)
    assert decision.verdict == "no_signal"
    assert [rule.name for rule in decision.rules if not rule.ok] == ["trend", "proximity", "signal_strength"]


# -- exits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "close", "averages", "held", "reasons"),
    [
        ("CE", 80_000.0, Averages(80_001.0, 80_000.0, 9), 1, []),
        ("CE", 79_999.99, Averages(80_001.0, 80_000.0, 9), 1, [R.EMA20_STOP]),
        ("PE", 80_000.01, Averages(79_999.0, 80_000.0, 9), 1, [R.EMA20_STOP]),
        ("PE", 80_000.0, Averages(79_999.0, 80_000.0, 9), 1, []),
        ("CE", 80_150.0, Averages(80_001.0, 80_000.0, 9), 1, []),
        ("CE", 80_150.01, Averages(80_001.0, 80_000.0, 9), 1, [R.TAKE_PROFIT]),
        ("PE", 79_849.99, Averages(79_999.0, 80_000.0, 9), 1, [R.TAKE_PROFIT]),
        ("CE", 79_800.0, Averages(80_001.0, 80_000.0, 9), 1, [R.EMA20_STOP, R.TAKE_PROFIT]),
        ("CE", 80_010.0, Averages(80_000.0, 80_000.0, 9), 1, []),
        ("CE", 80_010.0, Averages(79_999.99, 80_000.0, 9), 1, [R.CROSSOVER]),
        ("PE", 79_990.0, Averages(80_000.01, 80_000.0, 9), 1, [R.CROSSOVER]),
        ("CE", 80_010.0, Averages(80_001.0, 80_000.0, 9), 19, []),
        ("CE", 80_010.0, Averages(80_001.0, 80_000.0, 9), 20, [R.TIME]),
        ("PE", 79_990.0, Averages(79_999.0, 80_000.0, 9), 9, []),
        ("PE", 79_990.0, Averages(79_999.0, 80_000.0, 9), 10, [R.TIME]),
    ],
)
def test_each_exit_rule_at_its_limit(
    side: OptionSide, close: float, averages: Averages, held: int, reasons: list[ExitReason]
) -> None:
    rules = exits(side, bar_at(close, close, close, close), averages, held, DESK)

    assert [reason for reason, rule in rules if rule.ok] == reasons


def test_premium_levels_are_exact() -> None:
    assert premium_levels(33_815, DESK) == (331.387, 351.676)
    assert premium_levels(10_000, replace(DESK, stop_loss_percent=Decimal("2.5"))) == (97.5, 104.0)


def holding(side: OptionSide, bars_held: int, filled: str = "09:30", entry: int = 30_000) -> Held:
    return Held(side, CE if side == "CE" else PE, entry, at(filled), bars_held)


@pytest.mark.parametrize("side", ["CE", "PE"])
@pytest.mark.parametrize(
    ("premium", "stop", "far", "crossed", "late"),
    list(product([None, 294.0, 312.0], [False, True], [False, True], [False, True], [False, True])),
)
def test_of_all_exits_that_hold_in_one_bar_the_weightiest_is_named(
    side: OptionSide, premium: float | None, stop: bool, far: bool, crossed: bool, late: bool
) -> None:
    sign = 1 if side == "CE" else -1
    slow = 80_000.0
    close = slow + sign * (-1 if stop else 1) * (200.0 if far else 20.0)
    averages = Averages(slow + sign * (-5.0 if crossed else 5.0), slow, 60)
    limit = 20 if side == "CE" else 10
    state = replace(before(averages, close), held=holding(side, limit - 1 if late else 1))
    flags = {
        R.PREMIUM_STOP: premium == 294.0,
        R.EMA20_STOP: stop,
        R.PREMIUM_TARGET: premium == 312.0,
        R.TAKE_PROFIT: far,
        R.CROSSOVER: crossed,
        R.TIME: late,
    }

    after, decision = decide(state, BarClosed(bar_at(close, close, close, close), {}, premium or 300.0), DESK)

    first = next((reason for reason, holds in flags.items() if holds), None)
    assert getattr(decision, "reason", None) == first
    assert after.held is not None
    assert after.held.exit_reason == first
    assert [rule.name for rule in decision.rules] == [reason.value for reason in flags]
    assert [rule.ok for rule in decision.rules] == list(flags.values())


@pytest.mark.parametrize(("premium", "reason"), [(294.01, None), (294.0, R.PREMIUM_STOP), (312.0, R.PREMIUM_TARGET)])
def test_premium_stop_and_target_hold_at_their_levels(premium: float, reason: ExitReason | None) -> None:
    quiet = bar_at(80_010.0, 80_010.0, 80_010.0, 80_010.0)
    state = replace(before(Averages(80_001.0, 80_000.0, 60), quiet.close), held=holding("CE", 1))

    assert getattr(decide(state, BarClosed(quiet, {}, premium), DESK)[1], "reason", None) == reason
    for check in ("off", "tick"):
        assert decide(state, BarClosed(quiet, {}, premium), replace(DESK, premium_check=check))[1].verdict == "hold"


def test_the_bar_in_which_the_entry_filled_is_the_first_that_counts() -> None:
    quiet = bar_at(80_010.0, 80_010.0, 80_010.0, 80_010.0, "10:00")
    averages = before(Averages(80_001.0, 80_000.0, 60), quiet.close)
    for filled, counted in (("10:03", 0), ("10:02:59", 1), ("10:00", 1), ("09:57", 1)):
        after, _ = decide(replace(averages, held=holding("CE", 0, filled)), BarClosed(quiet, {}, 300.0), DESK)

        assert after.held is not None
        assert after.held.bars == counted


def test_a_square_off_in_a_bar_gives_way_to_a_weightier_reason_of_the_same_bar_while_it_works() -> None:
    fallen = bar_at(79_900.0, 79_900.0, 79_900.0, 79_900.0, "15:18")
    state = replace(before(Averages(80_005.0, 80_000.0, 60), fallen.close), held=holding("CE", 3))

    state, squared = decide(state, SquareOffDue(at("15:18")), DESK)
    state, named = decide(state, BarClosed(fallen, {}, 300.0), DESK)

    assert squared == Exit(R.SQUARE_OFF)
    assert isinstance(named, Exit)
    assert (named.reason, named.again) == (R.EMA20_STOP, True)


def test_a_working_exit_keeps_its_reason_in_later_bars() -> None:
    fallen = bar_at(79_900.0, 79_900.0, 79_900.0, 79_900.0, "10:03")
    held = replace(holding("CE", 3), exit_reason=R.TIME, exit_bar_ns=at("10:00"))
    state = replace(before(Averages(80_005.0, 80_000.0, 60), fallen.close), held=held)

    after, decision = decide(state, BarClosed(fallen, {}, 300.0), DESK)

    assert decision.verdict == "exiting"
    assert after.held is not None
    assert after.held.exit_reason is R.TIME


def test_a_halt_outranks_everything_and_needs_a_position() -> None:
    state = State(held=replace(holding("CE", 1), exit_reason=R.PREMIUM_STOP, exit_bar_ns=at("10:00")))

    assert decide(state, Halted(at("10:00")), DESK)[1] == Exit(R.HALT, again=True)
    assert decide(State(held=holding("CE", 1)), Halted(at("10:00")), DESK)[1] == Exit(R.HALT)
    assert decide(State(), Halted(at("10:00")), DESK) == (State(), Stay("flat"))


TICK = replace(DESK, premium_check="tick")


@pytest.mark.parametrize(
    ("price", "reason"), [(294.05, None), (294.0, R.PREMIUM_STOP), (200.0, R.PREMIUM_STOP), (312.0, R.PREMIUM_TARGET)]
)
def test_with_tick_every_tick_of_the_option_is_looked_at(price: float, reason: ExitReason | None) -> None:
    state = State(held=holding("CE", 1))

    assert getattr(decide(state, PremiumSeen(price, at("10:00")), TICK)[1], "reason", None) == reason
    assert decide(state, PremiumSeen(price, at("10:00")), DESK)[1].verdict == "hold"


@pytest.mark.parametrize(
    ("candle", "reason", "price"),
    [
        ("10:00 300 305 295 301", None, None),
        ("10:00 300 305 294 301", R.PREMIUM_STOP, 294.0),
        ("10:00 290 305 280 301", R.PREMIUM_STOP, 290.0),
        ("10:00 300 312 295 301", R.PREMIUM_TARGET, 312.0),
        ("10:00 320 325 315 316", R.PREMIUM_TARGET, 320.0),
        ("10:00 300 330 280 301", R.PREMIUM_STOP, 294.0),
    ],
)
def test_with_tick_a_candle_fills_at_the_level_a_gap_at_the_open_and_a_span_is_the_stop(
    candle: str, reason: ExitReason | None, price: float | None
) -> None:
    _, decision = decide(State(held=holding("CE", 1)), PremiumCandle(bar(CE, candle)), TICK)

    assert (getattr(decision, "reason", None), getattr(decision, "price", None)) == (reason, price)


@settings(deadline=None)
@given(
    st.floats(79_000, 81_000),
    st.floats(-300, 300),
    st.floats(0, 200),
    st.floats(0, 200),
    st.integers(1, 60),
    st.booleans(),
)
def test_deciding_twice_gives_the_same_and_never_both_enters_and_exits(
    opened: float, body: float, up: float, down: float, bars: int, held: bool
) -> None:
    close = opened + body
    candle = bar_at(opened, max(opened, close) + up, min(opened, close) - down, close)
    state = State(Averages(opened, opened - 10, bars), holding("CE", 1) if held else None)
    event = BarClosed(candle, options(view()), 300.0)

    first, second = decide(state, event, DESK), decide(state, event, DESK)

    assert first == second
    assert not isinstance(first[1], Enter | Refuse if held else Exit)
