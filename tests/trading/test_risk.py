from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.model.order import Action, ExitReason, Order, Purpose
from muhurat.model.position import Trade
from muhurat.trading.parameters import Limits
from muhurat.trading.risk import Approved, Refused, RiskState, TradingState, after_trade, check, loss_share, size

BALANCE = 50_000_000
FRESH = RiskState(BALANCE)
LIMITS = Limits()


def entry(quantity: int = 20, price: int = 30_000, name: str = "N1") -> Order:
    return Order(name, Purpose.ENTRY, Action.BUY, "OPT", quantity, 0, 0, price, "signal")


def leave(quantity: int = 20, name: str = "X1") -> Order:
    return Order(name, Purpose.EXIT, Action.SELL, "OPT", quantity, 0, 0, 30_000, "time")


def trade(net: int) -> Trade:
    return Trade("T", "OPT", "CE", Decimal(80_000), 20, 0, 90.0, 0, 0, 0, 0, ExitReason.TIME, 0, net, False)


def reason(verdict: Approved | Refused) -> str | None:
    return verdict.reason if isinstance(verdict, Refused) else None


@pytest.mark.parametrize(
    ("state", "order", "limits", "refused"),
    [
        ({}, entry(), {}, None),
        ({"trading": TradingState.HALTED}, entry(), {}, "halted"),
        ({"trading": TradingState.REDUCING}, entry(), {}, "reducing"),
        ({"trades": 2}, entry(), {}, None),
        ({"trades": 3}, entry(), {}, "max_trades"),
        ({"realised_paise": -2_499_999}, entry(), {}, None),
        ({"realised_paise": -2_500_000}, entry(), {}, "daily_loss"),
        ({"realised_paise": +9_900_000}, entry(), {}, None),
        ({"open_quantity": {"OTHER": 20}}, entry(), {}, "open_position"),
        ({"open_quantity": {"OTHER": 0}}, entry(), {}, None),
        ({"entering": 1}, entry(), {}, "open_position"),
        ({}, entry(0), {}, "size"),
        ({}, entry(1_000, 100), {}, None),
        ({}, entry(1_020, 100), {}, "max_order_quantity"),
        ({}, entry(1_000, 50_000), {}, None),
        ({}, entry(1_000, 50_001), {}, "max_order_value"),
        ({"seen": frozenset({"N1"})}, entry(), {}, "duplicate"),
        ({"barred": {entry().symbol: "BANDHANBNK is banned"}}, entry(), {}, "banned"),
        ({"barred": {"ANOTHER": "BANDHANBNK is banned"}}, entry(), {}, None),
        ({}, entry(), {"max_trades_per_day": 0}, "max_trades"),
    ],
)
def test_each_limit_of_an_entry_at_its_edge(
    state: dict[str, Any], order: Order, limits: dict[str, Any], refused: str | None
) -> None:
    assert reason(check(order, replace(FRESH, **state), replace(LIMITS, **limits))) == refused


@pytest.mark.parametrize(
    ("own", "broker", "exiting", "asked", "granted"),
    [(20, 20, 0, 20, 20), (20, 20, 0, 60, 20), (40, 20, 0, 40, 20), (20, 40, 0, 40, 20), (60, 60, 20, 60, 40)],
)
def test_an_exit_is_cut_to_what_is_open_here_and_at_the_broker_less_what_is_on_its_way(
    own: int, broker: int, exiting: int, asked: int, granted: int
) -> None:
    state = replace(FRESH, open_quantity={"OPT": own}, broker_quantity={"OPT": broker}, exiting={"OPT": exiting})

    ticket = check(leave(asked), state, LIMITS)

    assert isinstance(ticket, Approved)
    assert ticket.order.quantity == granted


@pytest.mark.parametrize("trading", list(TradingState))
def test_an_exit_obtains_its_ticket_whatever_the_limits_say(trading: TradingState) -> None:
    tight = replace(LIMITS, max_order_quantity=1, max_order_value=Decimal(1), max_trades_per_day=0)
    state = replace(
        FRESH,
        trading=trading,
        trades=9,
        realised_paise=-(10**9),
        open_quantity={"OPT": 20},
        broker_quantity={"OPT": 20},
    )

    assert isinstance(check(leave(), state, tight), Approved)


def test_nothing_open_is_nothing_to_exit() -> None:
    assert reason(check(leave(), FRESH, LIMITS)) == "nothing_to_exit"


def test_nobody_else_can_write_a_ticket() -> None:
    with pytest.raises(TypeError, match=r"only risk\.check"):
        Approved(entry(), object())


def test_two_losses_halve_the_size_until_a_win() -> None:
    state = FRESH
    sizes = []
    for net in (-1, -1, -1, +1, -1):
        state = after_trade(state, trade(net), LIMITS)
        sizes.append(size(8_000, 20, state, LIMITS))

    assert sizes == [120, 60, 60, 120, 120]


def test_at_the_daily_loss_entries_are_off_and_a_winner_does_not_bring_them_back() -> None:
    state = after_trade(FRESH, trade(-2_000_000), LIMITS)
    assert (state.trading, loss_share(state, LIMITS)) == (TradingState.ACTIVE, 0.8)

    state = after_trade(state, trade(-500_000), LIMITS)
    assert (state.trading, state.why) == (TradingState.REDUCING, "daily_loss")
    assert after_trade(state, trade(+100_000), LIMITS).trading is TradingState.REDUCING


@settings(deadline=None)
@given(
    st.integers(-4_000_000, 4_000_000), st.integers(0, 5), st.integers(0, 2), st.sampled_from(list(TradingState)),
    st.dictionaries(st.sampled_from(["A", "B"]), st.integers(0, 40)), st.integers(-20, 2_000), st.integers(0, 100_000),
)  # fmt: skip
def test_no_entry_is_ever_approved_beyond_a_limit(
    realised: int, trades: int, entering: int, trading: TradingState, held: dict[str, int], quantity: int, price: int
) -> None:
    state = RiskState(BALANCE, trading, "", trades, realised, 0, entering, held)

    if isinstance(check(entry(quantity, price), state, LIMITS), Approved):
        assert trading is TradingState.ACTIVE
        assert realised > -2_500_000
        assert trades < 3
        assert entering + sum(held.values()) == 0
        assert 0 < quantity <= 1_000
        assert quantity * price <= 50_000_000


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200), st.integers(1, 500))
def test_no_exit_is_ever_larger_than_what_is_open(own: int, broker: int, exiting: int, asked: int) -> None:
    state = replace(FRESH, open_quantity={"OPT": own}, broker_quantity={"OPT": broker}, exiting={"OPT": exiting})
    ticket = check(leave(asked), state, LIMITS)

    if isinstance(ticket, Approved):
        assert 0 < ticket.order.quantity <= min(own, broker) - exiting
    else:
        assert min(own, broker) <= exiting
