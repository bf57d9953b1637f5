from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.simulator.market.activity import Activity
from muhurat.simulator.market.flow import Contract, Opening, Ticks, contract_series, five_levels, open_interest

ACTIVITY = Activity(30.0, 20, lots=10.0, spread_ticks=1.0, spread_share=0.002, book_lots=8.0, open_lots=900.0)
CONTRACT = Contract(token=0x123405, lot=20, tick_paise=5, activity=ACTIVITY)
OPENING = Opening(close=5_000, oi=4_000, last_trade_s=900, exchange_s=950)


def dressed(prices: list[int], traded: list[int]):
    ticks = Ticks(
        np.arange(1_000, 1_000 + len(prices)),
        np.array(prices, dtype=np.int32),
        np.array(traded),
        np.full(len(prices), 4_020),
    )
    return contract_series(
        CONTRACT, ticks.exchange_s * 10**9, ticks, OPENING, np.random.default_rng(1), np.random.default_rng(2)
    )


@given(st.lists(st.integers(1, 40_000).map(lambda ticks: ticks * 5), min_size=1, max_size=50), st.integers(0, 99))
def test_books_are_sorted_uncrossed_on_the_grid_and_touch_the_last_price(prices, seed):
    last = np.array(prices, dtype=np.int32)

    depth = five_levels(np.random.default_rng(seed), last, CONTRACT)

    bids, asks = depth[:, :5, 0].astype(int), depth[:, 5:, 0].astype(int)
    empty = bids == 0
    assert (depth[:, :, 0] % 5 == 0).all()
    assert (bids[:, 0] < asks[:, 0]).all()
    assert ((np.diff(bids, axis=1) < 0) | empty[:, 1:]).all()
    assert (np.diff(asks, axis=1) > 0).all()
    assert ((bids[:, 0] == last) | (asks[:, 0] == last)).all()
    assert (depth[:, :5][empty] == 0).all()
    assert (depth[:, :, 1] % 20 == 0).all()
    assert ((depth[:, :, 2] > 0) == (depth[:, :, 0] > 0)).all()


def test_the_spread_grows_with_the_price():
    narrow, wide = (
        five_levels(np.random.default_rng(3), np.full(400, price, dtype=np.int32), CONTRACT)
        for price in (2_000, 90_000)
    )

    assert np.mean(wide[:, 5, 0] - wide[:, 0, 0]) > 3 * np.mean(narrow[:, 5, 0] - narrow[:, 0, 0])


def test_totals_follow_the_trades():
    series = dressed([5_000, 5_100, 5_200, 5_050], [0, 40, 0, 120])

    assert series.volume.tolist() == [0, 40, 40, 160]
    assert series.average_price.tolist() == [5_000, 5_100, 5_100, (40 * 5_100 + 120 * 5_050) // 160]
    assert series.last_trade_time.tolist() == [900, 1_001, 1_001, 1_003]
    assert series.last_quantity[0] == 0
    assert series.last_quantity[1] == series.last_quantity[2]
    assert 20 <= series.last_quantity[3] <= 120
    assert series.high.tolist() == [5_000, 5_100, 5_200, 5_200]
    assert series.low.tolist() == [5_000, 5_000, 5_000, 5_000]
    assert series.oi_day_low.tolist() == [4_000] * 4
    assert series.oi_day_high.tolist() == [4_020] * 4
    assert (series.buy_quantity >= series.depth[:, :5, 1].sum(axis=1)).all()


def test_a_row_reads_as_a_quote_and_quotes_make_the_same_columns_again():
    series = dressed([5_000, 5_100], [20, 40])

    again = type(series).of(series.token, True, [(int(series.send_ns[1]), series.quote(1))])

    assert again.quote(0) == series.quote(1)
    assert again.depth.tolist() == series.depth[1:].tolist()
    assert 0 < series.quote(1).bids[0].price < series.quote(1).asks[0].price


@pytest.mark.parametrize("opening", [20, 400_000])
def test_open_interest_stays_in_whole_lots_above_zero(opening):
    walk = open_interest(np.random.default_rng(1), opening, np.full(500, 200), 20)

    assert (walk >= 20).all()
    assert (walk % 20 == 0).all()
