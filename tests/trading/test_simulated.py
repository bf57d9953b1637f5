from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from muhurat.clock import NS_PER_S
from muhurat.errors import MuhuratError
from muhurat.model.order import Action, Fill, Order, OrderEnded, Purpose
from muhurat.trading.orders import Quote
from muhurat.trading.parameters import Limits, Parameters
from muhurat.trading.risk import Approved, RiskState, check
from muhurat.trading.simulated import CandleBroker, QuoteBroker, broker_named
from tests.trading.tables import CE, at, bar

MS = 1_000_000
DECIDED = at("10:03:02")


def ticket(action: Action = Action.BUY, quantity: int = 20, **changed: object) -> Approved:
    purpose = Purpose.ENTRY if action is Action.BUY else Purpose.EXIT
    order = Order("O1", purpose, action, CE, quantity, at("10:00"), DECIDED, 30_000, "signal")
    held = {CE: quantity}
    state = RiskState(10**9, open_quantity={} if action is Action.BUY else held, broker_quantity=held)
    approved = check(replace(order, **changed), state, Limits())
    assert isinstance(approved, Approved)
    return approved


def quote(received_ns: int, **changed: object) -> Quote:
    whole = Quote(CE, received_ns, received_ns // NS_PER_S, 300.0, 299.5, 300.5, 280.0, 320.0)
    return replace(whole, **changed)


def fill_of(events: tuple[Fill | OrderEnded, ...]) -> Fill:
    (event,) = events
    assert isinstance(event, Fill)
    return event


@pytest.mark.parametrize(("action", "price"), [(Action.BUY, 30_050), (Action.SELL, 29_950)])
def test_paper_buys_at_the_ask_and_sells_at_the_bid_a_quarter_second_after_the_decision(
    action: Action, price: int
) -> None:
    broker = QuoteBroker(Parameters())
    assert broker.place(ticket(action)) == ()

    assert broker.on_quote(quote(DECIDED + 250 * MS - 1)) == ()
    fill = fill_of(broker.on_quote(quote(DECIDED + 250 * MS)))

    assert (fill.price_paise, fill.quantity, fill.at_ns) == (price, 20, DECIDED + 250 * MS)
    assert broker.net_quantity(CE) == (20 if action is Action.BUY else -20)
    assert broker.on_quote(quote(DECIDED + 300 * MS)) == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"ask": float("nan")},
        {"ask": 0.0},
        {"exchange_s": (DECIDED + NS_PER_S) // NS_PER_S - 6},
        {"symbol": "OTHER"},
        {"ask": 80_050.0},
        {"ask": 421.0},
        {"ask": 179.0},
    ],
)
def test_a_quote_that_is_empty_stale_or_anothers_price_fills_nothing(changed: dict[str, object]) -> None:
    broker = QuoteBroker(Parameters())
    broker.place(ticket())

    assert broker.on_quote(quote(DECIDED + NS_PER_S, **changed)) == ()
    assert fill_of(broker.on_quote(quote(DECIDED + 2 * NS_PER_S))).price_paise == 30_050


@pytest.mark.parametrize(
    "changed", [{"exchange_s": 0}, {"ask": 320.5}, {"ask": 420.0}, {"ask": 181.0}, {"high": float("nan")}]
)
def test_a_quote_in_the_price_band_fills_even_at_a_new_high(changed: dict[str, object]) -> None:
    broker = QuoteBroker(Parameters())
    broker.place(ticket())

    assert len(broker.on_quote(quote(DECIDED + NS_PER_S, **changed))) == 1


def test_paper_orders_that_never_filled_expire_at_the_end() -> None:
    broker = QuoteBroker(Parameters())
    broker.place(ticket())

    assert broker.on_bar(bar(CE, "10:06 300")) == ()
    assert broker.on_end(99) == (OrderEnded("O1", 99, "expired"),)
    assert broker.on_end(100) == ()


def test_candles_fill_at_the_open_of_the_first_bar_labelled_after_the_signal() -> None:
    broker = CandleBroker(Parameters())
    broker.place(ticket())

    assert broker.on_quote(quote(DECIDED + NS_PER_S)) == ()
    assert broker.on_bar(bar(CE, "10:00 290")) == ()
    assert broker.on_bar(bar("OTHER", "10:03 290")) == ()
    fill = fill_of(broker.on_bar(replace(bar(CE, "10:06 301 310 300 305"), modelled=True)))

    assert (fill.price_paise, fill.at_ns, fill.modelled) == (30_100, at("10:06"), True)


def test_a_touched_level_fills_at_once_at_the_price_given() -> None:
    broker = CandleBroker(Parameters(slippage=Decimal("0.25")))
    broker.on_bar(bar(CE, "10:03 300"))

    fill = fill_of(broker.place(ticket(Action.SELL, at_paise=29_400)))

    assert (fill.price_paise, fill.at_ns) == (29_375, at("10:00"))


def test_at_the_end_of_candles_exits_take_the_last_close_and_entries_expire() -> None:
    leaving, entering = CandleBroker(Parameters()), CandleBroker(Parameters())
    for broker in (leaving, entering):
        broker.on_bar(bar(CE, "10:00 300 310 290 305"))
    leaving.place(ticket(Action.SELL))
    entering.place(ticket())

    fill = fill_of(leaving.on_end(at("10:04")))

    assert (fill.price_paise, fill.at_ns) == (30_500, at("10:03"))
    assert entering.on_end(at("10:04")) == (OrderEnded("O1", at("10:04"), "expired"),)


def test_a_cancelled_order_is_gone() -> None:
    broker = CandleBroker(Parameters())
    broker.place(ticket())

    assert broker.cancel("O1", 5) == (OrderEnded("O1", 5, "cancelled"),)
    assert broker.cancel("O1", 6) == ()
    assert broker.on_bar(bar(CE, "10:06 300")) == ()


def test_an_unknown_broker_is_refused_by_name() -> None:
    with pytest.raises(MuhuratError, match="unknown broker 'zerodha'"):
        broker_named("zerodha", Parameters())
