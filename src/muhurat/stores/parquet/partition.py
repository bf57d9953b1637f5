"""One hour of one feed's table as its only writer keeps it: parts that never overlap, never too many of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from muhurat.clock import Clock
from muhurat.errors import StoreError
from muhurat.stores.parquet.columns import ROW_GROUP, by_seq, read_part, write_part
from muhurat.stores.parquet.layout import Part, part_in, parts_in, superseded
from muhurat.stores.schema import Table

FULL_PART_ROWS: Final = ROW_GROUP
"""Parts are united up to this many rows: some 50 MB of memory while it happens, about 7 MB of file."""

GRACE_S: Final = 60.0
"""A superseded file stays this long, for queries that found it before it was."""

_UNWRITTEN: Final = "if there is no room on its disk, make some; else look at the owner and the mode of its folder"
_SIZES: Final = (4_096, 32_768)
_SAME_SIZE: Final = 8


class Partition:
    """The parts of `feed` in `directory`; the caller holds the feed's lock."""

    def __init__(self, table: Table, directory: Path, feed: str, clock: Clock) -> None:
        self.directory = directory
        self._table = table
        self._feed = feed
        self._clock = clock
        self._rows: dict[Part, int] = {}
        self._gone: list[tuple[float, Part]] = []
        self._open()

    def _open(self) -> None:
        """Take over what is there; what a killed writer left over goes at once."""
        for leftover in self.directory.glob(f".part-{self._feed}-*.new"):
            leftover.unlink()
        parts = [part for part in parts_in(self.directory) if part.feed == self._feed]
        gone = superseded(parts)
        for part in gone:
            part.path.unlink()
        self._rows = {part: rows_of(part) for part in parts if part not in gone}

    def put(self, rows: pa.Table) -> None:
        """Keep these rows for good, each instead of the one that has its seq already."""
        rows = by_seq(rows)
        first, last = rows["seq"][0].as_py(), rows["seq"][-1].as_py()
        old = self._overlapping(first, last)
        if old:
            if _same(rows, _united(read_part(self._table, part.path, first, last) for part in old)):
                return
            rows = by_seq(_united([*(read_part(self._table, part.path) for part in old), rows]))
            first, last = min(first, old[0].first), max(last, old[-1].last)
        self._replace(old, part_in(self.directory, self._feed, first, last), rows)
        for run in self._runs_of_one_size():
            self._unite(run)

    def compact_one(self) -> bool:
        """Unite one group of neighbours, for an hour that gets no more rows; False when nothing is left to do."""
        group = next(self._small_neighbours(), None)
        if group is not None:
            self._unite(group)
        return group is not None

    @property
    def empty(self) -> bool:
        """Whether nothing is kept here."""
        return not self._rows

    def sweep(self, *, now: bool = False) -> bool:
        """Remove superseded files that no query can still be about to open; `now` does not wait for that.

        Tells whether none is left. Then a part without rows has nothing more to supersede, and goes too.
        """
        until = self._clock.monotonic() - GRACE_S
        while self._gone and (now or self._gone[0][0] <= until):
            self._gone.pop(0)[1].path.unlink(missing_ok=True)
        for part in [] if self._gone else [part for part, rows in self._rows.items() if not rows]:
            part.path.unlink(missing_ok=True)
            del self._rows[part]
        return not self._gone

    @property
    def draft(self) -> Path:
        """Where a file is made that `replace_all` takes; a killed writer's goes when the partition is next opened."""
        return self.directory / f".part-{self._feed}-draft.new"

    def replace_all(self, first: int | None, last: int | None, rows: int) -> None:
        """Put the draft, so many rows from `first` to `last` seq, in the place of everything there is, in one step.

        A draft without rows has no seqs. It stands for those that were there, until `sweep` has removed their files.
        """
        old = self._ordered()
        firsts = [*(part.first for part in old), *([] if first is None else [first])]
        lasts = [*(part.last for part in old), *([] if last is None else [last])]
        if firsts and lasts:
            self._name(self.draft, old, part_in(self.directory, self._feed, min(firsts), max(lasts)), rows)

    def _overlapping(self, first: int, last: int) -> list[Part]:
        """The parts that touch the range, in order; they touch no others, since parts never overlap."""
        return [part for part in self._ordered() if part.overlaps(first, last)]

    def _ordered(self) -> list[Part]:
        return sorted(self._rows)

    def _unite(self, parts: Sequence[Part]) -> None:
        whole = part_in(self.directory, self._feed, parts[0].first, parts[-1].last)
        self._replace(parts, whole, _united(read_part(self._table, part.path) for part in parts))

    def _replace(self, old: Iterable[Part], new: Part, rows: pa.Table) -> None:
        """Put the new part, whose range covers the old ones', in their place in one step: the renaming."""
        fresh = self.directory / f".{new.path.stem}.new"
        try:
            make_directory(self.directory)
            write_part(self._table, rows, fresh)
        except (OSError, pa.ArrowException) as error:
            fresh.unlink(missing_ok=True)
            raise unwritten(new.path, error) from error
        self._name(fresh, old, new, len(rows))

    def _name(self, fresh: Path, old: Iterable[Part], new: Part, rows: int) -> None:
        """Bring a file to the disk and give it its name, which supersedes the old ones."""
        try:
            synchronise(fresh)
            fresh.replace(new.path)
            synchronise(self.directory)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise unwritten(new.path, error) from error
        for part in old:
            del self._rows[part]
            if part.path != new.path:
                self._gone.append((self._clock.monotonic(), part))
        self._rows[new] = rows

    def _runs_of_one_size(self) -> Iterator[list[Part]]:
        """Neighbours of about one size, when there are enough of them to be worth uniting before the hour is over."""
        for size, run in groupby(self._ordered(), key=lambda part: _size(self._rows[part])):
            parts = list(run)
            if size < len(_SIZES) and len(parts) >= _SAME_SIZE:
                yield parts

    def _small_neighbours(self) -> Iterator[list[Part]]:
        """Neighbours that are each small and together not too big; the others are well as they are."""
        for small, run in groupby(self._ordered(), key=lambda part: _size(self._rows[part]) < len(_SIZES)):
            group: list[Part] = []
            for part in run if small else ():
                if sum(self._rows[one] for one in [*group, part]) > FULL_PART_ROWS:
                    yield group
                    group = []
                group.append(part)
            if len(group) > 1:
                yield group


def unwritten(path: Path, error: Exception) -> StoreError:
    """The disk does not take a file; trying again may help."""
    return StoreError(f"{path} cannot be written: {error}", permanent=False, hint=_UNWRITTEN)


def rows_of(part: Part) -> int:
    """How many rows a part holds, from the file's footer."""
    try:
        return int(pq.read_metadata(part.path).num_rows)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"{part.path} cannot be read: {error}",
            hint="move the file away and decode its hour again: the journal has it all",
        ) from error


def make_directory(directory: Path) -> None:
    """Make a directory and its parents so that they are still there after a loss of power."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(exist_ok=True)
    synchronise(directory.parent)


def synchronise(path: Path) -> None:
    """Wait until the disk has a file, or the names in a directory."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _size(rows: int) -> int:
    return sum(rows >= least for least in _SIZES)


def _united(tables: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries()


def _same(one: pa.Table, other: pa.Table) -> bool:
    return len(one) == len(other) and all(_plain(one[name]).equals(_plain(other[name])) for name in one.schema.names)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
