from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from muhurat.capture.universe import (
    SSO_XVENUE,
    UNIVERSES,
    Group,
    Market,
    Universe,
    UniverseError,
    load_universe,
    save_universe,
)
from muhurat.errors import StoreError
from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.stores.base import ReferenceStore
from muhurat.stores.registry import open_reference_store
from tests.capture.universe.made import DAY, NEAR, NEXT, WEEK, Prices, dump, market, order, stock


def chosen(rows: Sequence[Instrument] | None = None, prices: Prices | None = None, day: date = DAY) -> Universe:
    return SSO_XVENUE.choose(dump() if rows is None else rows, order(day), market(prices))


def of(universe: Universe, asset_class: str, exchange: str = "") -> list[str]:
    return [
        symbol
        for symbol, entry in universe.instruments.items()
        if entry.asset_class == asset_class and exchange in ("", entry.exchange)
    ]


def test_it_is_320_instruments_in_the_four_groups_of_the_crawler() -> None:
    universe = chosen()

    assert UNIVERSES["sso_xvenue"] is SSO_XVENUE
    assert Counter(entry.asset_class for entry in universe.instruments.values()) == {
        "equity_futures": 140,
        "equity_options": 120,
        "indices": 30,
        "equity_cash": 30,
    }
    assert set(universe.groups.values()) == {Group(140, 140), Group(120, 120), Group(30, 30)}
    assert len(set(universe.tokens())) == 320
    assert universe.missing == []
    assert (universe.kind, universe.feed, universe.date) == ("sso_xvenue", "sso_xvenue", "2025-09-02")


def test_names_go_by_turnover_each_with_its_near_and_next_month() -> None:
    universe = chosen(prices=Prices({"S07": 900, "S55": 800, "S03": 700}))

    assert of(universe, "equity_futures")[:6] == [
        "S07SEPFUT",
        "S07OCTFUT",
        "S55SEPFUT",
        "S55OCTFUT",
        "S03SEPFUT",
        "S03OCTFUT",
    ]
    assert universe.source == "quotes: volume times average price of the near future"
    expiries = {entry.expiry for entry in universe.instruments.values() if entry.asset_class == "equity_futures"}
    assert expiries == {NEAR.isoformat(), NEXT.isoformat()}


def test_before_anything_has_traded_names_go_by_open_interest() -> None:
    assert chosen().source == "quotes: open interest times last price of the near future"


@pytest.fixture
def reference(tmp_path: Path) -> ReferenceStore:
    return open_reference_store("sqlite:///reference.db", base=tmp_path)


def test_turnover_comes_from_the_last_bhavcopy_of_the_reference_store(
    tmp_path: Path, reference: ReferenceStore
) -> None:
    for back, first in ((1, "S09"), (2, "S44")):
        session = DAY - timedelta(days=back)
        columns = {
            "FinInstrmId": [1, 2, 3, 4],
            "FinInstrmTp": ["STF", "STF", "STF", "IDF"],
            "TckrSymb": [first, "S12", "S12", "NIFTY"],
            "TtlTrfVal": [5e9, 2e9, 2e9, 9e12],
        }
        with reference.transaction() as transaction:
            transaction.replace("FoBhavcopy", columns, where={"TradDt": session})
    reference.close()

    told = Market(Prices({"S70": 10**9}), lambda: open_reference_store("sqlite:///reference.db", base=tmp_path))
    universe = SSO_XVENUE.choose(dump(), order(), told)

    assert universe.source == "bhavcopy of 2025-09-01: turnover of the stock's futures"
    assert of(universe, "equity_futures")[:4] == ["S09SEPFUT", "S09OCTFUT", "S12SEPFUT", "S12OCTFUT"]


def test_a_reference_store_that_fails_costs_the_ranking_not_the_universe() -> None:
    def failing() -> ReferenceStore:
        raise StoreError("the database is locked")

    universe = SSO_XVENUE.choose(dump(), order(), Market(Prices({"S02": 9}), failing))

    assert len(universe.instruments) == 320
    assert universe.source.endswith("(the reference store cannot be read: the database is locked)")


def test_options_are_the_legs_nearest_to_the_money_one_of_each_name_in_turn() -> None:
    universe = chosen()
    options = [universe.instruments[symbol] for symbol in of(universe, "equity_options")]

    assert {entry.expiry for entry in options} == {NEAR.isoformat()}
    assert [entry.underlying for entry in options[:60]] == [entry.underlying for entry in options[60:]]
    assert {(entry.type, entry.strike) for entry in options[:60]} == {("CE", "1000")}
    assert {(entry.type, entry.strike) for entry in options[60:]} == {("PE", "1000")}


def test_few_names_are_filled_up_with_strikes_further_from_the_money() -> None:
    universe = chosen(dump(stocks=10))

    strikes = [universe.instruments[symbol].strike for symbol in of(universe, "equity_options")]
    assert len(strikes) == 120
    assert strikes[::20] == ["1000", "1020", "980", "1040", "960", "1060"]


