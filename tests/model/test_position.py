from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.model.order import Action, ExitReason, Fill
from muhurat.model.position import Position, closed, with_charges, with_fill


def flat() -> Position:
    return Position("T1", "SENSEX2591180500PE", "PE", Decimal(80500), 0, 99.0, 10)


def fill(number: int, action: Action, quantity: int, price_paise: int, *, modelled: bool = False) -> Fill:
    return Fill(f"F{number}", "O1", "SENSEX2591180500PE", action, quantity, price_paise, number, modelled)


def test_a_position_averages_what_it_paid_over_its_fills() -> None:
    position = with_fill(with_fill(flat(), fill(1, Action.BUY, 20, 30_000)), fill(2, Action.BUY, 40, 30_300))

    assert position.open_quantity == 60
    assert position.entry_paise == 30_200
    assert position.unrealised_paise(30_250) == 60 * 50


def test_a_closed_trade_nets_the_charges_of_all_its_orders() -> None:
    bought = with_charges(with_fill(flat(), fill(1, Action.BUY, 20, 30_000)), 2_609)
    sold = with_charges(with_fill(bought, fill(2, Action.SELL, 20, 32_000)), 3_606)

    trade = closed(sold, ExitReason.TIME, 99)

    assert (trade.charges_paise, trade.net_paise) == (6_215, 40_000 - 6_215)
    assert (trade.entry_paise, trade.exit_paise, trade.quantity, trade.exit_ns) == (30_000, 32_000, 20, 99)


def test_selling_more_than_is_open_is_refused() -> None:
    with pytest.raises(ValueError, match="20 are open"):
        with_fill(with_fill(flat(), fill(1, Action.BUY, 20, 100)), fill(2, Action.SELL, 40, 100))


def test_a_position_that_is_still_open_is_no_trade() -> None:
    with pytest.raises(ValueError, match="still has 20 open"):
        closed(with_fill(flat(), fill(1, Action.BUY, 20, 100)), ExitReason.TIME, 1)


def test_one_modelled_fill_marks_the_whole_trade() -> None:
    bought = with_fill(flat(), fill(1, Action.BUY, 20, 100, modelled=True))

    assert with_fill(bought, fill(2, Action.SELL, 20, 100)).modelled


def test_reasons_rank_in_the_order_of_the_mission() -> None:
    names = [reason.value for reason in sorted(ExitReason, key=lambda reason: reason.rank)]

    assert names == [
        "halt",
        "premium_stop",
        "ema20_stop",
        "premium_target",
        "take_profit",
        "crossover",
        "time",
        "square_off",
    ]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 500), st.integers(5, 200_000)), min_size=1, max_size=8))
def test_the_average_price_times_quantity_is_the_money_spent_to_half_a_paisa_per_unit(
    fills: list[tuple[int, int]],
) -> None:
    position = flat()
    for number, (quantity, price) in enumerate(fills):
        position = with_fill(position, fill(number, Action.BUY, quantity, price))

    assert abs(position.entry_paise * position.bought - position.spent_paise) * 2 <= position.bought
