"""Recorded hours into the tick store, again and again."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from muhurat.capture.ingest import ingest, recorded_hours
from muhurat.capture.journal import JournalWriter
from muhurat.capture.token_names import TokenNames
from muhurat.clock import ManualClock
from muhurat.errors import StoreError, UsageError
from muhurat.stores.parquet import ParquetTickStore
from muhurat.venues.kite.decode import decode_message
from tests.capture.support import FEED, HOUR_NS, MS, NINE
from tests.capture.test_decode_service import expected_rows, kept_rows, messages


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Three hours of a feed."""
    folder = tmp_path / "raw_ticks"
    with JournalWriter(folder, FEED, ManualClock(NINE), sync_interval_s=None) as writer:
        for hour in range(3):
            made = messages(400, random.Random(hour))
            at_ns = NINE + hour * HOUR_NS
            writer.append([(payload, at_ns + number * MS, 0) for number, payload in enumerate(made)])
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ParquetTickStore:
    return ParquetTickStore(tmp_path / "ticks", ManualClock(NINE), universe=tmp_path / "universe")


def put_in(journal: Path, store: ParquetTickStore, chosen: str) -> list[tuple[str, int, int]]:
    names = TokenNames(journal.parent / "universe", FEED)
    found = [ingest(paths, decode_message, names, store) for paths in recorded_hours(journal, FEED, chosen)]
    return [(done.hour, done.records, done.rows) for done in found]


def test_a_day_that_was_put_in_is_the_day_that_was_recorded(journal: Path, store: ParquetTickStore) -> None:
    done = put_in(journal, store, "20250902")
    assert [(hour, records) for hour, records, _ in done] == [(f"20250902_{hour:02}00", 400) for hour in (9, 10, 11)]
    assert kept_rows(store) == expected_rows(journal)
    assert sum(rows for _, _, rows in done) == len(kept_rows(store))


def test_an_hour_put_in_again_changes_nothing(journal: Path, store: ParquetTickStore) -> None:
    put_in(journal, store, "20250902")
    before = kept_rows(store)
    assert len(put_in(journal, store, "20250902_1000")) == 1
    assert kept_rows(store) == before


def test_an_hour_that_was_not_recorded_is_refused_naming_those_that_were(journal: Path) -> None:
    with pytest.raises(UsageError, match="desk has no recorded hour 20250903") as caught:
        recorded_hours(journal, FEED, "20250903")
    assert caught.value.hint == "there are 20250902_0900 to 20250902_1100"


def test_ticks_that_a_service_keeps_meanwhile_are_left_to_it(journal: Path, store: ParquetTickStore) -> None:
    put_in(journal, store, "20250902_0900")
    second = ParquetTickStore(journal.parent / "ticks", ManualClock(NINE), universe=journal.parent / "universe")
    with pytest.raises(StoreError, match="another process appends") as caught:
        put_in(journal, second, "20250902_0900")
    assert caught.value.hint == "stop its decode service first"
