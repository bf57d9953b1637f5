"""Where in the journal a stream goes on, and whether it is this journal's stream at all."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from muhurat.capture.journal import JournalReader, Position, Record, hours_of
from muhurat.capture.journal.sizes import record_sizes
from muhurat.capture.stream_records import position_of
from muhurat.errors import StoreError
from muhurat.stores.base import Stream, StreamState

_ROOM: Final = 0.9
"""After skipping, so much of the limit may be waiting, so that the next skip is some time away."""


class Place(NamedTuple):
    """The next record to publish, and the last one in the stream, if any."""

    start: Position
    last: Position | None


class Skip(NamedTuple):
    """Where to go on, the record before that, and what is left out on the way."""

    start: Position
    last: Position | None
    records: int
    bytes: int


def place_of(state: StreamState, stream: str, directory: Path, feed: str) -> Place | None:
    """Where a stream goes on; None as long as nothing has been recorded.

    Behind its last entry; a stream that has none begins with the newest day. Raises `StoreError` when the stream's last
    entry is not of this journal: whatever we published would be refused as older, or mixed up with it.
    """
    hours = hours_of(directory, feed)
    if not hours:
        return None
    if state.last_id is None or state.last_id == (0, 0):
        return Place(Position(next(hour for hour in hours if hour[:8] == hours[-1][:8])), None)
    last = position_of(state.last_id)
    if last is None or last.hour > hours[-1]:
        raise _foreign(stream, f"{state.last_id[0]}-{state.last_id[1]}", feed)
    if last.hour not in hours:
        return Place(Position(next(hour for hour in hours if hour > last.hour)), last)
    record = _record_at(directory, feed, last)
    if record is None or not _same(record, state):
        raise _foreign(stream, str(last), feed)
    return Place(Position(last.hour, last.ordinal + 1), last)


def skip(stream: Stream, directory: Path, feed: str, place: Place, wanted: Position | None) -> Skip:
    """From a place forward to the first record that the stream would still hold in the end.

    Records before `wanted` do not count as left out: they were published before, or never meant to be.
    """
    too_much = sum(stream.cost(size) for _, size in record_sizes(directory, feed, place.start))
    too_much -= round(stream.limit_bytes * _ROOM)
    last, records, left_out = place.last, 0, 0
    for position, size in record_sizes(directory, feed, place.start):
        if too_much <= 0:
            return Skip(position, last, records, left_out)
        too_much -= stream.cost(size)
        if wanted is not None and position >= wanted:
            records, left_out = records + 1, left_out + size
        last = position
    return Skip(place.start, place.last, 0, 0)


def _record_at(directory: Path, feed: str, position: Position) -> Record | None:
    with JournalReader(directory, feed, position) as reader:
        return next((record for record in reader.read_records(1) if record.position == position), None)


def _same(record: Record, state: StreamState) -> bool:
    """Whether the stream's last entry, if it still has one, is that record: a repaired index has milliseconds only."""
    if state.newest is None:
        return True
    fields = state.newest.fields
    received = b"%d" % (record.ts_recv_ns // 1_000_000)
    return fields.get("data") == record.payload and fields.get("ts") == received


def _foreign(stream: str, last: str, feed: str) -> StoreError:
    return StoreError(
        f"the stream {stream} ends with {last}, which is no record of this journal of {feed}: another recording's, "
        "perhaps a rehearsal's",
        hint=f"delete it (redis-cli DEL {stream}), or name another under feeds.{feed}.publish",
    )
