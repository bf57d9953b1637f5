"""Put recorded hours into the tick store again, or for the first time: after a move, a repair, a lost server.

Rows are known by their place in the journal, so what the store has already stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from muhurat.capture.journal import HourPaths, Record, hours_of, read_entries
from muhurat.capture.tick_columns import decode_records
from muhurat.capture.token_names import TokenNames
from muhurat.errors import UsageError
from muhurat.model.tick import MessageDecoder
from muhurat.stores.base import TickStore

_RECORDS_AT_ONCE: Final = 256
_FLUSH_ROWS: Final = 500_000


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an hour of a feed came to."""

    feed: str
    hour: str
    records: int
    rows: int


def recorded_hours(journal: Path, feed: str, chosen: str) -> list[HourPaths]:
    """The recorded hours of a feed whose names begin with `chosen`: `20251120` is a day, `20251120_0900` an hour.

    Raises `UsageError` when there are none.
    """
    hours = hours_of(journal, feed)
    found = [HourPaths(journal, feed, hour) for hour in hours if hour.startswith(chosen)]
    if not found:
        told = f"there are {hours[0]} to {hours[-1]}" if hours else f"there is none in {journal}"
        raise UsageError(f"{feed} has no recorded hour {chosen}", hint=told)
    return found


def ingest(paths: HourPaths, decode: MessageDecoder, names: TokenNames, store: TickStore) -> Ingested:
    """Decode an hour into the store; on return it is kept for good. Raises `StoreError`, after which it may be tried
    again from its start."""
    records = rows = waiting = 0
    known = names.on(paths.hour[:8])
    for batch in _batches(paths):
        decoded = decode_records(batch, decode, known)
        for part in decoded.rows:
            store.append(part.table, part.columns, feed=paths.feed)
            waiting += len(part)
        records += len(batch)
        if waiting >= _FLUSH_ROWS:
            store.flush()
            rows, waiting = rows + waiting, 0
    store.flush()
    return Ingested(paths.feed, paths.hour, records, rows + waiting)


def _batches(paths: HourPaths) -> Iterator[list[Record]]:
    entries = (entry for entry in read_entries(paths) if isinstance(entry, Record))
    while batch := list(islice(entries, _RECORDS_AT_ONCE)):
        yield batch
