"""Fills in pieces: what the account makes of them, and what it tells the ledger."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.model.money import to_rupees
from muhurat.model.order import Action, ExitReason, Fill, Order, OrderEnded, Purpose
from muhurat.trading.account import Account, Intent, NoBook
from muhurat.trading.charges import charges_on_turnover
from muhurat.trading.ledger import Ledger
from tests.trading.tables import CE, DAY, at, contract

INTENT = Intent("T1", contract(CE), 90.0)


def order(name: str, quantity: int) -> Order:
    entry = name.startswith("N")
    purpose, action = (Purpose.ENTRY, Action.BUY) if entry else (Purpose.EXIT, Action.SELL)
    return Order(name, purpose, action, CE, quantity, at("10:00"), at("10:03"), 30_000, "signal" if entry else "time")


def fill(name: str, part: int, quantity: int, price: int) -> Fill:
    action = Action.BUY if name.startswith("N") else Action.SELL
    return Fill(f"{name}F{part}", name, CE, action, quantity, price, at("10:03") + part)


def bought(account: Account, *parts: tuple[int, int]) -> None:
    account.placed(order("N1", sum(quantity for quantity, _ in parts)), INTENT)
    for part, (quantity, price) in enumerate(parts, 1):
        account.fill(fill("N1", part, quantity, price))


def test_only_an_entrys_first_fill_opens_and_the_same_fill_again_changes_nothing() -> None:
    account = Account(DAY, NoBook())
    account.placed(order("N1", 60), INTENT)

    assert account.fill(fill("N1", 1, 20, 30_000))
    assert not account.fill(fill("N1", 2, 20, 30_100))
    before = account.position
    assert not account.fill(fill("N1", 2, 20, 30_100))
    assert account.position == before
    assert account.open_quantity() == {CE: 40}


def test_a_fill_beyond_the_order_is_refused() -> None:
    account = Account(DAY, NoBook())
    account.placed(order("N1", 20), INTENT)

    with pytest.raises(ValueError, match="exceeds what is left of N1: 20"):
        account.fill(fill("N1", 1, 40, 30_000))


def test_an_entry_that_ends_half_filled_is_charged_and_kept_for_what_it_got(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.open_session(DAY, "test", at("09:15"), Decimal(500_000), {})
        account = Account(DAY, ledger)
        account.placed(order("N1", 60), INTENT)
        account.fill(fill("N1", 1, 20, 30_000))

        ended = account.ended(OrderEnded("N1", at("10:04"), "cancelled"))

        assert ended is not None
        assert account.position is not None
        assert account.position.charges_paise == charges_on_turnover("BUY", Decimal(6000), "BFO", DAY).total_paise
        assert [trade.quantity for trade in ledger.trades(DAY)] == [20]


def test_charges_follow_the_turnover_even_where_the_average_price_is_no_exact_number() -> None:
    """1,000 rupees for 30 units: STT is 1.5 rupees to the last digit, and a half is rounded up."""
    account = Account(DAY, NoBook())
    bought(account, (30, 10))
    before = account.position
    account.placed(order("X1", 30))
    account.fill(fill("X1", 1, 10, 3300))
    account.fill(fill("X1", 2, 20, 3350))

    assert before is not None
    assert account.position is not None
    sold = charges_on_turnover("SELL", Decimal(1000), "BFO", DAY)
    assert sold.stt == 2
    assert account.position.charges_paise - before.charges_paise == sold.total_paise


def test_a_trade_is_finished_once_when_nothing_is_open_and_nothing_works() -> None:
    account = Account(DAY, NoBook())
    bought(account, (40, 30_000))
    for name in ("X1", "X2"):
        account.placed(order(name, 20))
    account.fill(fill("X1", 1, 20, 31_000))

    assert account.finished(ExitReason.TIME, at("10:10")) is None
    assert account.exiting(CE) == 20
    account.fill(fill("X2", 1, 20, 32_000))
    trade = account.finished(ExitReason.TIME, at("10:10"))

    assert trade is not None
    assert (trade.quantity, trade.exit_paise) == (40, 31_500)
    assert account.finished(ExitReason.TIME, at("10:10")) is None
    assert account.position is None


def test_the_end_of_an_unknown_order_is_nothing() -> None:
    assert Account(DAY, NoBook()).ended(OrderEnded("N9", 0, "expired")) is None


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(100, 90_000)), min_size=1, max_size=4),
    st.lists(st.integers(100, 90_000), min_size=1, max_size=4),
)
def test_net_profit_is_the_sum_of_fills_less_the_charges_of_each_order(
    buys: list[tuple[int, int]], sells: list[int]
) -> None:
    """Bought in one order of several fills, sold in several orders of one fill each."""
    account = Account(DAY, NoBook())
    buys = [(lots * 20 * len(sells), price) for lots, price in buys]
    bought(account, *buys)
    total = sum(quantity for quantity, _ in buys)
    part = total // len(sells)
    for number, price in enumerate(sells):
        account.placed(order(f"X{number}", part))
        account.fill(fill(f"X{number}", 1, part, price))

    trade = account.finished(ExitReason.TIME, 1)

    assert trade is not None
    spent = sum(quantity * price for quantity, price in buys)
    charges = charges_on_turnover("BUY", to_rupees(spent), "BFO", DAY).total_paise
    charges += sum(charges_on_turnover("SELL", to_rupees(price * part), "BFO", DAY).total_paise for price in sells)
    assert trade.charges_paise == charges
    assert trade.net_paise == sum(part * price for price in sells) - spent - charges
