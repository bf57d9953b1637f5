"""What Redis says of streams, in the desk's words."""

from __future__ import annotations

from collections.abc import Mapping

from muhurat.stores.base import StreamEntry, StreamId


def id_of(raw: bytes) -> StreamId:
    """`1756783800000-17` as numbers."""
    ms, _, number = raw.partition(b"-")
    return int(ms), int(number)


def raw_id(entry: StreamId) -> str:
    return f"{entry[0]}-{entry[1]}"


def entry_of(raw: tuple[bytes, Mapping[bytes, bytes] | None]) -> StreamEntry:
    """An entry as redis-py gives it; one whose fields are gone has none."""
    return StreamEntry(id_of(raw[0]), {name.decode(): value for name, value in (raw[1] or {}).items()})
