"""Orders against a book that is foreseen: see `tiny_market.option_quote`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from muhurat.clock import NS_PER_S, ClockPage
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.faults import FaultBoard
from muhurat.simulator.kite.account import OPENING_BALANCE, Account
from muhurat.simulator.kite.errors import KiteError
from muhurat.simulator.kite.exchange import Exchange
from muhurat.simulator.kite.login import App
from muhurat.simulator.kite.order_form import parse_change, parse_order
from muhurat.simulator.kite.orders import OrderDesk
from muhurat.simulator.kite.tape import Tape
from muhurat.simulator.kite.updates import FAULTS, OrderUpdates
from tests.simulator.tiny_market import CALL_SYMBOL, FUTURE_SYMBOL, OPEN_NS, TinyMarket

ASK_AT_10, BID_AT_10 = "100.50", "100.40"
"""Best prices just after 09:15:10, when packet 9 (last price 100.45) is the newest."""


RICH = 100 * OPENING_BALANCE


class Desk:
    """An order desk with its exchange, and a client's view of it."""

    def __init__(self, page: ClockPage, opening_balance: int = RICH) -> None:
        self.conductor = Conductor(page, 1e6)
        market = TinyMarket()
        tape = Tape(market, self.conductor)
        self.conductor.add_source(tape)
        self.faults = FaultBoard(FAULTS, self.conductor.monotonic)
        self.told: list[dict[str, Any]] = []
        updates = OrderUpdates(App(), self.faults, lambda text: self.told.append(text["data"]))
        self.account = Account(market, self.conductor, opening_balance)
        exchange = Exchange(market, tape, self.conductor, self.account, updates.tell)
        self.desk = OrderDesk(market, self.conductor, exchange, self.account, "SIM0001")

    async def at(self, seconds: float) -> None:
        """Go to a time after the open."""
        await self.conductor.advance_to(OPEN_NS + round(seconds * NS_PER_S))

    def place(self, variety: str = "regular", **fields: Any) -> str:
        form = {
            "exchange": "BFO",
            "tradingsymbol": CALL_SYMBOL,
            "transaction_type": "BUY",
            "quantity": 20,
            "product": "MIS",
            "order_type": "LIMIT",
        }
        texts = {name: str(value) for name, value in (form | fields).items() if value is not None}
        number: str = self.desk.place(parse_order(variety, texts))["order_id"]
        return number

    def modify(self, number: str, **fields: Any) -> None:
        self.desk.modify(number, parse_change({name: str(value) for name, value in fields.items()}))

    def order(self, number: str) -> dict[str, Any]:
        return next(order for order in self.desk.orders() if order["order_id"] == number)

    def states(self, number: str) -> list[str]:
        return [row["status"] for row in self.desk.history(number)]

    def fills(self, number: str) -> list[tuple[float, int]]:
        return [(trade["average_price"], trade["quantity"]) for trade in self.desk.trades(number)]


@pytest.fixture
async def desk(page: ClockPage) -> Desk:
    made = Desk(page)
    await made.at(10)
    return made


@pytest.fixture
async def poor_desk(page: ClockPage) -> Desk:
    """With the account's ordinary ten lakh rupees."""
    made = Desk(page, OPENING_BALANCE)
    await made.at(10)
    return made


async def test_an_order_takes_the_book_level_by_level(desk: Desk) -> None:
    number = desk.place(quantity=400, price="100.60")
    await desk.at(10.1)

    assert desk.fills(number) == [(100.5, 100), (100.55, 200), (100.6, 100)]
    assert desk.order(number)["status"] == "COMPLETE"
    assert desk.order(number)["average_price"] == pytest.approx((100.5 * 100 + 100.55 * 200 + 100.6 * 100) / 400)


async def test_selling_takes_the_bids(desk: Desk) -> None:
    number = desk.place(transaction_type="SELL", quantity=120, price=100)
    await desk.at(10.1)

    assert desk.fills(number) == [(100.4, 100), (100.35, 20)]


async def test_nothing_happens_before_the_order_has_reached_the_exchange(desk: Desk) -> None:
    number = desk.place(price=ASK_AT_10)
    assert desk.states(number) == ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING"]
    with pytest.raises(KiteError, match="being processed"):
        desk.desk.cancel(number)

    await desk.at(10.029)
    assert desk.order(number)["status"] == "OPEN PENDING"
    await desk.at(10.031)

    assert desk.order(number)["status"] == "COMPLETE"


async def test_what_the_book_does_not_offer_rests_and_is_filled_at_its_own_price(desk: Desk) -> None:
    number = desk.place(transaction_type="SELL", quantity=140, price="100.40")
    await desk.at(10.1)
    assert desk.order(number)["status"] == "OPEN"
    assert (desk.order(number)["filled_quantity"], desk.order(number)["pending_quantity"]) == (100, 40)

    await desk.at(10.6)

    assert desk.fills(number) == [(100.4, 100), (100.4, 40)]
    assert [told["status"] for told in desk.told] == ["OPEN", "UPDATE", "COMPLETE"]
    assert [told["unfilled_quantity"] for told in desk.told] == [140, 40, 0]


