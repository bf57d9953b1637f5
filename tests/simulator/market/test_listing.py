from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.model.instrument import InstrumentType
from muhurat.simulator.market.hours import Exchange
from muhurat.simulator.market.listing import (
    Expiry,
    ExpiryRule,
    future,
    index_instruments,
    list_day,
    option,
    parse_symbol,
    symbol_of,
)

CALL, PUT = InstrumentType.CALL, InstrumentType.PUT
RULE = ExpiryRule(Exchange())


def test_weekly_expiries_are_thursdays_or_the_trading_day_before_a_holiday():
    found = [expiry.day for expiry in islice(RULE.upcoming(date(2025, 9, 12)), 4)]

    assert found == [date(2025, 9, 18), date(2025, 9, 25), date(2025, 10, 1), date(2025, 10, 9)]


def test_the_expiry_day_itself_is_the_current_expiry():
    assert next(RULE.upcoming(date(2026, 10, 8))).day == date(2026, 10, 8)


def test_the_last_expiry_of_december_2025_is_the_day_before_christmas():
    assert RULE.of_month(2025, 12) == Expiry(date(2025, 12, 24), monthly=True)


def test_before_september_2025_expiries_were_on_tuesdays():
    assert next(RULE.upcoming(date(2025, 8, 20))).day == date(2025, 8, 26)


def test_beyond_the_calendar_an_expiry_is_the_plain_weekday():
    assert [expiry.day for expiry in islice(RULE.upcoming(date(2026, 12, 30)), 2)] == [
        date(2026, 12, 31),
        date(2027, 1, 7),
    ]


@pytest.mark.parametrize(
    ("expiry", "strike", "kind", "symbol"),
    [
        (Expiry(date(2025, 9, 11), monthly=False), 80_000, CALL, "SENSEX2591180000CE"),
        (Expiry(date(2025, 10, 1), monthly=False), 81_000, CALL, "SENSEX25O0181000CE"),
        (Expiry(date(2026, 10, 8), monthly=False), 72_500, PUT, "SENSEX26O0872500PE"),
        (Expiry(date(2025, 12, 4), monthly=False), 85_000, PUT, "SENSEX25D0485000PE"),
        (Expiry(date(2025, 9, 25), monthly=True), 81_000, CALL, "SENSEX25SEP81000CE"),
        (Expiry(date(2025, 10, 30), monthly=True), 0, InstrumentType.FUTURE, "SENSEX25OCTFUT"),
    ],
)
def test_symbols_are_written_as_kite_writes_them(expiry, strike, kind, symbol):
    assert symbol_of(expiry, strike, kind) == symbol


@given(st.dates(date(2025, 9, 1), date(2026, 12, 1)), st.integers(600, 1100), st.sampled_from([CALL, PUT]))
def test_a_written_symbol_reads_back_as_the_same_contract(day, hundreds, kind):
    made = option(next(RULE.upcoming(day)), hundreds * 100, kind)

    assert parse_symbol(made.symbol, RULE) == made


def test_a_future_reads_back_as_the_same_contract():
    made = future(Expiry(date(2025, 10, 30), monthly=True))

    assert parse_symbol("SENSEX25OCTFUT", RULE) == made


@pytest.mark.parametrize(
    "symbol",
    ["SENSEX5025SEPFUT", "SENSEX5025SEP24500CE", "BANKEX25SEPFUT", "SENSEX2591180050CE", "SENSEX2593180000CE", "X"],
)
def test_other_symbols_name_nothing_here(symbol):
    assert parse_symbol(symbol, RULE) is None


def test_indices_have_the_tokens_that_kite_gives_them():
    rows = {row.symbol: (row.token, row.exchange_token, row.key) for row in index_instruments()}

    assert rows == {
        "SENSEX": (265, 1, "BSE:SENSEX"),
        "NIFTY 50": (256265, 1001, "NSE:NIFTY 50"),
        "INDIA VIX": (264969, 1035, "NSE:INDIA VIX"),
    }


def test_a_day_lists_two_expiries_twenty_strikes_and_more_on_either_side_with_distinct_tokens():
    listing = list_day(RULE, date(2026, 11, 20), [80_040.0])

    rows = [entry.instrument for entry in listing]
    calls = {(row.expiry, int(row.strike)) for row in rows if row.type is CALL}
    for expiry in (date(2026, 11, 26), date(2026, 12, 3)):
        assert {(expiry, strike) for strike in range(78_000, 82_001, 100)} <= calls
    assert len({row.token for row in rows}) == len(rows) == len({row.symbol for row in rows})
    assert all(row.token == row.exchange_token << 8 | (5 if row.expiry else 9) for row in rows)
    assert [row.symbol for row in rows if row.type is InstrumentType.FUTURE] == ["SENSEX26NOVFUT", "SENSEX26DECFUT"]
    assert {row.lot_size for row in rows if row.expiry} == {20}
    assert {row.tick_size for row in rows if row.expiry} == {Decimal("0.05")}
    assert not any(entry.modelled for entry in listing)


def test_real_contracts_decide_the_first_expiry_and_all_others_are_modelled():
    real = [parse_symbol("SENSEX2591180500CE", RULE), parse_symbol("SENSEX2591199900PE", RULE)]

    listing = list_day(RULE, date(2025, 9, 2), [80_500.0], real)

    options = [entry for entry in listing if entry.instrument.type.is_option]
    assert {entry.instrument.expiry for entry in options} == {date(2025, 9, 11), date(2025, 9, 18)}
    assert {entry.instrument.symbol for entry in listing if not entry.modelled} == {row.symbol for row in real}
