"""Records as entries of a stream: everything that a follower on another host needs to have the same records.

An entry's ID says where its record stands in the journal: the milliseconds at which the hour of reception begins, and
the record's ordinal in that hour. So entries are in the journal's order, none can be there twice, and what is missing
within an hour shows.

| field | what it holds |
| --- | --- |
| `feed` | the feed's name |
| `conn` | the number of the connection it came through |
| `flags` | the record's marks, as in the journal's index |
| `prev` | of an hour's first record: the place of the one before it, else empty |
| `ts`, `ts_ns` | when it was received: epoch milliseconds, nanoseconds |
| `seq` | that of its first packet; the packet's index is added |
| `data` | the payload exactly as received |
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from muhurat.capture.journal import Position, Record, connection_flags, connection_of, hour_name, hour_start_ns
from muhurat.errors import StoreError
from muhurat.stores.base import HOUR_SHIFT, RECORD_SHIFT, StreamEntry, StreamId, hour_number

FIELDS: Final = ("feed", "conn", "flags", "prev", "ts", "ts_ns", "seq", "data")

_NS_PER_MS: Final = 1_000_000
_MARKS: Final = 0xFFFF


class ForeignEntry(StoreError):
    """An entry that no publisher of ours made."""


class StreamedRecord(NamedTuple):
    """A record as it came out of a stream; `prev` is the one before the first of an hour, if that is known."""

    feed: str
    record: Record
    prev: Position | None


def id_of(position: Position) -> StreamId:
    """The ID of the entry of a record."""
    return _hour_ms(position.hour), position.ordinal


def position_of(entry: StreamId) -> Position | None:
    """The place in the journal that an ID stands for; None when it is no publisher's of ours."""
    hour = hour_name(entry[0] * _NS_PER_MS)
    return Position(hour, entry[1]) if _hour_ms(hour) == entry[0] else None


def entries_of(
    records: Sequence[Record], feed: str, before: Position | None
) -> list[tuple[StreamId, tuple[bytes, ...]]]:
    """Records as entries with the values of `FIELDS`; `before` is the record before the first of them."""
    name, hour, hour_ms, base = feed.encode(), "", 0, 0
    entries: list[tuple[StreamId, tuple[bytes, ...]]] = []
    for record in records:
        place, ts_ns, flags = record.position, record.ts_recv_ns, record.flags
        ordinal = place.ordinal
        if place.hour != hour:
            hour, hour_ms, base = place.hour, _hour_ms(place.hour), hour_number(place.hour) << HOUR_SHIFT
        values = (
            name,
            b"%d" % connection_of(flags),
            b"%d" % (flags & _MARKS),
            str(before).encode() if before is not None and not ordinal else b"",
            b"%d" % (ts_ns // _NS_PER_MS),
            b"%d" % ts_ns,
            b"%d" % (base | ordinal << RECORD_SHIFT),
            record.payload,
        )
        entries.append(((hour_ms, ordinal), values))
        before = place
    return entries


def record_of(entry: StreamEntry) -> StreamedRecord:
    """The record of an entry; raises `ForeignEntry` for one that is not as described above."""
    place, fields = position_of(entry.id), entry.fields
    try:
        feed, prev, ts_ns = fields["feed"].decode(), fields["prev"].decode(), int(fields["ts_ns"])
        flags = connection_flags(int(fields["conn"])) | int(fields["flags"])
        seq, payload = int(fields["seq"]), fields["data"]
        before = Position.parse(prev) if prev else None
    except (KeyError, ValueError, StoreError) as error:
        raise ForeignEntry(f"the entry {entry.id[0]}-{entry.id[1]} is no record of ours: {error!r}") from error
    if place is None or place.seq() != seq:
        raise ForeignEntry(f"the entry {entry.id[0]}-{entry.id[1]} does not stand where its seq {seq} says")
    return StreamedRecord(feed, Record(place, ts_ns, payload, flags), before)


@lru_cache(maxsize=256)
def _hour_ms(hour: str) -> int:
    return hour_start_ns(hour) // _NS_PER_MS
