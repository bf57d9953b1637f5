"""Records as entries of a stream and back."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.capture.journal import Position, Record, connection_flags
from muhurat.capture.stream_records import FIELDS, ForeignEntry, entries_of, id_of, position_of, record_of
from muhurat.stores.base import StreamEntry
from tests.capture.support import FEED, NINE

HOURS = st.datetimes(datetime(2001, 1, 1), datetime(2088, 1, 1)).map(lambda moment: f"{moment:%Y%m%d_%H}00")  # noqa: DTZ001
PLACES = st.builds(Position, HOURS, st.integers(0, 2**32 - 1))
RECORDS = st.builds(Record, PLACES, st.integers(10**18, 4 * 10**18), st.binary(max_size=300), st.integers(0, 2**32 - 1))


def entry(record: Record, before: Position | None = None) -> StreamEntry:
    ((place, values),) = entries_of([record], FEED, before)
    return StreamEntry(place, dict(zip(FIELDS, values, strict=True)))


@given(RECORDS, st.none() | PLACES)
def test_a_record_comes_back_as_it_was(record: Record, before: Position | None) -> None:
    told = record_of(entry(record, before))
    assert (told.feed, told.record) == (FEED, record)
    assert told.prev == (before if record.position.ordinal == 0 else None)


@given(st.lists(PLACES, min_size=2))
def test_ids_are_in_the_order_of_the_journal(places: list[Position]) -> None:
    assert sorted(places) == sorted(places, key=id_of)


@given(PLACES)
def test_an_id_leads_back_to_the_place(place: Position) -> None:
    assert position_of(id_of(place)) == place


def test_an_entry_tells_people_what_it_is() -> None:
    record = Record(Position("20250902_0900", 3), NINE + 5_000_123, b"\0", connection_flags(2) | 1)
    fields = entry(record).fields
    assert {name: value.decode() for name, value in fields.items() if name != "data"} == {
        "feed": "desk",
        "conn": "2",
        "flags": "1",
        "prev": "",
        "ts": str(NINE // 10**6 + 5),
        "ts_ns": str(NINE + 5_000_123),
        "seq": str(record.position.seq()),
    }
    assert id_of(record.position) == (NINE // 10**6, 3)


def test_entries_of_others_are_refused_by_name() -> None:
    ours = entry(Record(Position("20250902_0900", 3), NINE, b"x"))
    with pytest.raises(ForeignEntry, match="1756783800000-3 is no record of ours"):
        record_of(StreamEntry(ours.id, {"data": b"x"}))
    with pytest.raises(ForeignEntry, match="1756783800000-4 does not stand where its seq"):
        record_of(StreamEntry((ours.id[0], 4), ours.fields))
    with pytest.raises(ForeignEntry, match="1756783800001-3 does not stand"):
        record_of(StreamEntry((ours.id[0] + 1, 3), ours.fields))
