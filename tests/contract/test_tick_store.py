"""What every tick store promises, tried on each of them. A new store is one more entry of STORES."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from muhurat.clock import Clock, ManualClock
from muhurat.errors import StoreError
from muhurat.stores.base import QueryError, TickStore, hour_number
from muhurat.stores.registry import open_tick_store
from muhurat.stores.schema import TABLES
from tests.servers.questdb import QuestDb
from tests.stores.ticks import HOUR, TEN, ticks

ROOT = Path(__file__).parents[2]
NAN = float("nan")
UTC_TEN = datetime(2025, 9, 2, 4, 30)  # noqa: DTZ001 - as stores give it: UTC without a zone

Opener = Callable[[Clock], TickStore]


def parquet(request: pytest.FixtureRequest) -> str:
    return "parquet:///./data/ticks"


def questdb(request: pytest.FixtureRequest) -> str:
    server: QuestDb = request.getfixturevalue("questdb")
    return server.url


STORES: dict[str, Callable[[pytest.FixtureRequest], str]] = {"parquet": parquet, "questdb": questdb}
"""The URL of an empty store of each kind."""


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.servers] * (name != "parquet")) for name in STORES])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same data again and again, as processes do one after the other."""
    url = STORES[request.param](request)
    opened: list[TickStore] = []

    def opener(clock: Clock) -> TickStore:
        opened.append(open_tick_store(url, base=tmp_path, clock=clock, universe=tmp_path / "data" / "universe"))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(TEN + 60 * 10**9)


@pytest.fixture
def store(open_store: Opener, clock: ManualClock) -> TickStore:
    return open_store(clock)


def all_rows(store: TickStore, sql: str) -> list[tuple[Any, ...]]:
    return list(store.query(sql))


def one_value(store: TickStore, sql: str) -> Any:
    ((value,),) = store.query(sql)
    return value


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_table_has_all_its_columns_and_no_rows(store: TickStore, table: str) -> None:
    rows = store.query(f"SELECT * FROM {table}")
    assert (rows.columns, list(rows)) == (TABLES[table].names, [])


