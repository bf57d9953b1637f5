"""Prices, contracts and bans of the simulated exchanges: plausible, seeded, and consistent from day to day."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pytest

from muhurat.simulator.market.paths import NIFTY_RATIO, closing_level, closing_vol
from muhurat.simulator.reference.exchange import ReferenceData
from muhurat.simulator.reference.expiries import Expiries
from muhurat.simulator.reference.listing import (
    indices,
    isin_with_check_digit,
    rows_by_symbol,
    securities,
    stock_underlyings,
    underlyings,
)
from muhurat.simulator.reference.sessions import Sessions

FRIDAY, MONDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 25)
MUHURAT = date(2026, 11, 8)


@pytest.fixture(scope="module")
def nse() -> ReferenceData:
    return ReferenceData("XNSE", 1)


def test_the_listing_is_full_size_and_names_nothing_twice() -> None:
    listed = securities()

    assert len(listed) >= 3_000
    assert len({row.symbol for row in listed}) == len({row.isin for row in listed}) == len(listed)
    assert len({row.token for row in listed}) == len(listed)
    assert len(underlyings("XNSE")) >= 216
    assert {"RELIANCE", "M&M", "BAJAJ-AUTO"} <= set(stock_underlyings())
    assert all(len(row.isin) == 12 and isin_with_check_digit(row.isin[:11]) == row.isin for row in listed)


def test_check_digits_are_those_of_iso_6166() -> None:
    assert isin_with_check_digit("US037833100") == "US0378331005"


@pytest.mark.parametrize(("first", "second"), [(FRIDAY, MONDAY), (MONDAY, WEDNESDAY), (date(2026, 11, 6), MUHURAT)])
def test_a_close_is_the_next_sessions_previous_close(nse: ReferenceData, first: date, second: date) -> None:
    assert nse.sessions.after(first) == second
    assert np.array_equal(nse.cash(first).close, nse.cash(second).previous)
    assert np.array_equal(nse.index(first).close, nse.index(second).previous)


def test_open_high_low_close_belong_together(nse: ReferenceData) -> None:
    for session in (nse.cash(FRIDAY), nse.index(FRIDAY)):
        assert (session.low > 0).all()
        for column in (session.open, session.close, session.last):
            assert ((session.low <= column) & (column <= session.high)).all()


def test_the_market_moves_and_nothing_runs_away(nse: ReferenceData) -> None:
    rows = [rows_by_symbol()[symbol] for symbol in stock_underlyings()]
    session = nse.cash(FRIDAY)
    moves = np.log(session.close / session.previous)[rows]

    assert 0.003 < moves.std() < 0.04
    assert np.abs(moves).max() < 0.2


def test_nifty_and_vix_are_those_of_the_simulated_market(nse: ReferenceData) -> None:
    session, names = nse.index(FRIDAY), [name for name, _ in indices()]

    assert session.close[names.index("Nifty 50")] == round(closing_level(1, FRIDAY) / NIFTY_RATIO, 2)
    assert session.close[names.index("India VIX")] == round(100 * closing_vol(1, FRIDAY), 2)


def test_a_seed_and_a_date_make_a_day_and_others_another() -> None:
    same, again, other = (ReferenceData("XNSE", seed).cash(FRIDAY).close for seed in (1, 1, 2))

    assert np.array_equal(same, again)
    assert not np.array_equal(same, other)


def test_prices_within_the_day_stay_within_it_and_end_at_the_close(nse: ReferenceData) -> None:
    session, noon = nse.cash(FRIDAY), nse.prices.live_cash(FRIDAY, 0.5)

    assert (noon.high <= session.high).all()
    assert (noon.low >= session.low).all()
    assert ((noon.low <= noon.last) & (noon.last <= noon.high)).all()
    assert np.array_equal(nse.prices.cash_at(FRIDAY, 1.0), session.close)


def test_contracts_carry_close_and_open_interest_over_the_weekend(nse: ReferenceData) -> None:
    before, after = nse.futures_and_options(FRIDAY), nse.futures_and_options(MONDAY)
    row_of = {name: row for row, name in enumerate(before.contracts.name)}
    pairs = [(row_of[name], row) for row, name in enumerate(after.contracts.name) if name in row_of]
    old, new = np.array(pairs).T

    assert len(pairs) > 35_000
    assert np.array_equal(before.close[old], after.previous[new])
    opened_with = (after.open_interest - after.open_interest_change)[new]
    assert np.array_equal(before.open_interest[old], opened_with)
    assert np.array_equal(before.contracts.token[old], after.contracts.token[new])


def test_contracts_are_full_size_and_of_all_four_kinds(nse: ReferenceData) -> None:
    session = nse.futures_and_options(FRIDAY)
    contracts = session.contracts

    assert len(contracts) >= 35_000
    assert len(set(contracts.underlying.tolist())) >= 210
    assert len(set(contracts.token.tolist())) == len(set(contracts.name)) == len(contracts)
    assert int(contracts.token.max()) < 2**24
    kinds = Counter(zip(contracts.is_index.tolist(), contracts.is_option.tolist(), strict=True))
    assert len(kinds) == 4
    assert (session.open_interest % contracts.lot == 0).all()


def test_who_did_not_trade_has_no_prices_and_changes_nothing(nse: ReferenceData) -> None:
    session = nse.futures_and_options(FRIDAY)
    idle = session.volume == 0

    assert 0.1 < idle.mean() < 0.9
    for column in (session.open, session.high, session.low, session.last, session.value, session.trades):
        assert not column[idle].any()
    assert not session.open_interest_change[idle].any()
    busy = ~idle
    assert (session.high >= np.maximum(session.open, session.close))[busy].all()
    assert (session.low <= np.minimum(session.open, session.close))[busy].all()
    assert (np.abs(session.open_interest_change) <= session.volume * session.contracts.lot).all()


def test_calls_and_puts_keep_parity_with_the_future(nse: ReferenceData) -> None:
    session = nse.futures_and_options(FRIDAY)
    row_of = {name: row for row, name in enumerate(session.contracts.name)}
    call, put, future = (session.settlement[row_of[f"NIFTY26DEC{name}"]] for name in ("24000CE", "24000PE", "FUT"))

    assert call - put == pytest.approx(future - 24_000, abs=60)


def test_an_expiry_on_a_holiday_is_the_day_before() -> None:
    rule = Expiries(Sessions("XNSE"))

    assert rule.weeklies(FRIDAY, 1)[0].day == MONDAY
    assert rule.weeklies(FRIDAY, 1)[0].monthly
    assert [each.day for each in rule.weeklies(WEDNESDAY, 2)] == [date(2026, 12, 1), date(2026, 12, 8)]
    assert Expiries(Sessions("XBOM")).weeklies(FRIDAY, 1)[0].day == date(2026, 11, 26)


def test_bans_change_from_day_to_day_and_some_days_have_none(nse: ReferenceData) -> None:
    days = [date(2026, 11, day) for day in range(2, 28)]
    lists = [nse.banned(day) for day in days]

    assert () in lists
    assert len(set(lists)) > 5
    assert all(len(names) <= 5 and set(names) <= set(stock_underlyings()) for names in lists)


def test_days_beyond_the_calendar_are_no_sessions(nse: ReferenceData) -> None:
    assert not nse.sessions.is_session(date(2030, 1, 2))
    assert not nse.sessions.is_session(date(2019, 1, 2))
    assert not nse.sessions.is_session(date(2026, 11, 24))
    assert nse.sessions.is_session(MUHURAT)
