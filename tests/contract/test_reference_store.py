"""What every reference store promises, tried on SQLite and on a real MariaDB."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muhurat.errors import StoreError
from muhurat.stores.base import ReferenceStore
from muhurat.stores.registry import open_reference_store
from tests.servers.mariadb import MariaDb
from tests.stores.sql.rows import DAY, NEXT_DAY, bans, bhavcopy

KINDS = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("mysql", id="mariadb", marks=pytest.mark.servers),
]


@dataclass(frozen=True)
class Place:
    """Where a store is kept, and how it is opened, as processes do one after the other."""

    url: str
    base: Path

    def open(self) -> ReferenceStore:
        return open_reference_store(self.url, base=self.base)

    def python(self, code: str) -> subprocess.Popen[str]:
        """A process of its own that has the store as `store`."""
        head = (
            "import sys, time\nfrom pathlib import Path\nfrom tests.stores.sql.rows import *\n"
            "from muhurat.stores.registry import open_reference_store\n"
            f"store = open_reference_store({self.url!r}, base=Path({str(self.base)!r}))\n"
        )
        return subprocess.Popen(
            [sys.executable, "-c", head + code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place("sqlite:///./data/reference.db", tmp_path)
    name = request.getfixturevalue("mariadb_database")
    server: MariaDb = request.getfixturevalue("mariadb")
    return Place(server.url(name), tmp_path)


@pytest.fixture
def store(place: Place) -> Iterator[ReferenceStore]:
    opened = place.open()
    yield opened
    opened.close()


def put(store: ReferenceStore, table: str, columns: Any, **where: Any) -> int:
    with store.transaction() as transaction:
        return transaction.replace(table, columns, where=where)


def test_a_new_store_has_every_table_and_no_rows(store: ReferenceStore) -> None:
    assert {"BannedInstruments", "CmBhavcopy", "FoBhavcopy", "SpanRisk", "Instruments"} <= set(store.tables())
    assert {store.count(table) for table in store.tables()} == {0}


def test_rows_come_back_as_they_were(store: ReferenceStore) -> None:
    columns = bhavcopy(3)
    assert put(store, "FoBhavcopy", columns, TradDt=DAY) == 3
    rows = store.read("FoBhavcopy", order_by=["FinInstrmId"])
    assert [list(row) for row in rows] == [list(columns)] * 3
    assert rows[1]["TradDt"] == DAY
    assert rows[1]["XpryDt"] == date(2026, 12, 31)
    assert (rows[0]["StrkPric"], rows[1]["StrkPric"]) == (None, 100.5)
    assert {name: values[2] for name, values in columns.items() if "Dt" not in name} == {
        name: value for name, value in rows[2].items() if "Dt" not in name
    }


def test_columns_may_be_lists_tuples_or_arrays(store: ReferenceStore) -> None:
    columns = {
        "IndexName": ("NIFTY 50", "Nifty Bank"),
        "OpenValue": np.array([25000.05, np.nan]),
        "HighValue": [1, np.float64(2.5)],
        "Volume": np.array([5, 2**40]),
        "LowValue": np.array([1, 2], dtype=np.int32),
        "IndexDate": np.array(["2026-11-20", "2026-11-20"], dtype="datetime64[ns]"),
    }
    put(store, "IndexOhlc", columns)
    assert store.read("IndexOhlc", columns=[*columns], order_by=["IndexName"]) == [
        {
            "IndexName": "NIFTY 50",
            "OpenValue": 25000.05,
            "HighValue": 1.0,
            "Volume": 5,
            "LowValue": 1.0,
            "IndexDate": DAY,
        },
        {
            "IndexName": "Nifty Bank",
            "OpenValue": None,
            "HighValue": 2.5,
            "Volume": 2**40,
            "LowValue": 2.0,
            "IndexDate": DAY,
        },
    ]


def test_replacing_a_day_leaves_the_others(store: ReferenceStore) -> None:
    put(store, "FoBhavcopy", bhavcopy(50), TradDt=DAY)
    put(store, "FoBhavcopy", bhavcopy(30, NEXT_DAY), TradDt=NEXT_DAY)
    put(store, "FoBhavcopy", bhavcopy(20), TradDt=DAY.isoformat())
    assert (store.count("FoBhavcopy", where={"TradDt": DAY}), store.count("FoBhavcopy")) == (20, 50)


def test_the_columns_of_where_are_filled_in(store: ReferenceStore) -> None:
    put(store, "BannedInstruments", {"Symbol": ["SAIL"], "IsBanned": [True]}, IsUserCreated=False, TradeDate=None)
    (row,) = store.read("BannedInstruments", where={"TradeDate": None})
    assert row == {
        "Symbol": "SAIL",
        "Reason": None,
        "IsBanned": True,
        "IsUserCreated": False,
        "TradeDate": None,
    }


def test_a_users_own_bans_survive_the_days_list(store: ReferenceStore) -> None:
    put(store, "BannedInstruments", bans("SAIL", "RBLBANK", user=True), IsUserCreated=True)
    put(store, "BannedInstruments", bans("SAIL", "IDEA"), IsUserCreated=False)
    put(store, "BannedInstruments", bans(), IsUserCreated=False)
    assert [row["Symbol"] for row in store.read("BannedInstruments", order_by=["Symbol"])] == ["RBLBANK", "SAIL"]


def test_rows_of_another_day_among_them_are_refused_and_nothing_changes(store: ReferenceStore) -> None:
    put(store, "FoBhavcopy", bhavcopy(5), TradDt=DAY)
    other = bhavcopy(9, NEXT_DAY)
    mixed = {name: [*values, *other[name]] for name, values in bhavcopy(5).items()}
    with pytest.raises(StoreError, match="where TradDt is '2026-11-20' include one where it is '2026-11-23'"):
        put(store, "FoBhavcopy", mixed, TradDt=DAY)
    assert store.count("FoBhavcopy") == 5


def test_a_transaction_that_raises_leaves_everything_as_it_was(store: ReferenceStore) -> None:
    put(store, "FoBhavcopy", bhavcopy(40), TradDt=DAY)
    before = store.checksum()

    def change_and_fail() -> None:
        with store.transaction() as transaction:
            transaction.replace("FoBhavcopy", bhavcopy(9), where={"TradDt": DAY})
            transaction.replace("BannedInstruments", bans("IDEA"), where={})
            transaction.delete("FoBhavcopy", where={})
            raise ValueError("the second file is broken")

    with pytest.raises(ValueError, match="the second file is broken"):
        change_and_fail()
    assert store.checksum() == before


def test_two_tables_become_visible_together(place: Place, store: ReferenceStore) -> None:
    other = place.open()
    with store.transaction() as transaction:
        transaction.replace("FoBhavcopy", bhavcopy(4), where={"TradDt": DAY})
        transaction.replace("CmBhavcopy", bhavcopy(2), where={"TradDt": DAY})
        assert (other.count("FoBhavcopy"), other.count("CmBhavcopy")) == (0, 0)
    assert (other.count("FoBhavcopy"), other.count("CmBhavcopy")) == (4, 2)
    other.close()


def test_delete_says_how_many(store: ReferenceStore) -> None:
    put(store, "BannedInstruments", bans("SAIL", "IDEA", "RBLBANK"))
    with store.transaction() as transaction:
        assert transaction.delete("BannedInstruments", where={"Symbol": "IDEA"}) == 1
        assert transaction.delete("BannedInstruments", where={"Symbol": "idea"}) == 0
        assert transaction.delete("BannedInstruments", where={}) == 2


def test_reading_filters_orders_limits_and_picks_columns(store: ReferenceStore) -> None:
    put(store, "FoBhavcopy", bhavcopy(10), TradDt=DAY)
    found = store.read(
        "FoBhavcopy", where={"OptnTp": "CE"}, columns=["FinInstrmId", "ClsPric"], order_by=["ClsPric"], limit=2
    )
    assert found == [{"FinInstrmId": 35001, "ClsPric": 1.05}, {"FinInstrmId": 35003, "ClsPric": 3.05}]


def test_more_rows_than_a_chunk_holds_arrive_in_full(store: ReferenceStore) -> None:
    assert put(store, "FoBhavcopy", bhavcopy(9001), TradDt=DAY) == 9001
    assert store.count("FoBhavcopy") == 9001
    (last,) = store.read("FoBhavcopy", where={"FinInstrmId": 35000 + 9000})
    assert last["TtlTradgVol"] == 9000 * 75


def test_what_does_not_fit_is_refused_by_name_and_nothing_changes(store: ReferenceStore) -> None:
    put(store, "FoBhavcopy", bhavcopy(3), TradDt=DAY)
    for change, words in (
        ({"StrkPric": [float("inf"), 1.0]}, "FoBhavcopy.StrkPric takes a finite number, not inf"),
        ({"FinInstrmId": [1, None]}, "FoBhavcopy.FinInstrmId is empty in a row"),
        ({"FinInstrmId": [7, 7]}, "refuses rows against its rules"),
        ({"TckrSymb": ["\udc80", "X"]}, "a value for FoBhavcopy cannot be kept"),
        ({"OptnTp": ["CE", "far too long"]}, "OptnTp takes 8 characters, not 12: 'far too long'"),
    ):
        with pytest.raises(StoreError) as caught:
            put(store, "FoBhavcopy", {**bhavcopy(2), **change}, TradDt=DAY)
        assert words in str(caught.value)
        assert caught.value.permanent
    assert store.count("FoBhavcopy") == 3


def test_unknown_tables_and_columns_are_named_with_the_known_ones(store: ReferenceStore) -> None:
    with pytest.raises(StoreError, match="no table 'Bhavcopy'") as caught:
        store.read("Bhavcopy")
    assert "FoBhavcopy" in caught.value.hint
    for ask in ({"where": {"Day": DAY}}, {"columns": ["Day"]}, {"order_by": ["Day"]}):
        with pytest.raises(StoreError, match="FoBhavcopy has no column 'Day'"):
            store.read("FoBhavcopy", **ask)  # type: ignore[arg-type]
    without_key = {name: values for name, values in bhavcopy(2).items() if name != "FinInstrmId"}
    with pytest.raises(StoreError, match="need the column FinInstrmId"):
        put(store, "FoBhavcopy", without_key)


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=60)
NUMBER = st.one_of(st.none(), st.floats(allow_infinity=False), st.sampled_from([-0.0, 5e-324, 1.7976931348623157e308]))
WHOLE = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
DATE = st.one_of(st.none(), st.dates(date(1900, 1, 1), date(2100, 1, 1)))
ROW = st.tuples(st.one_of(st.none(), TEXT), NUMBER, WHOLE, DATE)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=20))
def test_any_value_survives(store: ReferenceStore, rows: list[tuple[Any, ...]]) -> None:
    name, price, open_interest, expiry = (list(values) for values in zip(*rows, strict=True))
    columns = {
        "FinInstrmId": list(range(len(rows))),
        "FinInstrmNm": name,
        "ClsPric": price,
        "OpnIntrst": open_interest,
        "XpryDt": expiry,
    }
    put(store, "FoBhavcopy", columns, TradDt=DAY)
    found = store.read("FoBhavcopy", columns=[*columns], order_by=["FinInstrmId"])
    prices = [None if value is None or value != value else value for value in price]
    assert [list(row.values()) for row in found] == [
        list(row) for row in zip(columns["FinInstrmId"], name, prices, open_interest, expiry, strict=True)
    ]


def test_the_checksum_tells_content_from_content(store: ReferenceStore) -> None:
    put(store, "FoBhavcopy", bhavcopy(30), TradDt=DAY)
    before = store.checksum()
    assert set(before) == set(store.tables())
    shuffled = {name: values[::-1] for name, values in bhavcopy(30).items()}
    put(store, "FoBhavcopy", shuffled, TradDt=DAY)
    assert store.checksum() == before
    changed = bhavcopy(30)
    changed["ClsPric"][29] += 1e-9
    put(store, "FoBhavcopy", changed, TradDt=DAY)
    assert store.checksum()["FoBhavcopy"] != before["FoBhavcopy"]
    assert store.checksum()["CmBhavcopy"] == before["CmBhavcopy"]


@pytest.mark.servers
def test_the_checksum_is_the_same_in_any_database(tmp_path: Path, mariadb: MariaDb, mariadb_database: str) -> None:
    places = (Place("sqlite:///./reference.db", tmp_path), Place(mariadb.url(mariadb_database), tmp_path))
    stores = [place.open() for place in places]
    names = ["NIFTY", "nifty", "NIFTY ", "Ä", "A", "a\tb", "ₓ", "😀", "zz"]
    for store in stores:
        put(store, "FoBhavcopy", bhavcopy(500), TradDt=DAY)
        put(store, "BannedInstruments", {**bans(*names[:2], *names[3:]), "Reason": [None, "", *names[3:]]})
        put(store, "SpanRisk", _span(40))
        put(store, "Margins", {"AsOf": [DAY], "Segment": ["equity"], "Available": [-0.0], "Used": [1e22]})
    first, second = (store.checksum() for store in stores)
    assert first == second
    assert len(set(first.values())) == 5
    for store in stores:
        store.close()


def _span(rows: int) -> dict[str, list[Any]]:
    half = rows // 2
    return {
        "SpanDate": [DAY] * rows,
        "Slot": ["s"] * rows,
        "Exchange": ["NSE"] * rows,
        "Code": [f"S{number}" for number in range(rows)],
        "Kind": ["PHY"] * half + ["OOP"] * half,
        "Expiry": [None] * half + [NEXT_DAY + timedelta(days=number) for number in range(half)],
        "Strike": [None] * half + [100.5 + number for number in range(half)],
        "OptionType": [None] * half + ["C"] * half,
        "Price": [1.0 / (number + 1) for number in range(rows)],
        "Scan": ["[1,2,3]"] * rows,
        "Composite": [None] * rows,
    }


def test_writers_of_several_processes_take_turns_and_none_is_lost(place: Place, store: ReferenceStore) -> None:
    code = (
        "for turn in range(5):\n"
        "    with store.transaction() as transaction:\n"
        "        transaction.replace('FoBhavcopy', bhavcopy(200 + turn), where={'TradDt': DAY})\n"
        "        transaction.replace('Margins', {'AsOf': [DAY], 'Used': [turn]}, where={'Segment': NAME})\n"
    )
    writers = [place.python(f"NAME = 'writer {number}'\n{code}") for number in range(3)]
    for writer in writers:
        assert writer.communicate(timeout=60)[1] == ""
        assert writer.returncode == 0
    assert store.count("FoBhavcopy") == 204
    assert [row["Segment"] for row in store.read("Margins", where={"Used": 4}, order_by=["Segment"])] == [
        "writer 0",
        "writer 1",
        "writer 2",
    ]


def test_a_store_that_several_processes_open_at_once_for_the_first_time_is_sound(place: Place) -> None:
    openers = [place.python("print(sum(map(store.count, store.tables())))") for _ in range(4)]
    assert [opener.communicate(timeout=60) for opener in openers] == [("0\n", "")] * 4


def test_a_loading_process_that_is_killed_leaves_the_previous_content(place: Place, store: ReferenceStore) -> None:
    put(store, "FoBhavcopy", bhavcopy(300), TradDt=DAY)
    before = store.checksum()
    loader = place.python(
        "with store.transaction() as transaction:\n"
        "    transaction.replace('FoBhavcopy', bhavcopy(6000), where={'TradDt': DAY})\n"
        "    print('loaded', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    assert loader.stdout is not None
    assert loader.stdout.readline() == "loaded\n"
    loader.kill()
    loader.communicate(timeout=30)
    assert store.checksum() == before
    assert put(store, "FoBhavcopy", bhavcopy(7), TradDt=DAY) == 7


def test_readers_see_whole_days_only_while_one_is_replaced(place: Place, store: ReferenceStore) -> None:
    put(store, "FoBhavcopy", bhavcopy(500), TradDt=DAY)
    writer = place.python(
        "for rows in (1500, 500) * 4:\n"
        "    with store.transaction() as transaction:\n"
        "        transaction.replace('FoBhavcopy', bhavcopy(rows), where={'TradDt': DAY})\n"
    )
    seen = set()
    while writer.poll() is None:
        seen.add(store.count("FoBhavcopy"))
    assert writer.communicate()[1] == ""
    assert seen <= {500, 1500}


@pytest.mark.servers
class TestServer:
    """What can only happen where the database is a server."""

    @pytest.fixture
    def place(self, mariadb: MariaDb, mariadb_database: str, tmp_path: Path) -> Place:
        return Place(mariadb.url(mariadb_database), tmp_path)

    @pytest.mark.parametrize("end", ["stop", "kill"])
    def test_a_server_that_goes_away_in_mid_load_is_named_and_nothing_is_kept(
        self, mariadb: MariaDb, mariadb_database: str, store: ReferenceStore, end: str
    ) -> None:
        put(store, "FoBhavcopy", bhavcopy(300), TradDt=DAY)
        before = store.checksum()

        def load() -> None:
            with store.transaction() as transaction:
                transaction.replace("FoBhavcopy", bhavcopy(6000), where={"TradDt": DAY})
                getattr(mariadb, end)()
                transaction.replace("CmBhavcopy", bhavcopy(10), where={"TradDt": DAY})

        with pytest.raises(StoreError) as caught:
            load()
        told = f"{caught.value} {caught.value.hint}"
        assert f"the database {mariadb_database} at 127.0.0.1:{mariadb.port} cannot be reached, or went away" in told
        assert "start the database server" in told
        assert not caught.value.permanent
        mariadb.start()
        assert store.checksum() == before

    def test_a_server_that_is_not_there_is_named_without_the_password(
        self, mariadb: MariaDb, mariadb_database: str, store: ReferenceStore, place: Place
    ) -> None:
        with mariadb.stopped():
            for ask in (place.open, store.checksum):
                with pytest.raises(StoreError, match=f"{mariadb_database} at 127.0.0.1:{mariadb.port}") as caught:
                    ask()
                assert mariadb.password not in str(caught.value)

    def test_a_wrong_password_or_database_is_told_with_the_remedy(self, mariadb: MariaDb, tmp_path: Path) -> None:
        mariadb.start()
        wrong = f"mysql://root:not-the-word@127.0.0.1:{mariadb.port}/desk"
        with pytest.raises(StoreError, match="refuses this user") as caught:
            open_reference_store(wrong, base=tmp_path)
        assert "not-the-word" not in str(caught.value)
        assert "check user, password" in caught.value.hint
        with pytest.raises(StoreError, match="does not exist on that server") as caught:
            open_reference_store(mariadb.url("nowhere"), base=tmp_path)
        assert "CREATE DATABASE" in caught.value.hint


def test_a_writer_waits_for_a_bounded_time_only(
    place: Place, store: ReferenceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muhurat.stores.sql.engine.WRITER_WAIT_S", 1)
    other = place.open()
    started = time.monotonic()
    with store.transaction(), pytest.raises(StoreError, match="is busy") as caught:
        put(other, "Margins", {"AsOf": [DAY], "Segment": ["equity"]})
    assert 0.9 < time.monotonic() - started < 10
    assert not caught.value.permanent
    other.close()
