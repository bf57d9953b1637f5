"""Repeated packets, prices that cannot be, and clocks: counted where they are, and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from muhurat.calendars.session import Window
from muhurat.capture.quality.measures import Measured, measure, quantile, total
from muhurat.clock import NS_PER_S, ManualClock
from muhurat.stores.base import TickStore, make_seq
from muhurat.stores.registry import open_tick_store
from tests.stores.ticks import HOUR, TEN

FEED = "desk"
WINDOW = (Window(TEN, TEN + 3600 * NS_PER_S),)
USUAL = {
    "last_price": 100.0,
    "volume": 10,
    "oi": 5,
    "buy_quantity": 7,
    "sell_quantity": 8,
    "last_quantity": 1,
    "high": 110.0,
    "low": 90.0,
    "bid_price_1": 99.95,
    "bid_quantity_1": 20,
    "ask_price_1": 100.05,
    "ask_quantity_1": 20,
}


class Ticks:
    """Ticks of one instrument, one a second, each as the usual one but for what is said."""

    def __init__(self, store: TickStore) -> None:
        self.store = store
        self._record = 0

    def put(self, *ticks: dict[str, Any], symbol: str = "A", lag_s: float = 0.6, feed: str = FEED) -> None:
        """Each tick has a volume of its own, and so differs from the one before unless both say it."""
        second = np.arange(len(ticks)) + self._record
        rows = [USUAL | {"volume": 1000 + int(at)} | tick for at, tick in zip(second, ticks, strict=True)]
        event = np.array([row.pop("at_s", int(at)) for at, row in zip(second, rows, strict=True)]) + TEN // NS_PER_S
        recv = event * NS_PER_S + round(lag_s * NS_PER_S)
        columns: dict[str, Any] = {
            "timestamp": recv // 10**6,
            "ts_recv_ns": recv,
            "ts_event": event,
            "exchange_timestamp": event,
            "symbol": np.full(len(rows), symbol, object),
            "seq": make_seq(HOUR, second, np.zeros(len(rows), np.int64)),
            "modelled": np.zeros(len(rows), bool),
        }
        for name, usual in USUAL.items():
            kind = np.float64 if isinstance(usual, float) else np.int64
            columns[name] = np.array([row[name] for row in rows], kind)
        self._record += len(rows)
        self.store.append("ticks_full", columns, feed=feed)
        self.store.flush()

    def found(self, jump_share: float = 0.2) -> dict[str, Measured]:
        return measure(self.store, FEED, WINDOW, jump_share)

    def counts(self, symbol: str = "A") -> dict[str, int]:
        return {name: number for name, number in self.found()[symbol].counts.items() if number}


@pytest.fixture
def ticks(tmp_path: Path) -> Iterator[Ticks]:
    with open_tick_store("parquet:///./ticks", base=tmp_path, clock=ManualClock(TEN), universe=tmp_path) as store:
        yield Ticks(store)


def test_ordinary_ticks_are_only_counted(ticks: Ticks) -> None:
    ticks.put({}, {"last_price": 101.0}, {"last_price": 99.0})
    assert ticks.counts() == {"ticks": 3}


def test_a_packet_that_came_twice_is_a_repeated_one(ticks: Ticks) -> None:
    same = {"volume": 5, "at_s": 1}
    ticks.put({}, same, same, same, {})
    assert ticks.counts() == {"ticks": 5, "duplicates": 2}


@pytest.mark.parametrize("difference", [{"bid_quantity_1": 21}, {"last_price": 100.5}, {"at_s": 2}, {"oi": 6}])
def test_one_in_which_anything_differs_is_not(ticks: Ticks, difference: dict[str, Any]) -> None:
    same = {"volume": 5, "at_s": 1}
    ticks.put(same, same | difference)
    assert ticks.counts() == {"ticks": 2}


def test_the_same_packet_of_another_instrument_is_not_a_repeated_one(ticks: Ticks) -> None:
    same = {"volume": 5, "at_s": 1}
    ticks.put(same)
    ticks.put(same, symbol="B")
    assert (ticks.counts(), ticks.counts("B")) == ({"ticks": 1}, {"ticks": 1})


@pytest.mark.parametrize(
    ("tick", "name"),
    [
        ({"last_price": 0.0, "low": 0.0}, "not_positive"),
        ({"last_price": -1.0, "low": 0.0}, "not_positive"),
        ({"last_price": 110.05}, "outside_day"),
        ({"last_price": 89.95}, "outside_day"),
        ({"bid_price_1": 100.1}, "crossed"),
    ],
)
def test_prices_that_cannot_be(ticks: Ticks, tick: dict[str, Any], name: str) -> None:
    ticks.put({}, tick, tick | {"last_price": 100.0} if name == "crossed" else {})
    assert ticks.counts()[name] == (2 if name == "crossed" else 1)


def test_what_is_absent_is_not_suspicious(ticks: Ticks) -> None:
    nothing = {"high": float("nan"), "low": float("nan"), "bid_price_1": float("nan"), "ask_price_1": float("nan")}
    ticks.put(nothing, nothing)
    assert ticks.counts() == {"ticks": 2}


def test_a_jump_that_the_next_price_takes_back_is_one(ticks: Ticks) -> None:
    wide = {"high": 1000.0, "low": 1.0}
    prices = (100.0, 130.0, 100.0, 101.0, 60.0, 100.0, 100.0, 130.0, 131.0, 132.0)
    ticks.put(*({"last_price": price} | wide for price in prices))
    assert ticks.counts() == {"ticks": 10, "spikes": 2}  # 130 at first and 60; not the 130 that stays


def test_the_size_of_a_jump_is_a_matter_of_choice(ticks: Ticks) -> None:
    ticks.put({"last_price": 100.0}, {"last_price": 106.0}, {"last_price": 100.0})
    assert ticks.found(0.05)["A"].counts["spikes"] == 1
    assert ticks.found(0.10)["A"].counts["spikes"] == 0


def test_prices_that_the_exchange_did_not_allow(ticks: Ticks) -> None:
    ticks.put({}, {"last_price": 105.05}, {"last_price": 94.9}, {"last_price": 95.0})
    ticks.put({"last_price": 105.05}, symbol="it's")
    bands = {"A": (95.0, 105.0), "it's": (1.0, 2.0), "of nobody": (1.0, 2.0)}
    found = measure(ticks.store, FEED, WINDOW, 0.2, bands)
    assert {symbol: told.counts["outside_limits"] for symbol, told in found.items()} == {"A": 2, "it's": 1}


def test_the_clocks_are_compared_and_negative_lags_counted(ticks: Ticks) -> None:
    ticks.put(*({} for _ in range(97)))
    ticks.put({}, {}, lag_s=1.5)
    ticks.put({}, lag_s=-0.25)
    told = total(ticks.found())
    assert told["skew"] == {"median_s": 0.6, "p99_s": 1.5, "negative": 1}
    assert told["counts"]["ticks"] == 100


def test_other_feeds_and_hours_do_not_count(ticks: Ticks) -> None:
    ticks.put({}, feed="other")
    ticks.put({"at_s": 3601}, {"at_s": -1})
    assert ticks.found() == {}


def test_quantiles_of_counted_lags() -> None:
    assert quantile({}, 0.5) is None
    assert quantile(Counter({-10: 1, 20: 98, 300: 1}), 0.5) == 0.2
    assert quantile(Counter({-10: 1, 20: 98, 300: 1}), 0.999) == 3.0
