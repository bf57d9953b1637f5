"""The steps by which an hour is replaced on a server: the process dies before one of them, or others append meanwhile.

By default it dies just before partitions are dropped and just after; with MUHURAT_KILLS set, before every kind of step.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from muhurat.clock import ManualClock
from muhurat.errors import StoreError
from muhurat.stores.questdb import QuestDbTickStore, open_tick_store, replacing
from muhurat.stores.questdb.server import Server
from tests.servers.questdb import QuestDb
from tests.stores.ticks import HOUR, TEN, ticks

pytestmark = pytest.mark.servers

BOTH_HALVES = [*range(60), *range(6_000_000, 6_000_030)]
NEW = [*range(30, 100), *range(6_000_010, 6_000_060)]
OURS = "SELECT seq & 4095, last_price FROM ticks_full WHERE feed = 'desk' ORDER BY seq"
OTHERS = "SELECT count(*) FROM ticks_full WHERE feed = 'other'"

DEATHS = [("ALTER TABLE ticks_full DROP PARTITION", "old"), ('INSERT INTO "ticks_full', "new")]
if "MUHURAT_KILLS" in os.environ:
    DEATHS += [('CREATE TABLE "muhurat_filling', "old"), ('INSERT INTO "muhurat_filling', "old")]
    DEATHS += [("RENAME TABLE", "old"), ('DROP TABLE "muhurat_whole', "new")]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition's rows are copied by several statements."""
    monkeypatch.setattr(replacing, "_COPIED_AT_ONCE", 100)


def open_at(questdb: QuestDb, folder: Path) -> QuestDbTickStore:
    return open_tick_store(questdb.url, base=folder, clock=ManualClock(TEN), universe=folder / "data" / "universe")


def fill(questdb: QuestDb, folder: Path) -> None:
    with open_at(questdb, folder) as store:
        for feed in ("desk", "other"):
            store.append("ticks_full", ticks(BOTH_HALVES), feed=feed)


def replace(store: QuestDbTickStore) -> None:
    with store.replacing("desk", HOUR) as replacement:
        replacement.append("ticks_full", ticks(NEW, price=500.0))


def expected(numbers: list[int], price: float) -> list[list[Any]]:
    return [[number % 3, price + number / 4] for number in numbers]


def left_over(questdb: QuestDb) -> list[str]:
    return [name for (name,) in questdb.query("SELECT table_name FROM tables()") if "muhurat_" in name[:8]]


@pytest.mark.parametrize(("before", "then"), DEATHS)
def test_what_a_process_that_died_left_is_undone_or_finished_by_the_next_that_appends(
    questdb: QuestDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, then: str
) -> None:
    fill(questdb, tmp_path)
    run, dead = Server.run, []

    def until_it_dies(self: Server, statement: str, **more: Any) -> None:
        if dead or statement.startswith(before):
            dead.append(statement)
            raise StoreError("gone")
        run(self, statement, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Server, "run", until_it_dies)
        with pytest.raises(StoreError, match="gone"), open_at(questdb, tmp_path) as store:
            replace(store)
    with open_at(questdb, tmp_path) as store:
        store.append("ticks_ltp", {n: v for n, v in ticks([0]).items() if n != "volume"}, feed="desk")
        store.flush()
        assert questdb.query(OURS) == (expected(NEW, 500.0) if then == "new" else expected(BOTH_HALVES, 100.0))
        assert questdb.query(OTHERS) == [[len(BOTH_HALVES)]]
        assert left_over(questdb) == ["muhurat_schema"]


def test_what_was_left_of_another_feed_is_finished_before_anything_is_replaced(
    questdb: QuestDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(questdb, tmp_path)

    def dies(*_: object) -> None:
        raise StoreError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(replacing, "_fill", dies)
        with pytest.raises(StoreError, match="gone"), open_at(questdb, tmp_path) as store:
            replace(store)
    assert questdb.query(OTHERS) == [[0]]
    with open_at(questdb, tmp_path) as store, store.replacing("other", HOUR) as replacement:
        replacement.append("ticks_full", ticks(range(5)))
    assert questdb.query(OURS) == expected(NEW, 500.0)
    assert questdb.query(OTHERS) == [[5]]


def test_rows_that_another_machine_appends_meanwhile_are_not_dropped(
    questdb: QuestDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(questdb, tmp_path)
    complete = replacing.QuestDbReplacement._complete

    def and_meanwhile(self: replacing.QuestDbReplacement, beside: replacing.Beside) -> Any:
        hours = complete(self, beside)
        if hours:
            with open_at(questdb, tmp_path / "another machine") as store:
                store.append("ticks_full", ticks([200]), feed="other")
        return hours

    with monkeypatch.context() as patched:
        patched.setattr(replacing.QuestDbReplacement, "_complete", and_meanwhile)
        refused = pytest.raises(StoreError, match="somebody has appended to ticks_full")
        with refused as caught, open_at(questdb, tmp_path) as store:
            replace(store)
    assert not caught.value.permanent
    assert questdb.query(OURS) == expected(BOTH_HALVES, 100.0)
    assert questdb.query(OTHERS) == [[len(BOTH_HALVES) + 1]]


def test_feeds_whose_rows_stay_must_not_be_appended_to_meanwhile(questdb: QuestDb, tmp_path: Path) -> None:
    fill(questdb, tmp_path)
    with open_at(questdb, tmp_path) as decode, open_at(questdb, tmp_path) as store:
        decode.append("ticks_full", ticks([0], hour="20250902_1500"), feed="other")
        with pytest.raises(StoreError, match="another process appends ticks of 'other'"):
            replace(store)
        assert questdb.query(OURS) == expected(BOTH_HALVES, 100.0)
