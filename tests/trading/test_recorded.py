from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.trading.recorded import contracts_of, read_symbol, sibling
from tests.trading.tables import CE, INDEX, bars, candle_day

NEXT_WEEK = "SENSEX26N2680000CE"


@pytest.mark.parametrize(
    ("symbol", "expiry", "strike", "side"),
    [
        ("SENSEX2591180500CE", date(2025, 9, 11), 80_500, "CE"),
        ("SENSEX26O0872500PE", date(2026, 10, 8), 72_500, "PE"),
        ("SENSEX26N1980000CE", date(2026, 11, 19), 80_000, "CE"),
        ("SENSEX26D0380000CE", date(2026, 12, 3), 80_000, "CE"),
        ("SENSEX26OCT72500PE", date(2026, 10, 29), 72_500, "PE"),
        ("SENSEX26NOV80000CE", date(2026, 11, 26), 80_000, "CE"),
    ],
)
def test_kites_symbols_tell_expiry_strike_and_side(symbol: str, expiry: date, strike: int, side: str) -> None:
    contract = read_symbol(symbol, INDEX, 0)

    assert contract is not None
    assert (contract.expiry, contract.strike, contract.side, contract.lot_size) == (expiry, strike, side, 20)


@pytest.mark.parametrize("symbol", ["SENSEX", "SENSEX25SEPFUT", "BANKEX25SEP60000CE", "INDIA VIX"])
def test_other_symbols_are_no_options_of_the_index(symbol: str) -> None:
    assert read_symbol(symbol, INDEX, 0) is None


def test_a_sibling_has_another_strike_or_side_of_the_same_expiry() -> None:
    contract = read_symbol("SENSEX2591180500CE", INDEX, 20)
    assert contract is not None

    assert sibling(contract, Decimal(80_600), "PE").symbol == "SENSEX2591180600PE"
    assert sibling(contract, Decimal("80600.0"), "CE").symbol == "SENSEX2591180600CE"


def row(symbol: str, lot: int, expiry: date = date(2026, 11, 19)) -> Instrument:
    return Instrument(9, 9, symbol, INDEX, "BFO", "BFO-OPT", InstrumentType.CALL, expiry, Decimal("80000.0"), Decimal("0.05"), lot)  # fmt: skip  # noqa: E501


def test_the_week_is_the_nearest_expiry_that_has_candles() -> None:
    index = bars(INDEX, ["10:00 80000"])
    both = [*index, *bars(CE, ["10:00 300"]), *bars(NEXT_WEEK, ["10:00 400"])]
    later = [*index, *bars(NEXT_WEEK, ["10:00 400"])]

    assert [each.symbol for each in contracts_of(candle_day(both, (), [CE, NEXT_WEEK]), (), 0)] == [CE]
    assert [each.symbol for each in contracts_of(candle_day(later, (), [CE, NEXT_WEEK]), (), 0)] == [NEXT_WEEK]
    assert [each.symbol for each in contracts_of(candle_day(index, (), [CE, NEXT_WEEK]), (), 0)] == [CE]
    assert contracts_of(candle_day(index, (), []), (), 0) == ()


def test_the_dump_overrules_what_symbols_seem_to_say() -> None:
    index = bars(INDEX, ["10:00 80000"])

    (contract,) = contracts_of(candle_day(index, (), [CE]), [row(CE, 25)], 20)
    assert (contract.lot_size, contract.token) == (25, 9)

    (only_listed,) = contracts_of(candle_day(index, (), []), [row(CE, 25)], 20)
    assert only_listed == contract


def test_without_a_dump_the_lot_is_the_settings_or_twenty() -> None:
    index = bars(INDEX, ["10:00 80000"])

    assert [contracts_of(candle_day(index, (), [CE]), (), lot)[0].lot_size for lot in (0, 25)] == [20, 25]
