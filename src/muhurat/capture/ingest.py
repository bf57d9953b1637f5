"""Put recorded hours into the tick store again, or for the first time: after a move, a repair, a lost server.

Rows are known by their place in the journal, so what the store has already stays as it is. An hour whose journal has
become another one, as merging makes it, is put in the place of what the store has of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

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
    waiting = 0

    def keep(table: str, columns: Mapping[str, NDArray[Any]]) -> None:
        nonlocal waiting
        store.append(table, columns, feed=paths.feed)
        waiting += len(columns["seq"])
        if waiting >= _FLUSH_ROWS:
            store.flush()
            waiting = 0

    done = _decode(paths, decode, names, keep)
    store.flush()
    return done


def replace(paths: HourPaths, decode: MessageDecoder, names: TokenNames, store: TickStore) -> Ingested:
    """Decode an hour and have its rows stand in the place of all that the store has of it; on return they are kept for
    good. Raises `StoreError`; whatever came between, doing it again leaves exactly the journal's rows."""
    with store.replacing(paths.feed, paths.hour) as hour:
        return _decode(paths, decode, names, hour.append)


def _decode(
    paths: HourPaths,
    decode: MessageDecoder,
    names: TokenNames,
    keep: Callable[[str, Mapping[str, NDArray[Any]]], None],
) -> Ingested:
    records = rows = 0
    known = names.on(paths.hour[:8])
    for batch in _batches(paths):
        decoded = decode_records(batch, decode, known)
        for part in sorted(decoded.rows, key=lambda part: part.columns["seq"][:1].tolist()):
            rows += len(part)
            keep(part.table, part.columns)
        records += len(batch)
    return Ingested(paths.feed, paths.hour, records, rows)


def _batches(paths: HourPaths) -> Iterator[list[Record]]:
    entries = (entry for entry in read_entries(paths) if isinstance(entry, Record))
    while batch := list(islice(entries, _RECORDS_AT_ONCE)):
        yield batch
