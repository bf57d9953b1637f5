"""Parts on disk: whatever is put again, in whatever order, and whenever the writer dies, every row is there once."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.clock import ManualClock
from muhurat.errors import StoreError
from muhurat.stores.parquet import partition as module
from muhurat.stores.parquet.columns import read_part, to_arrow
from muhurat.stores.parquet.layout import live_parts, parts_in
from muhurat.stores.parquet.partition import GRACE_S, Partition
from muhurat.stores.schema import TABLES
from tests.stores.ticks import ticks

TABLE = TABLES["ticks_full"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits so low that a few rows meet all of them."""
    monkeypatch.setattr(module, "_SIZES", (4, 12))
    monkeypatch.setattr(module, "_SAME_SIZE", 3)
    monkeypatch.setattr(module, "FULL_PART_ROWS", 20)


def arrow(*numbers: int, price: float = 100.0) -> pa.Table:
    return to_arrow(TABLE, ticks(numbers, price=price), "desk")


def open_partition(directory: Path, clock: ManualClock | None = None) -> Partition:
    return Partition(TABLE, directory, "desk", clock or ManualClock())


def kept(directory: Path) -> dict[int, float]:
    """The numbers of the rows that count, with their prices; fails when one is there twice."""
    found: dict[int, float] = {}
    for part in live_parts(directory):
        for row in read_part(TABLE, part.path).select(["volume", "last_price"]).to_pylist():
            assert row["volume"] // 10 not in found
            found[row["volume"] // 10] = row["last_price"]
    return found


def prices(numbers: Any, price: float = 100.0) -> dict[int, float]:
    return {number: price + number / 4 for number in numbers}


Step = tuple[str, int, int, float]

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "put", "die", "compact", "sweep"]),
        st.integers(0, 60),
        st.integers(1, 30),
        st.sampled_from([100.0, 100.0, 200.0]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_any_overlapping_insertions_leave_every_row_once_as_put_last(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    directory = tmp_path_factory.mktemp("hour")
    clock = ManualClock()
    partition, expected = open_partition(directory, clock), {}
    for step, first, count, price in steps:
        match step:
            case "put":
                partition.put(arrow(*range(first, first + count), price=price))
                expected.update(prices(range(first, first + count), price))
            case "die":
                partition = open_partition(directory, clock)
            case "compact":
                partition.compact_one()
            case _:
                clock.advance(GRACE_S / 2)
                partition.sweep()
        assert kept(directory) == expected
    while partition.compact_one():
        pass
    partition.sweep(now=True)
    assert kept(directory) == expected
    assert parts_in(directory) == live_parts(directory)


def test_rows_with_holes_between_them_take_in_what_comes_later(tmp_path: Path) -> None:
    partition = open_partition(tmp_path)
    partition.put(arrow(0, 10, 20))
    partition.put(arrow(5, 10, 30))
    assert kept(tmp_path) == prices([0, 5, 10, 20, 30])


def test_the_same_rows_again_are_not_written_again(tmp_path: Path) -> None:
    partition = open_partition(tmp_path)
    partition.put(arrow(*range(10)))
    (part,) = parts_in(tmp_path)
    before = part.path.stat()
    partition.put(arrow(*range(3, 8)))
    assert [one.path.stat() for one in parts_in(tmp_path)] == [before]


def test_many_small_parts_are_united_as_they_come(tmp_path: Path) -> None:
    partition = open_partition(tmp_path)
    for number in range(100):
        partition.put(arrow(number))
    assert len(live_parts(tmp_path)) <= 100 / 12 + 3 + 3
    assert kept(tmp_path) == prices(range(100))


def test_an_hour_that_is_over_has_no_small_neighbours_left(tmp_path: Path) -> None:
    partition = open_partition(tmp_path)
    for number in range(0, 40, 2):
        partition.put(arrow(number, number + 1))
    while partition.compact_one():
        pass
    sizes = [module.rows_of(part) for part in live_parts(tmp_path)]
    assert not any(one < 12 and other < 12 for one, other in pairwise(sizes))
    assert kept(tmp_path) == prices(range(40))


def test_superseded_files_stay_for_queries_that_began_before(tmp_path: Path) -> None:
    clock = ManualClock()
    partition = open_partition(tmp_path, clock)
    partition.put(arrow(0, 1))
    partition.put(arrow(1, 2))
    clock.advance(GRACE_S - 1)
    partition.sweep()
    assert len(parts_in(tmp_path)) == 2
    clock.advance(2)
    partition.sweep()
    assert parts_in(tmp_path) == live_parts(tmp_path)


def test_a_new_writer_clears_what_a_killed_one_left(tmp_path: Path) -> None:
    open_partition(tmp_path).put(arrow(0, 1))
    saved = tmp_path / "saved"
    saved.mkdir()
    for part in parts_in(tmp_path):
        shutil.copy(part.path, saved)
    open_partition(tmp_path).put(arrow(1, 2))
    for path in saved.iterdir():
        shutil.copy(path, tmp_path)
    (tmp_path / ".part-desk-1-2.new").write_bytes(b"half a file")
    open_partition(tmp_path)
    assert [path.suffix for path in tmp_path.iterdir() if path.is_file()] == [".parquet"]
    assert kept(tmp_path) == prices(range(3))


@pytest.mark.parametrize("failing", ["write_part", "synchronise"])
def test_a_full_disk_costs_no_row_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    partition = open_partition(tmp_path)
    partition.put(arrow(*range(5)))
    real: Callable[..., None] = getattr(module, failing)

    def full(*arguments: Any) -> None:
        real(*arguments)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(module, failing, full)
        with pytest.raises(StoreError, match="No space left") as caught:
            partition.put(arrow(*range(3, 8)))
    assert not caught.value.permanent
    assert kept(tmp_path) == prices(range(5))
    partition.put(arrow(*range(3, 8)))
    assert kept(tmp_path) == prices(range(8))


def test_a_spoilt_file_is_named(tmp_path: Path) -> None:
    open_partition(tmp_path).put(arrow(0))
    (part,) = parts_in(tmp_path)
    part.path.write_bytes(b"PAR1 and nothing")
    with pytest.raises(StoreError, match=part.path.name) as caught:
        open_partition(tmp_path)
    assert "decode its hour again" in caught.value.hint


def test_files_from_before_a_column_was_added_are_read_with_nulls(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    partition = open_partition(tmp_path)
    partition.put(arrow(*range(4)))
    (part,) = parts_in(tmp_path)
    pq.write_table(pq.read_table(part.path, partitioning=None).drop_columns(["volume"]), part.path)
    rows = read_part(TABLE, part.path)
    assert rows.schema.names == list(TABLE.names)
    assert rows["volume"].null_count == 4