async def test_a_resting_order_waits_for_the_book(desk: Desk) -> None:
    number = desk.place(transaction_type="SELL", price="101.00")
    await desk.at(21.4)
    assert desk.order(number)["status"] == "OPEN"
    await desk.at(21.6)

    assert desk.fills(number) == [(101, 20)]


async def test_an_immediate_order_is_cancelled_for_the_rest(desk: Desk) -> None:
    number = desk.place(quantity=400, price=ASK_AT_10, validity="IOC")
    await desk.at(10.1)

    order = desk.order(number)
    assert order["status"] == "CANCELLED"
    assert (order["filled_quantity"], order["pending_quantity"], order["cancelled_quantity"]) == (100, 300, 300)


@pytest.mark.parametrize(
    ("side", "protection", "price", "tag"),
    [("BUY", "-1", 102.5, "mktp:2.00"), ("SELL", "-1", 98.4, "mktp:2.00"), ("BUY", "0.5", 101, "mktp:0.50")],
)
async def test_a_market_order_becomes_a_limit_order_at_the_edge_of_its_protection(
    desk: Desk, side: str, protection: str, price: float, tag: str
) -> None:
    number = desk.place(transaction_type=side, order_type="MARKET", market_protection=protection)
    await desk.at(10.1)

    order = desk.order(number)
    assert (order["order_type"], order["price"], order["tags"]) == ("LIMIT", price, ["mktp", tag])
    assert order["status"] == "COMPLETE"


async def test_a_stop_order_waits_for_its_trigger(desk: Desk) -> None:
    number = desk.place(order_type="SL", trigger_price="101.00", price="102.00")
    await desk.at(20.4)
    assert desk.states(number)[-1] == "TRIGGER PENDING"
    await desk.at(20.6)

    assert desk.fills(number) == [(101.05, 20)]
    assert desk.states(number)[-3:] == ["TRIGGER PENDING", "OPEN", "COMPLETE"]


async def test_a_stop_at_market_becomes_a_protected_limit_when_triggered(desk: Desk) -> None:
    number = desk.place(order_type="SL-M", trigger_price="101.00", market_protection="1")
    await desk.at(20.6)

    order = desk.order(number)
    assert (order["order_type"], order["price"], order["status"]) == ("LIMIT", 102.05, "COMPLETE")


async def test_a_selling_stop_below_the_market_is_not_triggered_by_rising_prices(desk: Desk) -> None:
    number = desk.place(order_type="SL", transaction_type="SELL", trigger_price="99.00", price="98.50")
    await desk.at(60)
    assert desk.order(number)["status"] == "TRIGGER PENDING"

    desk.modify(number, trigger_price="150.00")
    await desk.at(60.1)

    assert desk.order(number)["status"] == "COMPLETE"


async def test_a_changed_price_is_matched_at_once(desk: Desk) -> None:
    number = desk.place(price="99.00")
    await desk.at(10.1)
    desk.modify(number, price="100.60")
    await desk.at(10.2)

    assert desk.fills(number) == [(100.5, 20)]
    assert [told["status"] for told in desk.told] == ["OPEN", "UPDATE", "OPEN", "COMPLETE"]


async def test_an_order_can_be_changed_25_times(desk: Desk) -> None:
    number = desk.place(price="90.00")
    await desk.at(10.1)
    for step in range(25):
        desk.modify(number, price=f"{80 + step * 0.05:.2f}")
        await desk.at(10.2 + step / 10)

    with pytest.raises(KiteError, match="modifications exceeded"):
        desk.modify(number, price="81.00")


async def test_a_quantity_cannot_shrink_below_what_is_filled(desk: Desk) -> None:
    number = desk.place(transaction_type="SELL", quantity=140, price="100.40")
    await desk.at(10.1)

    with pytest.raises(KiteError, match="filled"):
        desk.modify(number, quantity=100)


async def test_a_cancellation_that_comes_too_late_changes_nothing(desk: Desk) -> None:
    number = desk.place(transaction_type="SELL", quantity=140, price="100.40")
    await desk.at(10.49)
    desk.desk.cancel(number)
    await desk.at(11)

    assert desk.states(number)[-2:] == ["CANCEL PENDING", "COMPLETE"]
    with pytest.raises(KiteError, match="complete"):
        desk.desk.cancel(number)


