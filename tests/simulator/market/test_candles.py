from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from muhurat.clock import NS_PER_S
from muhurat.errors import UsageError
from muhurat.model.instrument import InstrumentType
from muhurat.simulator.market import CandleMarket, SyntheticMarket, build_market
from muhurat.simulator.market.base import Market
from muhurat.simulator.market.candle_files import CandleError
from tests.simulator.market.candle_samples import EXPIRY, MONDAY, TUESDAY, index_rows, write, write_folder

SENSEX = 265
Bar = tuple[int, int, int, int, int]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> CandleMarket:
    """One market for the tests that only read."""
    return CandleMarket(write_folder(tmp_path_factory.mktemp("candles")), TUESDAY, 11)


def token_of(market: Market, symbol: str) -> int:
    return next(entry.token for entry in market.instruments() if entry.instrument.symbol == symbol)


def source_bars(path: Path, day: date) -> dict[int, Bar]:
    """A file's candles of a day as (open, high, low, close, volume), read the plain way."""
    bars = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            when = datetime.fromisoformat(row["timestamp"])
            if when.date() == day:
                prices = (round(float(row[name]) * 100) for name in ("open", "high", "low", "close"))
                bars[int(when.timestamp())] = (*prices, int(float(row["volume"])))
    return bars


def rebuilt_bars(market: Market, token: int) -> dict[int, Bar]:
    """Candles the way a bar builder makes them, from last price, exchange time and cumulative volume."""
    series = market.series(token)
    bars: dict[int, Bar] = {}
    before = closing_volume = 0
    for second, price, volume in zip(
        series.exchange_s.tolist(), series.last_price.tolist(), series.volume.tolist(), strict=True
    ):
        start = second // 180 * 180
        if start not in bars:
            before = closing_volume
            bars[start] = (price, price, price, price, 0)
        opens, high, low, _, _ = bars[start]
        bars[start] = (opens, max(high, price), min(low, price), price, volume - before)
        closing_volume = volume
    return bars


def test_the_real_instruments_packets_rebuild_their_candles_exactly(candle_folder):
    market = CandleMarket(candle_folder, TUESDAY, 3)

    for symbol in ("SENSEX", "SENSEX2591180100CE", "SENSEX2591180100PE"):
        token = token_of(market, symbol)
        assert rebuilt_bars(market, token) == source_bars(candle_folder / f"{symbol}_{TUESDAY}.csv", TUESDAY)
        assert np.unique(market.series(token).exchange_s // 180, return_counts=True)[1].min() >= 20


def test_only_instruments_with_candles_are_not_modelled(market):
    real = {entry.instrument.symbol for entry in market.instruments() if not entry.modelled}

    assert real == {"SENSEX", "SENSEX2591180100CE", "SENSEX2591180100PE"}
    assert market.source == "candles"


def test_the_real_contracts_expiry_is_the_current_one_and_their_neighbours_are_listed(market):
    options = [entry.instrument for entry in market.instruments() if entry.instrument.type.is_option]

    assert min(row.expiry for row in options) == EXPIRY
    assert {int(row.strike) for row in options if row.expiry == EXPIRY} >= set(range(78_100, 82_101, 100))


def test_modelled_neighbours_are_priced_between_the_real_ones_own_prices(market):
    noon = int(market.series(SENSEX).send_ns[len(market.series(SENSEX)) // 2])
    prices = [
        market.state(token_of(market, f"SENSEX25911{strike}CE"), noon).last_price
        for strike in (79_900, 80_000, 80_100, 80_200, 80_300)
    ]

    assert prices == sorted(prices, reverse=True)
    steps = -np.diff(prices)
    assert steps.max() < 2.5 * steps.min()


def test_the_previous_session_is_real_where_there_are_rows_and_modelled_elsewhere(market, candle_folder):
    tuesday_open_ns = min(source_bars(candle_folder / f"SENSEX_{TUESDAY}.csv", TUESDAY)) * NS_PER_S
    for symbol, named in (("SENSEX", MONDAY), ("SENSEX2591180100CE", TUESDAY)):
        candles = market.candles(token_of(market, symbol), 3, 0, tuesday_open_ns - 1)
        expected = source_bars(candle_folder / f"{symbol}_{named}.csv", MONDAY)

        assert {one.start_s: (one.open, one.high, one.low, one.close, one.volume) for one in candles} == expected
        assert not any(one.modelled for one in candles)
        assert market.series(token_of(market, symbol)).close[0] == candles[-1].close

    neighbour = market.candles(token_of(market, "SENSEX2591180200CE"), 3, 0, 2**62)
    assert len(neighbour) == 250
    assert all(one.modelled for one in neighbour)


def test_an_option_file_of_a_later_day_gives_its_rows_of_today(candle_folder):
    market = CandleMarket(candle_folder, MONDAY, 3)

    call = token_of(market, "SENSEX2591180100CE")
    assert rebuilt_bars(market, call) == source_bars(candle_folder / f"SENSEX2591180100CE_{TUESDAY}.csv", MONDAY)
    friday = market.candles(call, 3, 0, market.series(call).send_ns[0] - 3600 * NS_PER_S)
    assert len(friday) == 125
    assert all(one.modelled for one in friday)


def test_without_index_candles_the_index_is_implied_by_the_options_and_marked(candle_folder):
    (candle_folder / f"SENSEX_{TUESDAY}.csv").unlink()

    market = CandleMarket(candle_folder, TUESDAY, 3)

    index = next(entry for entry in market.instruments() if entry.token == SENSEX)
    candles = market.candles(SENSEX, 3, market.series(SENSEX).send_ns[0] - 3 * NS_PER_S, 2**62)
    assert index.modelled
    assert [one.close / 100 for one in candles] == pytest.approx([row[4] for row in index_rows(TUESDAY)], abs=0.5)
    assert all(one.modelled for one in candles)


def test_bars_that_are_missing_are_silent(candle_folder):
    path = candle_folder / f"SENSEX2591180100CE_{TUESDAY}.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if "2025-09-02 11:0" not in line) + "\n")

    market = CandleMarket(candle_folder, TUESDAY, 3)

    bars = rebuilt_bars(market, token_of(market, "SENSEX2591180100CE"))
    assert bars == source_bars(path, TUESDAY)
    assert len(bars) == 121


def test_one_seed_makes_one_day_from_candles(candle_folder):
    one, other = CandleMarket(candle_folder, TUESDAY, 3), CandleMarket(candle_folder, TUESDAY, 3)
    modelled = token_of(one, "SENSEX2591180200PE")

    other.series(SENSEX)

    assert np.array_equal(one.series(modelled).depth, other.series(modelled).depth)
    assert np.array_equal(one.series(modelled).send_ns, other.series(modelled).send_ns)


def test_symbols_this_exchange_does_not_list_are_told(candle_folder):
    write(candle_folder / f"BANKEX_{TUESDAY}.csv", index_rows(TUESDAY))

    assert CandleMarket(candle_folder, TUESDAY, 3).skipped == ("BANKEX",)


def test_a_day_about_which_the_folder_says_nothing_is_refused_with_the_days_it_has(candle_folder):
    with pytest.raises(CandleError, match="2025-09-10") as caught:
        CandleMarket(candle_folder, date(2025, 9, 10), 1)

    assert "2025-09-01, 2025-09-02" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"SENSEX_{date(2025, 9, 3)}.csv", "differ about the candle of 2025-09-02 09:15"),
        (f"SENSEX2582680100CE_{TUESDAY}.csv", "expired on 2025-08-26"),
        (f"SENSEX25O0280100CE_{TUESDAY}.csv", "2025-10-02, when the exchange is closed"),
    ],
)
def test_files_that_contradict_each_other_or_their_name_are_refused(candle_folder, name, message):
    write(candle_folder / name, index_rows(TUESDAY, 500.0 if "00CE" in name else 70_000.0)[:1])
    if "00CE" in name:
        text = (candle_folder / name).read_text().splitlines()
        (candle_folder / name).write_text(f"{text[0]}\n100,101,99,100,20,2025-09-02 09:15:00+05:30,1,1\n")

    with pytest.raises(CandleError, match=message):
        CandleMarket(candle_folder, TUESDAY, 1)


