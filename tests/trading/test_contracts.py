from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from decimal import Decimal

import pytest

from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.trading.contracts import Contract, barred, by_strike, current_week, signal_strike, watched
from tests.trading.tables import CE, at, contract

NOON = time(12, 0)


def row(symbol: str, expiry: date, strike: str, kind: InstrumentType, name: str = "SENSEX") -> Instrument:
    return Instrument(1, 1, symbol, name, "BFO", "BFO-OPT", kind, expiry, Decimal(strike), Decimal("0.05"), 20)


@pytest.mark.parametrize(
    ("closes", "strike"),
    [("11:57", 80_700), ("11:59:59", 80_700), ("12:00", 80_500), ("15:00", 80_500)],
)
def test_from_noon_on_the_strike_is_taken_175_points_lower(closes: str, strike: int) -> None:
    assert signal_strike(80_661.37, at(closes), 100, NOON, 175.0) == strike


def test_the_afternoon_strike_is_rounded_after_the_points_are_taken_off() -> None:
    assert signal_strike(80_725.0, at("12:00"), 100, NOON, 175.0) == 80_600
    assert signal_strike(80_724.99, at("12:00"), 100, NOON, 175.0) == 80_500


def test_the_current_week_is_the_next_expiry_from_the_day_on() -> None:
    call, put = InstrumentType.CALL, InstrumentType.PUT
    dump = [
        row("SENSEX2590480500CE", date(2025, 9, 4), "80500.0", call),
        row("SENSEX2590480500PE", date(2025, 9, 4), "80500.0", put),
        row("SENSEX2591180500CE", date(2025, 9, 11), "80500.0", call),
        row("BANKEX2590260000CE", date(2025, 9, 2), "60000.0", call, "BANKEX"),
        row("SENSEX25SEPFUT", date(2025, 9, 25), "0", InstrumentType.FUTURE),
    ]

    assert {each.symbol for each in current_week(dump, date(2025, 9, 4))} == {
        "SENSEX2590480500CE",
        "SENSEX2590480500PE",
    }
    assert {each.symbol for each in current_week(dump, date(2025, 9, 5))} == {"SENSEX2591180500CE"}
    assert current_week(dump, date(2025, 9, 12)) == ()


def options_on(name: str, *others: Instrument) -> tuple[Contract, ...]:
    call = row(f"{name}26NOV100CE", date(2026, 11, 26), "100", InstrumentType.CALL, name)
    return current_week([call, *others], date(2026, 11, 20), name)


def test_a_contract_on_a_banned_stock_may_not_be_entered() -> None:
    assert barred(options_on("BANDHANBNK"), ("BANDHANBNK", "LTF")) == {"BANDHANBNK26NOV100CE": "BANDHANBNK is banned"}
    assert barred(options_on("INFY"), ("BANDHANBNK", "LTF")) == {}
    assert barred(options_on("INFY"), ()) == {}


def test_without_the_days_list_no_stock_may_be_entered() -> None:
    assert barred(options_on("INFY"), None) == {"INFY26NOV100CE": "no ban list of the day"}


def test_an_index_cannot_be_banned() -> None:
    new = row("NEWINDEX", date(2026, 11, 26), "0", InstrumentType.INDEX, "NEWINDEX")
    assert barred(options_on("NEWINDEX", new), None) == {}
    assert barred(options_on("NEWINDEX", new), ("NEWINDEX",)) == {}
    assert barred(options_on("SENSEX"), None) == {}, "known, although the slice of a dump has no index"


def test_a_signal_finds_its_contract_by_a_whole_number() -> None:
    found = by_strike(current_week([row(CE, date(2026, 11, 19), "80000.0", InstrumentType.CALL)], date(2026, 11, 19)))

    assert found[Decimal(80_000), "CE"].symbol == CE
    assert found[Decimal(80_000), "CE"].display_symbol == "SENSEX26111980000CE"


def test_eleven_strikes_are_watched_and_a_held_one_beyond_them_too() -> None:
    chain = [
        replace(contract(f"S{strike}{side}", strike), side=side)
        for strike in range(79_000, 81_100, 100)
        for side in ("CE", "PE")
    ]

    symbols = watched(by_strike(chain), 80_000, 100, 5, ["S79000PE"])

    assert len(symbols) == 23
    assert symbols[:3] == ("S79000PE", "S79500CE", "S79500PE")
    assert symbols[-1] == "S80500PE"
