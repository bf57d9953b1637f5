"""Where the parts of a table lie, what their names say, and which of them count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from muhurat.errors import StoreError

_FEED: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]*")
_PART: Final = re.compile(rf"part-(?P<feed>{_FEED.pattern})-(?P<first>\d{{20}})-(?P<last>\d{{20}})\.parquet")
_HOUR_DIRECTORY: Final = re.compile(r"date=(\d{4})-(\d\d)-(\d\d)/hour=(\d\d)")


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A file with all rows of a feed from `first` to `last` seq, both included."""

    feed: str
    first: int
    last: int
    path: Path

    def covers(self, other: Part) -> bool:
        return self.feed == other.feed and self.first <= other.first and other.last <= self.last

    def overlaps(self, first: int, last: int) -> bool:
        return self.first <= last and first <= self.last


def part_in(directory: Path, feed: str, first: int, last: int) -> Part:
    """The part that holds this range in this directory, whether the file is there or not."""
    return Part(feed, first, last, directory / f"part-{feed}-{first:020}-{last:020}.parquet")


def hour_directory(table: Path, hour: str) -> Path:
    """Where a table keeps the journal hour `YYYYMMDD_HH00`."""
    return table / f"date={hour[:4]}-{hour[4:6]}-{hour[6:8]}" / f"hour={hour[9:11]}"


def hour_of_directory(directory: Path) -> str | None:
    """The journal hour that a directory keeps; None for any other directory."""
    found = _HOUR_DIRECTORY.fullmatch(f"{directory.parent.name}/{directory.name}")
    return None if found is None else "{}{}{}_{}00".format(*found.groups())


def check_feed(feed: str) -> None:
    """Raise `StoreError` for a feed whose name cannot be part of a file name."""
    if not _FEED.fullmatch(feed):
        raise StoreError(f"the feed name {feed!r} cannot be part of a file name")


def parts_in(directory: Path) -> list[Part]:
    """Every part in an hour's directory, superseded ones too, by feed and seq."""
    try:
        found = [(path, _PART.fullmatch(path.name)) for path in directory.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(
        Part(named["feed"], int(named["first"]), int(named["last"]), path) for path, named in found if named is not None
    )


def superseded(parts: Iterable[Part]) -> set[Part]:
    """The parts that lie inside the range of another one of their feed."""
    gone: set[Part] = set()
    widest: Part | None = None
    for part in sorted(parts, key=lambda part: (part.feed, part.first, -part.last)):
        if widest is not None and widest.covers(part):
            gone.add(part)
        else:
            widest = part
    return gone


def live_parts(directory: Path) -> list[Part]:
    """The parts of an hour's directory that count, by feed and seq."""
    parts = parts_in(directory)
    gone = superseded(parts)
    return [part for part in parts if part not in gone]


def hour_directories(table: Path) -> Iterator[Path]:
    """A table's hours in order of time."""
    for directory in sorted(table.glob("date=*/hour=*")):
        if hour_of_directory(directory) is not None:
            yield directory
