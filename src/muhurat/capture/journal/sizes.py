"""How long the records of a journal are, without reading them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from muhurat.capture.journal.format import CONTROL, HEADER, HourPaths, Position, hours_of
from muhurat.capture.journal.rows import IndexRows, Rows, ScannedRows

_ROWS_AT_ONCE: Final = 4096
_LENGTH_AT, _FLAGS_AT = 4, 5


def record_sizes(directory: Path, feed: str, start: Position) -> Iterator[tuple[Position, int]]:
    """The place and the payload's bytes of every record from `start` on, up to the journal's present end.

    Hours of which neither index nor `.bin` is there any more are passed over.
    """
    for hour in hours_of(directory, feed):
        if hour < start.hour:
            continue
        paths = HourPaths(directory, feed, hour)
        if not (paths.idx.exists() or paths.bin.exists()):
            continue  # archived
        with closing(_rows(paths)) as rows:
            ordinal = rows.seek(start.ordinal if hour == start.hour else 0)
            while found := rows.peek(_ROWS_AT_ONCE):
                rows.skip(len(found))
                for row in found:
                    if not row[_FLAGS_AT] & CONTROL:
                        yield Position(hour, ordinal), row[_LENGTH_AT]
                        ordinal += 1


def _rows(paths: HourPaths) -> Rows:
    return IndexRows(paths.idx) if paths.idx.exists() else ScannedRows(paths.bin, HEADER, hour=paths.hour)
