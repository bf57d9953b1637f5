"""Which parts count, by their names alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.errors import StoreError
from muhurat.stores.parquet.layout import (
    Part,
    check_feed,
    hour_directory,
    hour_of_directory,
    live_parts,
    part_in,
    parts_in,
    superseded,
)

DIRECTORY = Path("hour")


def parts(*ranges: tuple[int, int], feed: str = "desk") -> list[Part]:
    return [part_in(DIRECTORY, feed, first, last) for first, last in ranges]


def test_a_part_inside_another_one_is_superseded() -> None:
    small, wide, beside = parts((3, 5), (1, 9), (10, 12))
    assert superseded([small, wide, beside]) == {small}


def test_parts_that_only_overlap_both_count() -> None:
    assert superseded(parts((1, 5), (4, 9))) == set()


def test_feeds_do_not_supersede_each_other() -> None:
    assert superseded(parts((3, 5)) + parts((1, 9), feed="other")) == set()


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda ends: (min(ends), max(ends)))))
def test_superseded_are_exactly_those_inside_a_different_one(ranges: list[tuple[int, int]]) -> None:
    given_parts = set(parts(*ranges))
    expected = {part for part in given_parts if any(other.covers(part) for other in given_parts - {part})}
    assert superseded(given_parts) == expected


def test_names_are_read_back_and_everything_else_is_passed_over(tmp_path: Path) -> None:
    part = part_in(tmp_path, "sso.x_1", 1, 2**64 - 1)
    for name in (part.path.name, ".part-desk-1-2.new", "part-desk-1-2.parquet", "notes.txt"):
        (tmp_path / name).touch()
    assert parts_in(tmp_path) == [part]
    assert live_parts(tmp_path / "nowhere") == []


def test_an_hour_has_a_directory_and_the_directory_an_hour() -> None:
    directory = hour_directory(Path("ticks_full"), "20250902_0900")
    assert directory == Path("ticks_full/date=2025-09-02/hour=09")
    assert hour_of_directory(directory) == "20250902_0900"
    assert hour_of_directory(Path("ticks_full/lost+found")) is None


@pytest.mark.parametrize("feed", ["", "a/b", "../x", "a-b"])
def test_a_feed_that_could_not_be_a_file_name_is_refused(feed: str) -> None:
    with pytest.raises(StoreError, match="cannot be part of a file name"):
        check_feed(feed)
