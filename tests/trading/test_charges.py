"""What an order costs, against the worked example and the rates' dates."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.trading.charges import INDEX_OPTION, Charges, ChargesError, charges_on_turnover, rate_of

DAY = date(2026, 11, 20)
prices = st.decimals(Decimal("0.05"), Decimal(5000), places=2)
quantities = st.integers(1, 2000)


def charges_for(
    side: str, price: Decimal, quantity: int, exchange: str, day: date, product: str = INDEX_OPTION
) -> Charges:
    return charges_on_turnover(side, price * quantity, exchange, day, product)


def test_one_lot_of_sensex_bought_at_300_and_sold_at_320_costs_62_15() -> None:
    bought = charges_for("BUY", Decimal(300), 20, "BFO", DAY)
    sold = charges_for("SELL", Decimal(320), 20, "BFO", DAY)
    assert (bought.total, sold.total) == (Decimal("26.09"), Decimal("36.06"))
    assert bought.total + sold.total == Decimal("62.15")


def test_five_lots_in_one_order_each_way_cost_119_95() -> None:
    bought = charges_for("BUY", Decimal(300), 100, "BFO", DAY)
    sold = charges_for("SELL", Decimal(320), 100, "BFO", DAY)
    assert bought.total + sold.total == Decimal("119.95")


def test_every_item_but_stt_stays_exact() -> None:
    assert charges_for("BUY", Decimal(300), 20, "BFO", DAY) == Charges(
        brokerage=Decimal(20),
        stt=Decimal(0),
        exchange=Decimal("1.95"),
        sebi=Decimal("0.006"),
        gst=Decimal("3.95208"),
        stamp=Decimal("0.18"),
    )
    assert charges_for("SELL", Decimal(320), 20, "BFO", DAY).as_dict() == {
        "brokerage": "20",
        "stt": "10",
        "exchange": "2.08",
        "sebi": "0.0064",
        "gst": "3.975552",
        "stamp": "0",
        "total": "36.06",
    }


@pytest.mark.parametrize(
    ("turnover", "stt"), [("332.99", 0), ("333.34", 1), ("999.99", 1), ("1000", 2), ("1666.67", 3)]
)
def test_stt_is_rounded_to_the_rupee_half_up(turnover: str, stt: int) -> None:
    assert charges_on_turnover("SELL", Decimal(turnover), "BFO", DAY).stt == stt


def test_the_total_is_rounded_to_the_paisa_half_up() -> None:
    nothing = Decimal(0)
    assert Charges(Decimal("0.005"), nothing, nothing, nothing, nothing, nothing).total == Decimal("0.01")
    assert Charges(Decimal("0.004999"), nothing, nothing, nothing, nothing, nothing).total == nothing
    assert Charges(Decimal("26.08808"), nothing, nothing, nothing, nothing, nothing).total_paise == 2609


@pytest.mark.parametrize(
    ("day", "stt"), [(date(2024, 10, 1), 6), (date(2026, 3, 31), 6), (date(2026, 4, 1), 10), (date(2026, 11, 20), 10)]
)
def test_stt_follows_its_dates(day: date, stt: int) -> None:
    assert charges_for("SELL", Decimal(320), 20, "BFO", day).stt == stt


def test_the_exchanges_charge_differently() -> None:
    bse, nse = (charges_for("BUY", Decimal(300), 20, exchange, DAY) for exchange in ("BFO", "NFO"))
    assert (bse.exchange, nse.exchange) == (Decimal("1.95"), Decimal("2.1318"))


@given(price=prices, quantity=quantities)
def test_buying_pays_stamp_duty_and_selling_pays_stt(price: Decimal, quantity: int) -> None:
    bought, sold = (charges_for(side, price, quantity, "NFO", DAY) for side in ("BUY", "SELL"))
    assert (bought.stt, sold.stamp) == (0, 0)
    assert bought.stamp == price * quantity * Decimal("0.00003")
    assert sold.stt == (price * quantity * Decimal("0.0015")).quantize(Decimal(1), ROUND_HALF_UP)
    assert bought.total >= Decimal("23.60")
    assert sold.total_paise == sold.total * 100


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("BUY", Decimal(1), 1, "MCX", DAY), "no brokerage rate is known for the exchange 'MCX'"),
        (("BUY", Decimal(1), 1, "BFO", DAY, "future"), "no charges are known for the product 'future'"),
        (("BUY", Decimal(1), 1, "BFO", date(2024, 9, 30)), "known from 2024-10-01 on, not on 2024-09-30"),
        (("HOLD", Decimal(1), 1, "BFO", DAY), "unknown side 'HOLD'; known: BUY, SELL"),
        (("BUY", Decimal(-1), 1, "BFO", DAY), "the turnover -1"),
    ],
)
def test_what_the_table_does_not_know_is_refused(arguments: tuple[object, ...], complaint: str) -> None:
    with pytest.raises(ChargesError) as refused:
        charges_for(*arguments)  # type: ignore[arg-type]
    assert complaint in str(refused.value)


def test_every_rate_has_its_source() -> None:
    for item in ("brokerage", "stt_sell", "exchange", "sebi", "gst", "stamp_buy"):
        for exchange in ("BFO", "NFO"):
            assert rate_of(item, exchange, DAY).source