def test_index_derivatives_are_futures_and_near_options_of_the_nearest_expiry_of_each_index() -> None:
    universe = chosen()
    index = [universe.instruments[symbol] for symbol in of(universe, "indices")]

    assert [entry.symbol for entry in index[:4]] == ["SENSEXSEPFUT", "SENSEXOCTFUT", "BANKEXSEPFUT", "BANKEXOCTFUT"]
    assert {(entry.underlying, entry.expiry) for entry in index[4:]} == {
        ("SENSEX", WEEK.isoformat()),
        ("BANKEX", NEAR.isoformat()),
    }
    sensex = [(int(entry.strike or 0), entry.type) for entry in index[4:] if entry.underlying == "SENSEX"]
    assert sensex[:4] == [(80_000, "CE"), (80_000, "PE"), (80_100, "CE"), (80_100, "PE")]
    assert Counter(entry.underlying for entry in index[4:]) == {"SENSEX": 13, "BANKEX": 13}
    assert {entry.lot for entry in index} == {20, 30}


def test_cash_is_five_funds_and_the_shares_with_the_highest_turnover() -> None:
    universe = chosen(prices=Prices({"S30": 10}))

    cash = of(universe, "equity_cash", "BSE")
    assert cash[:7] == ["NIFTYBEES", "GOLDBEES", "BANKBEES", "SENSEXETF", "LIQUIDBEES", "S30", "S00"]
    assert len(cash) == 30


def test_a_future_that_expires_today_still_counts_and_the_next_dump_rolls() -> None:
    on_expiry, after = chosen(day=NEAR), chosen(day=NEAR + timedelta(days=1))

    assert of(on_expiry, "equity_futures")[:2] == ["S00SEPFUT", "S00OCTFUT"]
    assert of(after, "equity_futures")[:2] == ["S00OCTFUT", "S00NOVFUT"]
    assert {after.instruments[symbol].expiry for symbol in of(after, "equity_options")} == {NEXT.isoformat()}


def test_what_is_not_there_is_told_with_its_reason_and_counted() -> None:
    rows = [
        each
        for each in dump(stocks=30)
        if each.name != "BANKEX"
        and each.symbol not in ("GOLDBEES", "BANKBEES")
        and each.key != "NFO:S04OCTFUT"
        and each.symbol != "S04NOVFUT"
    ]
    prices = Prices(lacking=("NSE:S02", "NFO:S02SEPFUT"))

    universe = chosen(rows, prices)

    assert universe.groups["nse_stock_futures"] == Group(140, 59)
    assert universe.missing == [
        "nse_stock_futures: 81 of 140: the dump has no more that fit",
        "nse_stock_futures: S04 has no future of the next month",
        "nse_stock_options: S02 has no last price; the next name takes its place",
        "bse_index_derivatives: BANKEX has no future",
        "bse_index_derivatives: BANKEX has no option",
        "bse_cash: 4 of 5 funds are listed; shares take their place",
    ]


def test_an_index_is_no_stock_even_where_a_share_has_its_name() -> None:
    universe = chosen()

    assert not [entry for entry in universe.instruments.values() if entry.underlying in ("NIFTY", "SENSEX50")]


def test_a_dump_without_stock_futures_is_an_error_that_says_what_to_do() -> None:
    index_only = [each for each in dump() if each.exchange not in ("NFO", "NSE")]

    with pytest.raises(UniverseError, match="no stock future") as raised:
        chosen(index_only)
    assert "muhurat capture universe --again" in raised.value.hint


def test_a_stock_without_options_leaves_its_place_to_the_next() -> None:
    bare = [each for each in stock("S00") if not each.type.is_option]
    rows = [*bare, *(each for each in dump() if not each.symbol.startswith("S00"))]

    universe = chosen(rows)

    assert universe.groups["nse_stock_options"] == Group(120, 120)
    assert universe.missing == ["nse_stock_options: S00 has no option; the next name takes its place"]


def test_prices_that_a_simulator_made_up_are_marked() -> None:
    prices = Prices()
    prices.modelled = frozenset({"NFO:S01SEPFUT"})

    universe = chosen(prices=prices)

    assert [symbol for symbol, entry in universe.instruments.items() if entry.modelled] == ["S01SEPFUT"]


def test_the_file_is_the_crawlers_json_with_everything_an_entry_needs(tmp_path: Path) -> None:
    path = tmp_path / "config" / "crawler3.json"
    save_universe(path, chosen())

    written = json.loads(path.read_text())["instruments"]["S00SEPFUT"]
    wanted = {"token", "symbol", "exchange", "segment", "underlying", "expiry", "strike", "lot", "asset_class"}
    assert wanted <= written.keys()
    assert (written["underlying"], written["expiry"], written["lot"]) == ("S00", "2025-09-30", 50)
    assert load_universe(path) == chosen()
    assert {each.type for each in dump()} >= {InstrumentType.INDEX}
