"""DuckDB over the parts: the desk's time, names for people, errors that point at the place."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from muhurat.clock import ManualClock
from muhurat.errors import StoreError
from muhurat.stores.base import QueryError
from muhurat.stores.parquet import ParquetTickStore
from muhurat.stores.parquet.layout import parts_in
from muhurat.stores.parquet.sql import TickSql
from tests.stores.ticks import TEN, ticks, write_universe

C8_NAMES = {
    *("timestamp", "symbol", "instrument_token", "asset_class", "last_price", "last_quantity", "volume", "oi"),
    *("open", "high", "low", "close", "best_bid_price", "best_bid_quantity", "best_ask_price", "best_ask_quantity"),
    *("underlying", "expiry", "last_trade_time", "average_price", "buy_quantity", "sell_quantity", "net_change"),
    *("lower_circuit_limit", "upper_circuit_limit", "last_traded_timestamp", "exchange_timestamp"),
    *("oi_day_high", "oi_day_low", "market_depth", "ohlc", "depth"),
}


@pytest.fixture
def store(tmp_path: Path) -> ParquetTickStore:
    return ParquetTickStore(tmp_path / "ticks", ManualClock(TEN + 123_456_000), universe=tmp_path / "universe")


def put(store: ParquetTickStore, columns: dict[str, Any], feed: str = "desk") -> None:
    store.append("ticks_full", columns, feed=feed)
    store.flush()


def only(store: ParquetTickStore, sql: str) -> Any:
    ((value,),) = store.query(sql)
    return value


@pytest.mark.parametrize("name", ["now()", "current_timestamp"])
def test_now_is_the_desks_time(store: ParquetTickStore, name: str) -> None:
    assert only(store, f"SELECT {name}") == datetime(2025, 9, 2, 4, 30, 0, 123456)  # noqa: DTZ001


def test_ist_is_the_clock_on_the_wall(store: ParquetTickStore) -> None:
    put(store, ticks([0]))
    assert only(store, "SELECT ist(timestamp) FROM ticks_full") == datetime(2025, 9, 2, 10, 0)  # noqa: DTZ001


def test_an_instant_with_a_zone_comes_back_as_plain_utc(store: ParquetTickStore) -> None:
    sql = "SELECT 1 AS one, (ist(now()) AT TIME ZONE 'Asia/Kolkata') AS \"the now\" -- zoned"
    rows = store.query(sql)
    assert (rows.columns, list(rows)) == (
        ("one", "the now"),
        [(1, datetime(2025, 9, 2, 4, 30, 0, 123456))],  # noqa: DTZ001
    )


def test_columns_called_alike_are_told_apart(store: ParquetTickStore) -> None:
    rows = store.query("SELECT 1 AS a, 2 AS b, 3 AS a")
    assert list(rows.dicts()) == [{"a": 1, "b": 2, "a_1": 3}]


def test_an_unknown_unit_of_dateadd_is_named(store: ParquetTickStore) -> None:
    with pytest.raises(QueryError, match="dateadd: the unit is one of y M w d h m s T u, not q"):
        store.query("SELECT dateadd('q', 1, now())")


def test_the_place_is_right_in_a_long_line_that_duckdb_shortens(store: ParquetTickStore) -> None:
    sql = "SELECT " + "last_price, " * 40 + "symbl, " + "last_price, " * 40 + "1 FROM ticks_full"
    with pytest.raises(QueryError) as caught:
        store.query(sql)
    assert (caught.value.line, caught.value.column) == (1, sql.index("symbl") + 1)
    assert "symbol" in caught.value.hint


def test_an_error_met_while_rows_are_read_is_one_of_the_query(store: ParquetTickStore) -> None:
    rows = store.query("SELECT CASE WHEN n = 5000000 THEN error('too far') ELSE n END FROM range(9000000) t(n)")
    with pytest.raises(QueryError, match="too far"):
        list(rows)


def test_variables_of_the_program_are_not_tables(store: ParquetTickStore) -> None:
    sql = "SELECT * FROM sql"
    with pytest.raises(QueryError, match="sql does not exist"):
        store.query(sql)


def test_files_that_vanish_while_they_are_looked_up_are_looked_up_again(
    store: ParquetTickStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, ticks(range(4)))
    put(store, ticks(range(4, 8)))
    found = TickSql._files
    vanished = []

    def files(self: TickSql, table: Any) -> list[Path]:
        paths = found(self, table)
        if not vanished and paths:
            store.close()
            vanished.append(table)
        return paths

    monkeypatch.setattr(TickSql, "_files", files)
    assert only(store, "SELECT count(*) FROM ticks_full") == 8
    assert vanished


def test_a_spoilt_file_is_named(store: ParquetTickStore, tmp_path: Path) -> None:
    put(store, ticks(range(4)))
    (part,) = parts_in(tmp_path / "ticks/ticks_full/date=2025-09-02/hour=10")
    part.path.write_bytes(b"no footer here, only text")
    with pytest.raises(StoreError, match=part.path.name):
        store.query("SELECT count(*) FROM ticks_full")


def test_a_folder_with_a_quote_in_its_name_is_no_trouble(tmp_path: Path) -> None:
    store = ParquetTickStore(tmp_path / "the desk's", ManualClock(TEN), universe=tmp_path)
    put(store, ticks([1]))
    assert only(store, "SELECT symbol FROM ticks_full") == "S1"


def test_files_from_before_a_column_was_added_are_queried_with_nulls(store: ParquetTickStore, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    put(store, ticks(range(4)))
    (part,) = parts_in(tmp_path / "ticks/ticks_full/date=2025-09-02/hour=10")
    pq.write_table(pq.read_table(part.path, partitioning=None).drop_columns(["volume"]), part.path)
    put(store, ticks(range(4, 6)))
    assert list(store.query("SELECT count(*), count(volume) FROM ticks_full")) == [(6, 2)]


class TestNamed:
    """The view with the raw crawler's field names."""

    def test_it_has_every_field_of_the_mission(self, store: ParquetTickStore) -> None:
        assert set(store.query("SELECT * FROM ticks_full_named").columns) >= C8_NAMES

    def test_it_knows_the_instrument_from_the_universe_of_its_feed_and_day(
        self, store: ParquetTickStore, tmp_path: Path
    ) -> None:
        future = (
            '{"S0": {"token": 7, "exchange": "NFO", "type": "FUT", "underlying": "SBIN", "expiry": "2025-09-30",'
            ' "asset_class": "equity_futures", "lot": 750}}'
        )
        write_universe(tmp_path / "universe", "desk", "20250902", future)
        write_universe(tmp_path / "universe", "desk", "20250903", future.replace("SBIN", "TCS"))
        put(store, ticks([0, 1]))
        put(store, ticks([0]), feed="other")
        known = "symbol, feed, asset_class, underlying, expiry"
        assert list(store.query(f"SELECT {known} FROM ticks_full_named ORDER BY feed, seq")) == [
            ("S0", "desk", "equity_futures", "SBIN", date(2025, 9, 30)),
            ("S1", "desk", None, None, None),
            ("S0", "other", None, None, None),
        ]
        assert only(store, "SELECT count(*) FROM universe WHERE type = 'FUT'") == 2

    def test_depth_lists_the_levels_that_are_there(self, store: ParquetTickStore) -> None:
        levels = {
            "bid_price_1": np.array([99.5]),
            "bid_quantity_1": np.array([20]),
            "bid_orders_1": np.array([2]),
            "bid_price_2": np.array([float("nan")]),
            "bid_quantity_2": np.array([0]),
            "bid_orders_2": np.array([0]),
        }
        put(store, ticks([0], open=np.array([1.0]), **levels))
        (row,) = store.query("SELECT depth, market_depth, ohlc, best_bid_price FROM ticks_full_named").dicts()
        depth = {"buy": [{"quantity": 20, "price": 99.5, "orders": 2}], "sell": []}
        assert row == {
            "depth": depth,
            "market_depth": depth,
            "ohlc": {"open": 1.0, "high": None, "low": None, "close": None},
            "best_bid_price": 99.5,
        }

    def test_a_spoilt_universe_file_is_named(self, store: ParquetTickStore, tmp_path: Path) -> None:
        write_universe(tmp_path / "universe", "desk", "20250902", '{"S0": {"token": "seven"}}')
        with pytest.raises(StoreError, match=r"desk_20250902\.json cannot be read"):
            store.query("SELECT * FROM ticks_full_named")
