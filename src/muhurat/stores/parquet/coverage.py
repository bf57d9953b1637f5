"""What the files hold, read from their footers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from muhurat.clock import to_ns
from muhurat.errors import StoreError
from muhurat.stores.base import Coverage
from muhurat.stores.parquet.layout import Part, hour_directories, hour_of_directory, live_parts
from muhurat.stores.schema import TABLES

_ATTEMPTS: Final = 5


class _Held(NamedTuple):
    rows: int
    first_ns: int
    last_ns: int


def coverage_of(directory: Path) -> list[Coverage]:
    """Rows and times by table, feed and hour; files that are replaced meanwhile are looked up again."""
    for _ in range(_ATTEMPTS):
        try:
            return sorted(_coverage(directory), key=lambda covered: (covered.table, covered.feed, covered.hour))
        except FileNotFoundError:
            continue
    raise StoreError(f"the files under {directory} change faster than they can be read", permanent=False)


def _coverage(directory: Path) -> Iterator[Coverage]:
    for table in TABLES:
        for hour_directory in hour_directories(directory / table):
            hour = hour_of_directory(hour_directory) or ""
            for feed, parts in groupby(live_parts(hour_directory), key=lambda part: part.feed):
                held = [one for part in parts if (one := _held(part)).rows]
                if not held:
                    continue
                first_ns, last_ns = min(one.first_ns for one in held), max(one.last_ns for one in held)
                yield Coverage(table, feed, hour, sum(one.rows for one in held), first_ns, last_ns)


def _held(part: Part) -> _Held:
    try:
        footer = pq.read_metadata(part.path)
    except pa.ArrowException as error:
        raise StoreError(f"{part.path} cannot be read: {error}") from error
    column = footer.schema.names.index("timestamp")
    if not footer.num_rows:
        return _Held(0, 0, 0)
    groups = [footer.row_group(number).column(column).statistics for number in range(footer.num_row_groups)]
    first, last = min(group.min for group in groups), max(group.max for group in groups)
    return _Held(footer.num_rows, _utc_ns(first), _utc_ns(last))


def _utc_ns(instant: datetime) -> int:
    return to_ns(instant.replace(tzinfo=UTC))
