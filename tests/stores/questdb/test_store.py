"""What only a store on a server can meet: no server, a wrong one, tables as others left them, lost logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from muhurat.clock import ManualClock
from muhurat.errors import StoreError
from muhurat.stores.questdb import QuestDbTickStore, open_tick_store, outbox, server, tables
from muhurat.stores.schema import TABLES
from tests.servers.processes import free_port
from tests.servers.questdb import QuestDb
from tests.stores.ticks import TEN, ticks, write_universe

pytestmark = pytest.mark.servers

COUNT = "SELECT count(*) FROM ticks_full"


def open_at(url: str, folder: Path) -> QuestDbTickStore:
    return open_tick_store(url, base=folder, clock=ManualClock(TEN), universe=folder / "data" / "universe")


@pytest.fixture
def store(questdb: QuestDb, tmp_path: Path) -> Iterator[QuestDbTickStore]:
    with open_at(questdb.url, tmp_path) as opened:
        yield opened


def kept(store: QuestDbTickStore, numbers: range) -> None:
    store.append("ticks_full", ticks(numbers), feed="desk")
    store.flush()


def test_nothing_is_asked_of_the_server_before_it_is_needed(tmp_path: Path) -> None:
    with open_at(f"questdb://127.0.0.1:{free_port()}", tmp_path) as store:
        store.flush()


def test_a_server_that_is_not_there_is_trouble_that_may_pass(tmp_path: Path) -> None:
    with pytest.raises(StoreError), open_at(f"questdb://127.0.0.1:{free_port()}", tmp_path) as store:  # noqa: PT012
        store.append("ticks_full", ticks(range(5)), feed="desk")
        for _ in range(2):
            with pytest.raises(StoreError, match=r"cannot be reached: .*refused") as caught:
                store.flush()
    assert not caught.value.permanent
    assert "QUESTDB_HOST and QUESTDB_PORT in .env" in caught.value.hint


def test_a_wrong_password_is_named_and_not_tried_again(questdb: QuestDb, tmp_path: Path) -> None:
    url = f"questdb://desk:wrong-password@{questdb.host}:{questdb.port}"
    with open_at(url, tmp_path) as store, pytest.raises(StoreError, match=r"refuses the user 'desk' \(401") as caught:
        store.query(COUNT)
    assert caught.value.permanent
    assert "QUESTDB_USER and QUESTDB_PASSWORD" in caught.value.hint
    assert "wrong-password" not in str(caught.value)


def test_a_port_that_is_not_its_http_interface_is_named(
    questdb: QuestDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "STATEMENT_S", 0.5)
    url = f"questdb://{questdb.host}:{questdb.pg_port}"
    with open_at(url, tmp_path) as store, pytest.raises(StoreError, match="cannot be reached") as caught:
        store.coverage()
    assert "usually 9000, and not PostgreSQL's" in caught.value.hint


def test_another_server_than_questdb_is_named(questdb: QuestDb, tmp_path: Path) -> None:
    with served(b"[]") as port:
        store = open_at(f"questdb://127.0.0.1:{port}", tmp_path)
        with store, pytest.raises(StoreError, match="answers, but not as QuestDB does"):
            store.coverage()


@contextmanager
def served(body: bytes) -> Iterator[int]:
    """The port of a web server that has one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as web:
        Thread(target=web.serve_forever, daemon=True).start()
        yield web.server_port
        web.shutdown()


def test_env_of_the_desk_names_the_server(questdb: QuestDb, tmp_path: Path) -> None:
    of_the_seed = {"HOST": questdb.host, "PORT": questdb.port, "USER": questdb.user, "PASSWORD": questdb.password}
    (tmp_path / ".env").write_text("".join(f"QUESTDB_{name}={value}\n" for name, value in of_the_seed.items()))
    with open_at("questdb://", tmp_path) as store:
        assert list(store.query(COUNT)) == [(0,)]


def test_tables_are_partitioned_by_hour_and_know_rows_by_their_place(questdb: QuestDb, store: QuestDbTickStore) -> None:
    store.coverage()
    found = questdb.query("SELECT table_name, partitionBy, walEnabled, dedup FROM tables() ORDER BY 1")
    keys = questdb.query("SELECT \"column\" FROM table_columns('ticks_full') WHERE upsertKey")
    assert [row for row in found if row[0] in TABLES] == [[name, "HOUR", True, True] for name in sorted(TABLES)]
    assert sorted(keys) == [["feed"], ["seq"], ["timestamp"]]


