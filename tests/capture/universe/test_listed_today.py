"""Contracts that are listed during the day: known, taken in where they belong, and nothing dropped for them."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from muhurat.capture.universe import SENSEX_ATM, SSO_XVENUE, Universe, new_contracts, with_new
from muhurat.model.instrument import Instrument, InstrumentType
from tests.capture.universe.made import DAY, NEAR, WEEK, Prices, chain, dump, market, order, row


def desk() -> Universe:
    """SENSEX at 80,049.5 with eleven strikes of the week."""
    made = SENSEX_ATM.choose(
        [*dump(), row("INDIA VIX", InstrumentType.INDEX, "NSE")], dataclasses.replace(order(), feed="desk"), market()
    )
    assert {entry.expiry for entry in made.instruments.values() if entry.is_option} == {WEEK.isoformat()}
    return made


def noticed(universe: Universe, found: list[Instrument], prices: Prices | None = None) -> Universe:
    return with_new(universe, new_contracts(universe, dump(), [*dump(), *found]), prices or Prices())


def test_only_new_options_of_a_watched_underlying_and_expiry_are_noticed() -> None:
    watched = chain("SENSEX", "BFO", WEEK, (82_100,))
    other = [
        *chain("SENSEX", "BFO", NEAR, (82_100,)),
        *chain("BANKEX", "BFO", WEEK, (60_000,)),
        *chain("SENSEX", "NFO", WEEK, (82_200,)),
    ]

    assert new_contracts(desk(), dump(), [*dump(), *watched, *other]) == watched
    assert new_contracts(desk(), dump(), dump()) == []


def test_a_token_that_is_used_again_makes_no_new_contract() -> None:
    moved = [dataclasses.replace(each, token=each.token + 256) for each in dump()]

    assert new_contracts(desk(), dump(), moved) == []


def test_a_strike_far_from_the_money_goes_into_the_reserve_and_nothing_is_dropped() -> None:
    before = desk()

    after = noticed(before, chain("SENSEX", "BFO", WEEK, (82_100,)))

    assert after.instruments == before.instruments
    assert after.new == ["SENSEX04SEP82100CE", "SENSEX04SEP82100PE"]
    assert set(after.reserve) - set(before.reserve) == set(after.new)


def test_a_strike_as_near_to_the_money_as_those_recorded_is_recorded_too() -> None:
    prices = Prices()
    prices.spots["BSE:SENSEX"] = Decimal(82_300)
    before = desk()

    after = noticed(before, chain("SENSEX", "BFO", WEEK, (82_100, 85_000)), prices)

    assert set(after.instruments) - set(before.instruments) == {"SENSEX04SEP82100CE", "SENSEX04SEP82100PE"}
    assert set(before.instruments) <= set(after.instruments)
    entry = after.instruments["SENSEX04SEP82100CE"]
    assert (entry.strike, entry.underlying, entry.asset_class) == ("82100", "SENSEX", "indices")
    assert list(after.instruments)[: len(before.instruments)] == list(before.instruments), "the new ones come last"


def test_a_strike_that_was_missing_in_the_morning_is_no_longer_missing() -> None:
    gone = "SENSEX04SEP80200CE"
    rows = [row("INDIA VIX", InstrumentType.INDEX, "NSE"), *(each for each in dump() if each.symbol != gone)]
    before = SENSEX_ATM.choose(rows, order(), market())
    assert before.missing == ["SENSEX 2025-09-04 80200 CE"]

    after = with_new(before, new_contracts(before, rows, dump()), Prices())

    assert gone in after.instruments
    assert after.missing == []


def test_of_a_stock_only_what_is_nearer_than_its_recorded_leg_is_recorded() -> None:
    before = SSO_XVENUE.choose(dump(), order(), market())
    prices = Prices()
    prices.spots["NSE:S03"] = Decimal(1150)

    after = noticed(before, chain("S03", "NFO", NEAR, (1140, 1500)), prices)

    assert set(after.instruments) - set(before.instruments) == {"S0330SEP1140CE", "S0330SEP1140PE"}
    assert after.new == ["S0330SEP1140CE", "S0330SEP1140PE", "S0330SEP1500CE", "S0330SEP1500PE"]
    assert after.reserve == {}


def test_without_a_price_of_the_underlying_a_new_contract_is_named_but_not_taken_in() -> None:
    before = SSO_XVENUE.choose(dump(), order(), market())

    after = noticed(before, chain("S03", "NFO", NEAR, (1010,)), Prices(lacking=("NSE:S03", "BSE:S03")))

    assert after.instruments == before.instruments
    assert after.new == ["S0330SEP1010CE", "S0330SEP1010PE"]


def test_nothing_new_leaves_the_universe_as_it_is() -> None:
    universe = desk()

    assert with_new(universe, [], Prices()) is universe
    assert universe.date == DAY.isoformat()
