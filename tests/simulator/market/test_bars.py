from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from muhurat.simulator.market.bars import candles_of, prices_of, seconds_with_bars, volumes_of
from muhurat.simulator.market.base import DAY_MINUTES
from muhurat.simulator.market.candle_files import Row, bars_of
from muhurat.simulator.market.flow import Ticks
from muhurat.simulator.market.hours import Exchange
from muhurat.simulator.market.timing import packet_seconds

HOURS = Exchange().hours(date(2025, 9, 2))
UNIT = 5


@st.composite
def candles(draw):
    """A session's valid candles, some of them missing, flat or without a trade."""
    kept = draw(st.sets(st.integers(0, 124), min_size=1, max_size=12))
    rows = []
    for number in sorted(kept):
        low, opens, closes, high = (draw(st.integers(1, 3_000)) * UNIT for _ in range(4))
        low, high = min(low, opens, closes, high), max(low, opens, closes, high)
        rows.append(Row(HOURS.open_s + 180 * number, opens, high, low, closes, draw(st.integers(0, 5_000))))
    return rows


def ticks_for(rows: list[Row], seed: int) -> Ticks:
    random = np.random.default_rng(seed)
    bars = bars_of(rows)
    exchange_s = packet_seconds(random, seconds_with_bars(bars, HOURS.seconds), 25.0, 20)
    traded = volumes_of(random, bars, exchange_s, lot=20)
    return Ticks(exchange_s, prices_of(random, bars, exchange_s, UNIT), traded, np.zeros_like(traded))


@given(candles(), st.integers(0, 1000))
def test_packets_reproduce_every_candle_s_open_high_low_close_and_volume(rows, seed):
    ticks = ticks_for(rows, seed)

    seen: dict[int, list[tuple[int, int]]] = {}
    for exchange_s, price, traded in zip(ticks.exchange_s, ticks.last_price, ticks.traded, strict=True):
        seen.setdefault(int(exchange_s) // 180 * 180, []).append((int(price), int(traded)))
    rebuilt = [
        Row(start, bar[0][0], max(bar)[0], min(bar)[0], bar[-1][0], sum(traded for _, traded in bar))
        for start, bar in seen.items()
    ]
    assert rebuilt == rows
    assert min(map(len, seen.values())) >= 20


@given(candles(), st.integers(0, 1000))
def test_prices_stay_on_the_grid_and_volume_never_falls(rows, seed):
    ticks = ticks_for(rows, seed)

    assert (ticks.last_price % UNIT == 0).all()
    assert (ticks.traded >= 0).all()


def test_a_wide_bar_is_walked_through_not_jumped():
    ticks = ticks_for([Row(HOURS.open_s, 50_000, 60_000, 45_000, 52_000, 2_000)], 4)

    assert len(set(ticks.last_price.tolist())) > 12
    assert np.count_nonzero(ticks.traded) > 10


def test_candles_of_any_length_count_from_the_open_and_a_day_s_from_midnight():
    ticks = Ticks(
        HOURS.open_s + np.array([0, 299, 300, 4_000]),
        np.array([100, 90, 120, 110], dtype=np.int32),
        np.array([20, 0, 40, 60]),
        np.array([1, 2, 3, 4]),
    )

    five = candles_of(ticks, 5, HOURS.open_s, modelled=True)
    daily = candles_of(ticks, DAY_MINUTES, HOURS.open_s, modelled=False)

    assert [
        (one.start_s - HOURS.open_s, one.open, one.high, one.low, one.close, one.volume, one.oi) for one in five
    ] == [
        (0, 100, 100, 90, 90, 20, 2),
        (300, 120, 120, 120, 120, 40, 3),
        (3_900, 110, 110, 110, 110, 60, 4),
    ]
    assert all(one.modelled for one in five)
    assert [(one.start_s, one.open, one.close, one.volume) for one in daily] == [
        (HOURS.open_s - 9 * 3600 - 900, 100, 110, 120)
    ]


def test_nothing_traded_gives_no_candles():
    none = np.empty(0, dtype=np.int64)

    assert candles_of(Ticks(none, none.astype(np.int32), none, none), 3, HOURS.open_s, modelled=False) == []