def test_columns_that_were_added_since_are_added_there(questdb: QuestDb, store: QuestDbTickStore) -> None:
    statement = (
        tables.create_statement(tables.LAYOUTS[0]).replace(', "oi" LONG', "").replace(', "net_change" DOUBLE', "")
    )
    questdb.query(statement)
    questdb.query("INSERT INTO ticks_full (timestamp, feed, seq) VALUES (1, 'desk', 1)")
    questdb.applied("ticks_full")
    columns = ticks([0], oi=np.array([7]))
    store.append("ticks_full", columns, feed="desk")
    store.flush()
    assert list(store.query("SELECT oi, net_change FROM ticks_full ORDER BY timestamp")) == [(None, None), (7, None)]


@pytest.mark.parametrize(
    ("change", "told", "remedy"),
    [
        ("DROP COLUMN oi; ADD COLUMN oi STRING", "has the column oi of type STRING, not LONG", "muhurat ticks ingest"),
        ("DEDUP DISABLE", "tells rows apart by nothing", "DEDUP ENABLE UPSERT KEYS(timestamp, feed, seq)"),
        (
            "DEDUP ENABLE UPSERT KEYS(timestamp, symbol, seq)",
            "by seq, symbol, timestamp, not by timestamp, feed, seq",
            "ALTER TABLE ticks_full DEDUP ENABLE",
        ),
    ],
)
def test_a_table_that_is_not_as_it_has_to_be_is_refused_with_the_remedy(
    questdb: QuestDb, tmp_path: Path, change: str, told: str, remedy: str
) -> None:
    with open_at(questdb.url, tmp_path) as store:
        store.coverage()
    for each in change.split("; "):
        questdb.query(f"ALTER TABLE ticks_full {each}")
    questdb.applied("ticks_full")
    with open_at(questdb.url, tmp_path) as store, pytest.raises(StoreError) as caught:
        store.coverage()
    assert told in str(caught.value)
    assert remedy in caught.value.hint


def test_tables_of_a_later_version_are_left_alone(questdb: QuestDb, tmp_path: Path) -> None:
    with open_at(questdb.url, tmp_path) as store:
        store.coverage()
    questdb.query(f"INSERT INTO {tables.VERSIONS} VALUES (now(), 99)")
    questdb.applied(tables.VERSIONS)
    try:
        with open_at(questdb.url, tmp_path) as store, pytest.raises(StoreError, match="later version \\(99;"):
            store.coverage()
    finally:
        questdb.query(f"DROP TABLE {tables.VERSIONS}")


def test_many_rows_are_sent_before_the_flush(questdb: QuestDb, store: QuestDbTickStore) -> None:
    for first in range(0, 60_000, 10_000):
        store.append("ticks_full", ticks(range(first, first + 10_000)), feed="desk")
    log = "SELECT sequencerTxn FROM wal_tables() WHERE name = 'ticks_full'"
    assert questdb.query(log)[0][0] > 0
    store.flush()
    assert list(store.query(COUNT)) == [(60_000,)]


def test_many_rows_wait_for_the_flush_when_they_cannot_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(server.Server, "_connect", lambda _: asked.append(1) or refuse())
    store = open_at("questdb://127.0.0.1:1", tmp_path)
    for first in range(0, 120_000, 30_000):
        store.append("ticks_full", ticks(range(first, first + 30_000)), feed="desk")
    assert len(asked) == 1
    with pytest.raises(StoreError, match="cannot be reached"):
        store.close()
    assert len(asked) == 2


def refuse() -> None:
    raise ConnectionRefusedError(111, "Connection refused")


def test_a_suspended_table_is_trouble_before_more_is_piled_up_in_its_log(
    questdb: QuestDb, store: QuestDbTickStore
) -> None:
    kept(store, range(10))
    questdb.query("ALTER TABLE ticks_full SUSPEND WAL")
    store.append("ticks_full", ticks(range(10, 20)), feed="desk")
    for _ in range(3):
        with pytest.raises(StoreError, match=r"has suspended the table ticks_full.*stays invisible") as caught:
            store.flush()
    log = "SELECT sequencerTxn FROM wal_tables() WHERE name = 'ticks_full'"
    assert (caught.value.permanent, questdb.query(log)) == (False, [[1]])
    assert caught.value.hint.endswith("ALTER TABLE ticks_full RESUME WAL")
    questdb.query("ALTER TABLE ticks_full RESUME WAL")
    store.flush()
    assert list(store.query(COUNT)) == [(20,)]


