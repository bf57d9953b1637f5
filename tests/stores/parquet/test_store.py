"""The Parquet store beyond the contract: hours tidied as the next begins, failures that lose nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from muhurat.clock import ManualClock
from muhurat.errors import StoreError
from muhurat.stores.parquet import ParquetTickStore, replacing
from muhurat.stores.parquet import store as module
from muhurat.stores.parquet.layout import parts_in
from tests.stores.ticks import HOUR, TEN, ticks

ELEVEN = "20250902_1100"


def open_store(folder: Path) -> ParquetTickStore:
    return ParquetTickStore(folder, ManualClock(TEN), universe=folder / "universe")


def parts_of_hour(folder: Path, hour: int) -> int:
    return len(parts_in(folder / "ticks_full" / "date=2025-09-02" / f"hour={hour}"))


def put(store: ParquetTickStore, numbers: range, hour: str = HOUR) -> None:
    store.append("ticks_full", ticks(numbers, hour=hour), feed="desk")
    store.flush()


def test_an_hour_is_tidied_when_the_next_begins_and_files_go_after_the_grace(tmp_path: Path) -> None:
    clock = ManualClock(TEN)
    store = ParquetTickStore(tmp_path, clock, universe=tmp_path)
    for number in range(5):
        put(store, range(number, number + 1))
    put(store, range(1), ELEVEN)
    put(store, range(1, 2), ELEVEN)
    clock.advance(61)
    put(store, range(2, 3), ELEVEN)
    assert (parts_of_hour(tmp_path, 10), parts_of_hour(tmp_path, 11)) == (1, 3)
    store.close()


def test_hours_that_are_over_and_tidy_are_forgotten_and_taken_up_again_for_late_rows(tmp_path: Path) -> None:
    clock = ManualClock(TEN)
    with ParquetTickStore(tmp_path, clock, universe=tmp_path) as store:
        for hour in range(10, 20):
            for number in range(3):
                clock.advance(61)
                put(store, range(number, number + 1), f"20250902_{hour}00")
        assert len(store._partitions) <= 2
        put(store, range(3, 5))
        assert list(store.query("SELECT count(*), count(DISTINCT seq) FROM ticks_full")) == [(32, 32)]
    assert [parts_of_hour(tmp_path, hour) for hour in range(10, 20)] == [1] * 10


def test_what_an_earlier_process_left_untidy_is_tidied_too(tmp_path: Path) -> None:
    killed = open_store(tmp_path)
    for number in range(5):
        put(killed, range(number, number + 1))
    killed._locks.release()
    store = open_store(tmp_path)
    put(store, range(1), ELEVEN)
    store.close()
    assert parts_of_hour(tmp_path, 10) == 1


def test_a_spoilt_old_hour_does_not_keep_new_ticks_out(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        put(store, range(3))
    (old,) = parts_in(tmp_path / "ticks_full" / "date=2025-09-02" / "hour=10")
    old.path.write_bytes(b"not a Parquet file")
    old.path.with_name(old.path.name.replace("part-desk-0", "part-desk-1")).write_bytes(b"nor this")
    with open_store(tmp_path) as store:
        put(store, range(3), ELEVEN)
    assert parts_of_hour(tmp_path, 11) == 1


def test_rows_that_could_not_be_written_wait_for_the_next_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "EARLY_ROWS", 10)
    store = open_store(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("muhurat.stores.parquet.partition.write_part", full)
        for first in range(0, 60, 10):
            store.append("ticks_full", ticks(range(first, first + 10)), feed="desk")
        with pytest.raises(StoreError, match="No space left"):
            store.flush()
    store.append("ticks_full", ticks(range(60, 70)), feed="desk")
    store.flush()
    assert list(store.query("SELECT count(*), count(DISTINCT seq) FROM ticks_full")) == [(70, 70)]
    store.close()


def test_much_is_written_before_the_flush_and_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EARLY_ROWS", 50)
    with open_store(tmp_path) as store:
        for first in range(0, 600, 30):
            numbers = range(first, first + 30)
            store.append("ticks_full", ticks([n for n in numbers if n % 7]), feed="desk")
            store.append("ticks_full", ticks([n for n in numbers if not n % 7]), feed="desk")
        assert parts_of_hour(tmp_path, 10) > 3
        store.flush()
        assert list(store.query("SELECT count(*), count(DISTINCT seq) FROM ticks_full")) == [(600, 600)]


def test_a_replaced_hours_old_files_stay_for_queries_that_may_be_about_to_read_them(tmp_path: Path) -> None:
    clock = ManualClock(TEN)
    store = ParquetTickStore(tmp_path, clock, universe=tmp_path)
    put(store, range(10))
    put(store, range(10, 20))
    with store.replacing("desk", HOUR) as replacement:
        replacement.append("ticks_full", ticks(range(5)))
    assert list(store.query("SELECT count(*) FROM ticks_full")) == [(5,)]
    assert parts_of_hour(tmp_path, 10) == 3
    clock.advance(61)
    store.flush()
    assert parts_of_hour(tmp_path, 10) == 1
    with store.replacing("desk", HOUR):
        pass
    store.close()
    assert parts_of_hour(tmp_path, 10) == 0


def test_a_long_hour_is_replaced_a_row_group_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacing, "_ROWS_AT_ONCE", 50)
    with open_store(tmp_path) as store:
        with store.replacing("desk", HOUR) as replacement:
            for first in range(0, 600, 30):
                numbers = range(first, first + 30)
                replacement.append("ticks_full", ticks([n for n in numbers if n % 7]))
                replacement.append("ticks_full", ticks([n for n in numbers if not n % 7]))
        assert list(store.query("SELECT count(*), count(DISTINCT seq) FROM ticks_full")) == [(600, 600)]
        with store.replacing("desk", "20250902_1200") as replacement:
            for numbers in (range(100, 200), range(200, 300)):
                replacement.append("ticks_full", ticks(numbers, hour="20250902_1200"))
            with pytest.raises(StoreError, match="not given in the journal's order"):
                replacement.append("ticks_full", ticks(range(50), hour="20250902_1200"))
        assert list(store.query("SELECT count(*) FROM ticks_full")) == [(800,)]
    (part,) = parts_in(tmp_path / "ticks_full" / "date=2025-09-02" / "hour=10")
    assert list(part.path.parent.iterdir()) == [part.path]
    assert pq.read_metadata(part.path).num_row_groups > 5
    assert list(pq.read_table(part.path)["seq"].to_pylist()) == sorted(ticks(range(600))["seq"].tolist())


def test_an_hour_stays_as_it_was_when_the_disk_refuses_its_replacement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with open_store(tmp_path) as store:
        put(store, range(10))
        monkeypatch.setattr("muhurat.stores.parquet.partition.synchronise", full)
        with pytest.raises(StoreError, match="No space left"), store.replacing("desk", HOUR) as replacement:
            replacement.append("ticks_full", ticks(range(5)))
        monkeypatch.undo()
        assert list(store.query("SELECT count(*) FROM ticks_full")) == [(10,)]
    assert len(list((tmp_path / "ticks_full" / "date=2025-09-02" / "hour=10").iterdir())) == 1