@pytest.mark.parametrize(
    ("symbol", "price"), [(CALL_SYMBOL, "150.00"), (CALL_SYMBOL, "50.00"), (FUTURE_SYMBOL, "87500.00")]
)
async def test_a_price_outside_the_exchange_s_band_is_rejected_there(desk: Desk, symbol: str, price: str) -> None:
    number = desk.place(tradingsymbol=symbol, price=price)
    await desk.at(10.1)

    order = desk.order(number)
    assert order["status"] == "REJECTED"
    assert "Price exceeds circuit limits" in order["status_message"]
    assert [told["status"] for told in desk.told] == ["REJECTED"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"price": "100.52"}, "Tick size"),
        ({"quantity": 30, "price": 100}, "lot size 20"),
        ({"quantity": 1020, "price": 100}, "freeze quantity 1000"),
        ({"tradingsymbol": "SENSEX26NOV1CE", "price": 100}, "does not exist"),
        ({"exchange": "BSE", "tradingsymbol": "SENSEX", "price": 100}, "does not exist"),
        ({"price": None}, "`price`"),
        ({"price": "cheap"}, "price, got: cheap"),
        ({"price": "NaN"}, "price, got: NaN"),
        ({"price": "-1"}, "Invalid `price`"),
        ({"quantity": "-20", "price": 100}, "quantity, got: -20"),
        ({"quantity": "0", "price": 100}, "quantity, got: 0"),
        ({"transaction_type": "HOLD", "price": 100}, "HOLD"),
        ({"product": "CO", "price": 100}, "CO"),
        ({"variety": "iceberg", "price": 100}, "iceberg"),
        ({"validity": "TTL", "price": 100}, "TTL"),
        ({"tag": "no spaces please", "price": 100}, "tag"),
        ({"order_type": "MARKET", "market_protection": "0"}, "without market protection"),
        ({"order_type": "MARKET", "market_protection": "True"}, "failed to decode market_protection, got: True"),
        ({"order_type": "MARKET", "market_protection": "101"}, "market_protection"),
        ({"order_type": "SL", "price": 100}, "`trigger_price`"),
    ],
)
async def test_a_wrong_form_is_refused_and_leaves_no_order(desk: Desk, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(KiteError, match=message) as refused:
        desk.place(**fields)

    assert refused.value.error_type == "InputException"
    assert desk.desk.orders() == []


async def test_a_regular_order_is_refused_outside_hours_and_an_amo_waits(page: ClockPage) -> None:
    desk = Desk(page)
    with pytest.raises(KiteError, match="Markets are closed"):
        desk.place(price=95)
    number = desk.place("amo", price=95)
    await desk.at(20)
    assert desk.states(number) == ["PUT ORDER REQ RECEIVED", "AMO REQ RECEIVED"]

    desk.desk.cancel(number)
    await desk.at(21)

    assert desk.order(number)["status"] == "CANCELLED"


async def test_orders_at_work_block_funds(poor_desk: Desk) -> None:
    for _ in range(10):
        poor_desk.place(quantity=980, price="100.00")

    with pytest.raises(KiteError, match=r"Required margin is 98000\.00 but available margin is 20000\.00") as refused:
        poor_desk.place(quantity=980, price="100.00")
    assert (refused.value.error_type, refused.value.status) == ("MarginException", 400)


async def test_closing_a_position_needs_no_margin_and_opening_a_short_one_does(poor_desk: Desk) -> None:
    with pytest.raises(KiteError, match=r"Required margin is 1020000\.00"):
        poor_desk.place(transaction_type="SELL", quantity=100, price="100.00")
    poor_desk.place(quantity=100, price=ASK_AT_10)
    await poor_desk.at(10.1)
    poor_desk.place(transaction_type="SELL", quantity=100, price=BID_AT_10)
    await poor_desk.at(10.2)

    [position] = poor_desk.account.positions()["net"]
    assert (position["quantity"], position["pnl"]) == (0, -10)
    assert poor_desk.account.margins()["equity"]["net"] == 1_000_000 - 10


async def test_a_future_is_marked_to_market_and_blocks_margin(desk: Desk) -> None:
    desk.place(tradingsymbol=FUTURE_SYMBOL, price="85200.50", product="NRML")
    await desk.at(10.1)

    [position] = desk.account.positions()["net"]
    assert (position["average_price"], position["last_price"], position["m2m"]) == (85200.5, 85200.45, -1)
    utilised = desk.account.margins()["equity"]["utilised"]
    assert utilised["span"] == pytest.approx(20 * 85200.45 * 0.12, abs=0.01)


async def test_order_ids_are_distinct_and_rise(desk: Desk) -> None:
    numbers = [desk.place(price="90.00") for _ in range(5)]

    assert len({*numbers}) == 5
    assert numbers == sorted(numbers)
    assert all(len(number) == 19 for number in numbers)


def _fault(desk: Desk, name: str) -> None:
    desk.faults.add(json.dumps({"fault": name}).encode())


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("duplicate_update", ["OPEN", "OPEN", "UPDATE", "COMPLETE"]),
        ("late_update", ["OPEN", "COMPLETE", "UPDATE"]),
    ],
)
async def test_updates_can_come_twice_or_late(desk: Desk, name: str, heard: list[str]) -> None:
    _fault(desk, name)
    desk.place(transaction_type="SELL", quantity=140, price="100.40")
    await desk.at(10.6)

    assert [told["status"] for told in desk.told] == heard