def test_a_log_that_is_not_applied_in_time_is_trouble_and_nothing_is_sent_twice(
    questdb: QuestDb, store: QuestDbTickStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, sent = lag(store, monkeypatch)
    store.flush()
    log = "SELECT sequencerTxn FROM wal_tables() WHERE name = 'ticks_full'"
    assert "lags: what it accepted for ticks_full is not in the table" in str(error)
    assert not error.permanent
    assert questdb.query(log) == [[sent]]
    assert list(store.query(COUNT)) == [(20_000,)]


def test_what_a_server_has_lost_from_its_log_is_sent_again(
    questdb: QuestDb, store: QuestDbTickStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lag(store, monkeypatch)
    questdb.query("DROP TABLE ticks_full")
    questdb.query(tables.create_statement(tables.LAYOUTS[0]))
    with pytest.raises(StoreError, match="accepted rows of ticks_full that are not in its log"):
        store.flush()
    store.flush()
    assert list(store.query(COUNT)) == [(20_000,)]


def lag(store: QuestDbTickStore, monkeypatch: pytest.MonkeyPatch) -> tuple[StoreError, int]:
    """Insert the same rows until the server has not applied them at the first look; the error, and how many times."""
    kept(store, range(1))
    monkeypatch.setattr(outbox, "PATIENCE_S", -1)
    for sent in range(2, 50):
        store.append("ticks_full", ticks(range(20_000)), feed="desk")
        try:
            store.flush()
        except StoreError as error:
            monkeypatch.setattr(outbox, "PATIENCE_S", 30)
            return error, sent
    raise AssertionError("the server applies everything at once")


def test_a_long_answer_comes_whole(store: QuestDbTickStore) -> None:
    rows = store.query(
        "SELECT x, 'a ], [ \"text\" ' || x AS told, timestamp_sequence(0, 1) AS at FROM long_sequence(25000)"
    )
    found = list(rows)
    assert (rows.columns, len(found)) == (("x", "told", "at"), 25_000)
    assert found[-1] == (25_000, 'a ], [ "text" 25000', datetime(1970, 1, 1, 0, 0, 0, 24_999))  # noqa: DTZ001


def test_the_named_view_knows_the_universe_of_the_day_in_india(store: QuestDbTickStore, tmp_path: Path) -> None:
    universe = tmp_path / "data" / "universe"
    write_universe(
        universe, "desk", "20250902", '{"S1": {"token": 5, "asset_class": "options", "expiry": "2025-09-25"}}'
    )
    write_universe(universe, "desk", "20250903", '{"S1": {"token": 5, "asset_class": "of the next day"}}')
    names = ("bid_price_1", "bid_quantity_1", "bid_orders_1", "open", "oi")
    full = {name: np.array([value]) for name, value in zip(names, (99.5, 30, 2, 98.25, 4), strict=True)}
    store.append("ticks_full", ticks([1], **full), feed="desk")
    store.append("ticks_full", ticks([2]), feed="desk")
    store.flush()
    sql = "SELECT * FROM ticks_full_named ORDER BY seq"
    first, second = store.query(sql).dicts()
    assert wanted(first) == ("options", datetime(2025, 9, 25), 99.5, 30, 4, None)  # noqa: DTZ001
    assert wanted(second) == (None, None, None, None, None, None)
    assert json.loads(first["ohlc"]) == {"open": 98.25, "high": None, "low": None, "close": None}
    assert json.loads(first["depth"]) == {"buy": [{"quantity": 30, "price": 99.5, "orders": 2}], "sell": []}
    assert first["depth"] == first["market_depth"]

    write_universe(universe, "desk", "20250902", '{"S1": {"token": 5, "asset_class": "corrected"}}')
    assert [row["asset_class"] for row in store.query(sql).dicts()] == ["corrected", None]


def wanted(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("asset_class", "expiry", "best_bid_price", "best_bid_quantity", "oi", "lower_circuit_limit")
    return tuple(row[name] for name in names)