def test_a_candle_outside_the_session_is_refused(candle_folder):
    path = candle_folder / f"SENSEX_{TUESDAY}.csv"
    path.write_text(path.read_text() + "80000,80001,79999,80000,0,2025-09-02 15:30:00+05:30,1,1\n")

    with pytest.raises(CandleError, match="2025-09-02 15:30 lies outside the session"):
        CandleMarket(candle_folder, TUESDAY, 1)


def test_the_source_of_a_day_follows_from_what_is_given(candle_folder):
    assert isinstance(build_market(TUESDAY, 1), SyntheticMarket)
    assert isinstance(build_market(TUESDAY, 1, candles=candle_folder), CandleMarket)
    with pytest.raises(UsageError):
        build_market(TUESDAY, 1, candles=candle_folder, journal=candle_folder)


def test_the_real_candles_of_2_september_2025_come_back_bar_by_bar(samples):
    folder = samples / "kite" / "sensex_2025-09"
    market = build_market(TUESDAY, 1, candles=folder)

    for symbol in ("SENSEX", "SENSEX2591180500CE", "SENSEX2591180500PE"):
        expected = source_bars(folder / f"{symbol}_{TUESDAY}.csv", TUESDAY)
        assert len(expected) == 125
        assert rebuilt_bars(market, token_of(market, symbol)) == expected
    assert {one.instrument.symbol for one in market.instruments() if not one.modelled} == {
        "SENSEX",
        "SENSEX2591180500CE",
        "SENSEX2591180500PE",
    }
    monday = market.candles(SENSEX, 3, 0, market.series(SENSEX).send_ns[0] - 3600 * NS_PER_S)
    assert [one.close for one in monday] == [
        bar[3] for bar in source_bars(folder / f"SENSEX_{MONDAY}.csv", MONDAY).values()
    ]


def test_the_real_options_of_4_september_2025_imply_their_index(samples):
    market = CandleMarket(samples / "kite" / "sensex_2025-09", date(2025, 9, 4), 1)

    real = [one.instrument for one in market.instruments() if not one.modelled]
    assert len(real) == 20
    assert all(row.type in (InstrumentType.CALL, InstrumentType.PUT) for row in real)
    assert 80_000 < market.state(SENSEX, 2**62).last_price / 100 < 82_000