def test_a_row_comes_back_as_it_was(store: TickStore) -> None:
    store.append("ticks_full", ticks([4], ts_event=np.array([TEN // 10**9]), oi=np.array([0])), feed="desk")
    store.flush()
    (row,) = store.query("SELECT * FROM ticks_full").dicts()
    expected = {
        "timestamp": UTC_TEN + timedelta(milliseconds=1),
        "ts_event": UTC_TEN,
        "ts_recv_ns": TEN + 1_000_007,
        "feed": "desk",
        "symbol": "S4",
        "seq": hour_number(HOUR) << 44 | 1 << 12 | 1,
        "modelled": False,
        "last_price": 101.0,
        "volume": 40,
        "oi": 0,
    }
    assert {name: value for name, value in row.items() if value is not None} == expected


def test_what_a_packet_does_not_have_is_null_and_never_zero(store: TickStore) -> None:
    levels = {"bid_price_1": [99.5, NAN], "bid_quantity_1": [0, 0], "bid_orders_1": [3, 0]}
    depth = {name: np.array(values) for name, values in levels.items()}
    columns = ticks([0, 1], last_trade_time=np.array([0, 1_700_000_000]), average_price=np.array([NAN, 7.0]), **depth)
    store.append("ticks_full", columns, feed="desk")
    store.flush()
    wanted = "last_trade_time IS NULL, average_price, bid_price_1, bid_quantity_1, bid_orders_1, ask_quantity_1, oi"
    assert all_rows(store, f"SELECT {wanted} FROM ticks_full ORDER BY seq") == [
        (True, None, 99.5, 0, 3, None, None),
        (False, 7.0, None, None, None, None, None),
    ]


def test_packets_of_several_layouts_lie_in_one_table_in_the_order_of_the_journal(store: TickStore) -> None:
    with_volume, without = ticks([0, 2, 3]), ticks([1, 4])
    del without["volume"]
    store.append("ticks_full", with_volume, feed="desk")
    store.append("ticks_full", without, feed="desk")
    store.flush()
    assert all_rows(store, "SELECT volume FROM ticks_full ORDER BY seq") == [(0,), (None,), (20,), (30,), (None,)]


def test_rows_inserted_again_change_nothing(store: TickStore) -> None:
    store.append("ticks_full", ticks(range(100)), feed="desk")
    store.flush()
    before = all_rows(store, "SELECT * FROM ticks_full ORDER BY seq")
    for again in (range(100), range(20, 30), [5, 5, 5], range(99, -1, -1)):
        store.append("ticks_full", ticks(again), feed="desk")
        store.flush()
    assert all_rows(store, "SELECT * FROM ticks_full ORDER BY seq") == before


def test_overlapping_insertions_add_what_is_new(store: TickStore) -> None:
    for numbers in (range(50), range(25, 75), range(200, 250), range(60, 210), range(300)):
        store.append("ticks_full", ticks(numbers), feed="desk")
        store.flush()
    counts = "count(*), count(DISTINCT seq), sum(volume)"
    assert all_rows(store, f"SELECT {counts} FROM ticks_full") == [(300, 300, 10 * sum(range(300)))]


def test_a_row_that_has_changed_replaces_the_old_one(store: TickStore) -> None:
    store.append("ticks_ltp", _ltp(ticks(range(10))), feed="desk")
    store.flush()
    store.append("ticks_ltp", _ltp(ticks([3], price=500.0)), feed="desk")
    store.flush()
    found = all_rows(store, "SELECT seq & 4095, last_price FROM ticks_ltp WHERE last_price > 400")
    assert (one_value(store, "SELECT count(*) FROM ticks_ltp"), found) == (10, [(0, 500.75)])


def test_two_ticks_of_one_instrument_in_one_millisecond_both_stay(store: TickStore) -> None:
    alike = ticks([0, 1, 3], symbol=np.array(["SENSEX"] * 3, object), timestamp=np.full(3, TEN // 10**6))
    store.append("ticks_full", alike, feed="desk")
    store.flush()
    assert all_rows(store, "SELECT last_price FROM ticks_full ORDER BY seq") == [(100.0,), (100.25,), (100.75,)]


def test_a_row_whose_instrument_got_its_name_later_is_not_doubled(store: TickStore) -> None:
    for name in ("408065", "INFY"):
        store.append("ticks_full", ticks(range(3), symbol=np.array([name] * 3, object)), feed="desk")
        store.flush()
    assert all_rows(store, "SELECT symbol, count(*) FROM ticks_full GROUP BY symbol") == [("INFY", 3)]


APPEND_FOR_EVER = """
import sys
from pathlib import Path
from muhurat.clock import ManualClock
from muhurat.stores.registry import open_tick_store
from tests.stores.ticks import TEN, ticks

folder = Path(sys.argv[2])
store = open_tick_store(sys.argv[1], base=folder, clock=ManualClock(TEN), universe=folder / "data" / "universe")
for first in range(0, 30_000, 100):
    store.append("ticks_full", ticks(range(first, first + 100)), feed="desk")
    store.flush()
    print(first + 100, flush=True)
"""


def test_an_hour_is_whole_when_it_is_inserted_again_after_a_kill_in_the_middle(
    open_store: Opener, clock: ManualClock, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = STORES[request.node.callspec.params["open_store"]](request)
    command = [sys.executable, "-c", APPEND_FOR_EVER, url, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        kept = [int(process.stdout.readline()) for _ in range(7)][-1]
        time.sleep(random.random() / 20)
        process.kill()
    store = open_store(clock)
    assert one_value(store, "SELECT count(*) FROM ticks_full") >= kept
    for first in range(0, 30_000, 7_500):
        store.append("ticks_full", ticks(range(first, first + 7_500)), feed="desk")
    store.flush()
    counts = "count(*), count(DISTINCT seq), sum(volume)"
    assert all_rows(store, f"SELECT {counts} FROM ticks_full") == [(30_000, 30_000, 10 * sum(range(30_000)))]


ROWS = "SELECT seq, feed, symbol, last_price FROM {} ORDER BY feed, seq"
ELEVEN = "20250902_1100"


def kept(store: TickStore, table: str = "ticks_full") -> list[tuple[Any, ...]]:
    return all_rows(store, ROWS.format(table))


def rows_of(numbers: Iterable[int], *, feed: str = "desk", hour: str = HOUR, price: float = 100.0) -> list[Any]:
    columns = ticks(numbers, hour=hour, price=price)
    named = zip(columns["seq"].tolist(), columns["symbol"].tolist(), columns["last_price"].tolist(), strict=True)
    return [(seq, feed, symbol, last) for seq, symbol, last in named]


def test_an_hour_that_is_replaced_has_the_new_rows_and_no_others(store: TickStore) -> None:
    """Its second half lies in another UTC hour; other feeds, hours and candles stay as they are."""
    both_halves = [*range(40), *range(6_000_000, 6_000_030)]
    for feed, hour in (("desk", HOUR), ("desk", ELEVEN), ("sso_xvenue", HOUR)):
        store.append("ticks_full", ticks(both_halves, hour=hour), feed=feed)
    store.append("ticks_ltp", _ltp(ticks(range(9))), feed="desk")
    store.append("ticks_ltp", _ltp(ticks(range(9))), feed="sso_xvenue")
    store.append("repaired_candles", _candles(ticks(range(3))), feed="desk")
    store.flush()
    new = [*range(10, 60), *range(6_000_010, 6_000_020)]
    with store.replacing("desk", HOUR) as replacement:
        replacement.append("ticks_full", ticks(new[:30], price=500.0))
        replacement.append("ticks_full", ticks(new[30:], price=500.0))
    others = [*rows_of(both_halves, hour=ELEVEN), *rows_of(both_halves, feed="sso_xvenue")]
    assert kept(store) == [*rows_of(new, price=500.0), *others]
    assert {row[1] for row in kept(store, "ticks_ltp")} == {"sso_xvenue"}
    assert one_value(store, "SELECT count(*) FROM repaired_candles") == 3
    covered = [(held.table, held.feed, held.hour, held.rows) for held in store.coverage() if held.feed == "desk"]
    assert covered == [
        ("repaired_candles", "desk", HOUR, 3),
        ("ticks_full", "desk", HOUR, 60),
        ("ticks_full", "desk", ELEVEN, 70),
    ]


def test_an_hour_that_was_replaced_takes_further_rows(open_store: Opener, clock: ManualClock) -> None:
    with open_store(clock) as store:
        store.append("ticks_full", ticks(range(50)), feed="desk")
        with store.replacing("desk", HOUR) as replacement:
            replacement.append("ticks_full", ticks(range(20)))
        store.append("ticks_full", ticks(range(15, 25)), feed="desk")
    with open_store(clock) as store:
        store.append("ticks_full", ticks(range(24, 30)), feed="desk")
        store.flush()
        assert kept(store) == rows_of(range(30))
        with store.replacing("desk", HOUR):
            pass
        assert (kept(store), store.coverage()) == ([], [])


def test_an_hour_stays_as_it_was_when_its_replacement_fails(store: TickStore) -> None:
    store.append("ticks_full", ticks(range(20)), feed="desk")
    with pytest.raises(ZeroDivisionError), store.replacing("desk", HOUR) as replacement:  # noqa: PT012
        replacement.append("ticks_full", ticks(range(100, 130)))
        assert kept(store) == rows_of(range(20))
        1 / 0  # noqa: B018
    with (
        pytest.raises(StoreError, match="rows of 20250902_1100 cannot replace"),
        store.replacing("desk", HOUR) as other,
    ):
        other.append("ticks_full", ticks([0], hour=ELEVEN))
    with pytest.raises(StoreError, match="not made from the journal"), store.replacing("desk", HOUR) as other:
        other.append("repaired_candles", ticks([0]))
    assert kept(store) == rows_of(range(20))


def test_an_hour_is_not_replaced_while_another_process_appends_to_its_feed(
    open_store: Opener, clock: ManualClock
) -> None:
    first, second = open_store(clock), open_store(clock)
    first.append("ticks_full", ticks(range(5)), feed="desk")
    first.flush()
    with pytest.raises(StoreError, match="another process appends ticks of 'desk'"), second.replacing("desk", HOUR):
        pass
    assert kept(first) == rows_of(range(5))


REPLACE_FOR_EVER = """
import sys
from pathlib import Path
from muhurat.clock import ManualClock
from muhurat.stores.registry import open_tick_store
from tests.stores.ticks import HOUR, TEN, ticks

folder = Path(sys.argv[2])
store = open_tick_store(sys.argv[1], base=folder, clock=ManualClock(TEN), universe=folder / "data" / "universe")
for turn in range(10_000):
    print(turn, flush=True)
    with store.replacing("desk", HOUR) as replacement:
        replacement.append("ticks_full", ticks(range(turn % 2 * 100, 300), price=100.0 + turn % 2))
"""


def test_an_hour_is_the_old_or_the_new_one_after_a_kill_and_the_new_one_when_it_is_done_again(
    open_store: Opener, clock: ManualClock, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with open_store(clock) as store:
        store.append("ticks_full", ticks(range(50)), feed="sso_xvenue")
    url = STORES[request.node.callspec.params["open_store"]](request)
    command = [sys.executable, "-c", REPLACE_FOR_EVER, url, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        time.sleep(random.random() / 5)
        process.kill()
    store = open_store(clock)
    store.append("ticks_full", ticks([300]), feed="desk")
    store.flush()
    old, new = rows_of(range(301)), [*rows_of(range(100, 300), price=101.0), *rows_of([300])]
    others = rows_of(range(50), feed="sso_xvenue")
    assert kept(store) in ([*old, *others], [*new, *others])
    with store.replacing("desk", HOUR) as replacement:
        replacement.append("ticks_full", ticks(range(7)))
    assert kept(store) == [*rows_of(range(7)), *others]


def test_feeds_do_not_disturb_each_other(store: TickStore) -> None:
    for feed in ("desk", "sso_xvenue"):
        store.append("ticks_full", ticks(range(30)), feed=feed)
    store.flush()
    found = all_rows(store, "SELECT feed, count(*) FROM ticks_full GROUP BY feed ORDER BY feed")
    assert found == [("desk", 30), ("sso_xvenue", 30)]


def test_another_process_sees_what_was_flushed_and_goes_on_after_close(open_store: Opener, clock: ManualClock) -> None:
    first, second = open_store(clock), open_store(clock)
    first.append("ticks_full", ticks(range(10)), feed="desk")
    first.flush()
    assert one_value(second, "SELECT count(*) FROM ticks_full") == 10
    first.close()
    second.append("ticks_full", ticks(range(5, 15)), feed="desk")
    second.flush()
    assert one_value(second, "SELECT count(*) FROM ticks_full") == 15


def test_only_one_process_appends_to_a_feed(open_store: Opener, clock: ManualClock) -> None:
    first, second = open_store(clock), open_store(clock)
    first.append("ticks_full", ticks([0]), feed="desk")
    with pytest.raises(StoreError, match="another process appends ticks of 'desk'"):
        second.append("ticks_full", ticks([1]), feed="desk")
    second.append("ticks_full", ticks([1]), feed="sso_xvenue")


def test_coverage_tells_rows_and_times_by_table_feed_and_hour(store: TickStore) -> None:
    store.append("ticks_full", ticks(range(30)), feed="desk")
    store.append("ticks_full", ticks(range(3), hour="20250902_1100"), feed="desk")
    store.append("ticks_ltp", _ltp(ticks(range(6))), feed="desk")
    store.flush()
    covered = [(held.table, held.feed, held.hour, held.rows) for held in store.coverage()]
    assert covered == [
        ("ticks_full", "desk", HOUR, 30),
        ("ticks_full", "desk", "20250902_1100", 3),
        ("ticks_ltp", "desk", HOUR, 6),
    ]
    assert (store.coverage()[0].first_ns, store.coverage()[0].last_ns) == (TEN, TEN + 9_000_000)


def test_the_missions_check_of_the_last_hour_runs_as_written(store: TickStore, clock: ManualClock) -> None:
    check = "SELECT count(*) FROM ticks_full WHERE timestamp > dateadd('h', -1, now()); -- Zerodha"
    assert one_value(store, check) == 0
    store.append("ticks_full", ticks(range(3000)), feed="desk")
    store.flush()
    assert one_value(store, check) == 3000
    clock.set(TEN + 3600 * 10**9 + 499 * 10**6)
    assert one_value(store, check) == 1500
    clock.advance(3600)
    assert one_value(store, check) == 0


@pytest.mark.parametrize(
    ("unit", "count", "then"),
    [
        ("s", -90, datetime(2025, 9, 2, 4, 29, 30)),  # noqa: DTZ001
        ("m", 5, datetime(2025, 9, 2, 4, 36)),  # noqa: DTZ001
        ("h", 1, datetime(2025, 9, 2, 5, 31)),  # noqa: DTZ001
        ("d", -2, datetime(2025, 8, 31, 4, 31)),  # noqa: DTZ001
        ("w", 1, datetime(2025, 9, 9, 4, 31)),  # noqa: DTZ001
        ("M", -1, datetime(2025, 8, 2, 4, 31)),  # noqa: DTZ001
        ("y", 1, datetime(2026, 9, 2, 4, 31)),  # noqa: DTZ001
    ],
)
def test_dateadd_knows_the_units_of_questdb(store: TickStore, unit: str, count: int, then: datetime) -> None:
    assert one_value(store, f"SELECT dateadd('{unit}', {count}, now())") == then


def test_wrong_sql_is_refused_naming_the_place(store: TickStore) -> None:
    with pytest.raises(QueryError, match=r"line 2, column 3: .*symbl") as caught:
        store.query("SELECT last_price,\n  symbl FROM ticks_full")
    assert (caught.value.line, caught.value.column) == (2, 3)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "",
        "DROP VIEW ticks_full",
        "COPY (SELECT 1) TO 'out.csv'",
        "SELECT * FROM nothing",
        "SELEKT 1",
        "SELECT CAST(feed AS INT) FROM (SELECT 'x' AS feed)",
    ],
)
def test_what_is_no_single_valid_select_is_refused(store: TickStore, sql: str) -> None:
    with pytest.raises(QueryError, match="the query cannot be run"):
        list(store.query(sql))


def test_rows_that_cannot_be_kept_are_refused_naming_the_offender(store: TickStore) -> None:
    with pytest.raises(StoreError, match="unknown table 'tick'"):
        store.append("tick", ticks([0]), feed="desk")
    with pytest.raises(StoreError, match="ticks_ltp has no column 'volume'"):
        store.append("ticks_ltp", ticks([0]), feed="desk")
    with pytest.raises(StoreError, match="need the column 'symbol'"):
        store.append("ticks_full", {name: v for name, v in ticks([0]).items() if name != "symbol"}, feed="desk")
    with pytest.raises(StoreError, match="'last_price' has 1 values for 2 rows"):
        store.append("ticks_full", {**ticks([0, 1]), "last_price": np.array([1.0])}, feed="desk")
    next_hour = ticks([0], hour="20250902_1100")
    both = {name: np.append(values, next_hour[name]) for name, values in ticks([0]).items()}
    with pytest.raises(StoreError, match="cannot be appended together"):
        store.append("ticks_full", both, feed="desk")


def test_no_rows_are_no_trouble(store: TickStore) -> None:
    store.append("ticks_full", ticks([]), feed="desk")
    store.flush()
    assert store.coverage() == []


def _ltp(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: values for name, values in columns.items() if name != "volume"}


def _candles(columns: dict[str, Any]) -> dict[str, Any]:
    made = {name: values for name, values in columns.items() if name != "last_price"}
    texts = {name: np.array(["x"] * len(made["seq"]), object) for name in ("source", "reason")}
    return {**made, **texts, "repaired": np.ones(len(made["seq"]), np.bool_)}
