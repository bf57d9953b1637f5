"""Follow a feed's journal from a saved place, live or long after."""

from __future__ import annotations

import math
import os
import re
import select
from pathlib import Path
from typing import Final, Self

import msgspec

from muhurat.capture.journal.doorbell import READERS, Bell
from muhurat.capture.journal.format import ROW, HourPaths, Position, Record, hours_of
from muhurat.capture.journal.hour_reader import Entry, HourReader
from muhurat.capture.journal.lock import writer_pid
from muhurat.capture.journal.scan import ByteOrder, header_of, open_bytes
from muhurat.errors import JournalError

POLL_S: Final = 0.05
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class _Saved(msgspec.Struct, frozen=True):
    """A reader's registration, `readers/<name>.json`: hours before it may be archived."""

    name: str
    hour: str
    ordinal: int
    pid: int


class JournalReader:
    """A place in a feed's journal that moves on as it is read.

    With a `name` the reader is registered: the writer wakes it, `save` keeps its place, and hours that it has not
    passed are not archived. With `with_control` the lines of the `.ctl` file come between the records, in order of
    arrival; those just before the place where a reader starts are given (again).
    """

    def __init__(
        self,
        directory: Path,
        feed: str,
        start: Position | None = None,
        *,
        name: str | None = None,
        with_control: bool = False,
        byte_order: ByteOrder = "big",
    ) -> None:
        """Start at `start`, else where the reader of this name saved its place, else at the first record there is.

        Raises `JournalError` when records at the start are gone while later ones exist.
        """
        self.directory = directory
        self.feed = feed
        self._with_control = with_control
        self._byte_order: ByteOrder = byte_order
        self._name = _checked(name)
        self._start = start or (saved_position(directory, name) if name else None) or Position("")
        self._hour: HourReader | None = None
        self._damaged: list[tuple[str, int, int]] = []
        self._bell = Bell(directory, name) if name else None
        if name and self._start.hour:
            self._register()

    @property
    def position(self) -> Position:
        """The next record's place. Its hour is empty before anything has ever been recorded."""
        return Position(self._hour.hour, self._hour.ordinal) if self._hour else self._start

    @property
    def damaged(self) -> list[tuple[str, int, int]]:
        """(hour, from, to) of the bytes passed over because they are no intact record."""
        here = [(self._hour.hour, *span) for span in self._hour.damaged] if self._hour else []
        return self._damaged + here

    def read(self, max_records: int = 4096) -> list[Entry]:
        """The next entries in order, without waiting; empty when nothing more has come."""
        while True:
            if self._hour is None and not self._enter_first():
                return []
            entries = self._read_hour(max_records)
            newer = None if entries else self._newer_hour()
            if entries or newer is None:
                return entries
            # The writer had left our hour before it made the newer one: what is not here now never comes.
            entries = self._read_hour(max_records)
            if entries:
                return entries
            if not self._current().turn_to_tail() and not self._enter(newer):
                return []

    def read_records(self, max_records: int = 4096) -> list[Record]:
        """Like `read`, for a reader without control entries."""
        return [entry for entry in self.read(max_records) if isinstance(entry, Record)]

    def behind(self) -> tuple[int, int]:
        """How much there is to read: index rows (records, and a few control lines) and bytes of `.bin` files.

        Before anything was read, the whole hour counts in which the reader is to start.
        """
        here = self._hour.hour if self._hour else self._start.hour
        rows, size = self._hour.left() if self._hour else (0, 0)
        for hour in hours_of(self.directory, self.feed):
            if hour > here or (hour == here and self._hour is None):
                paths = HourPaths(self.directory, self.feed, hour)
                rows += _size(paths.idx) // ROW.size
                size += _size(paths.bin)
        return rows, size

    def wait(self, timeout_s: float) -> bool:
        """Wait for something to read; tells whether there is."""
        for _ in range(_polls(timeout_s)):
            if self._more():
                return True
            self._sleep(min(POLL_S, timeout_s))
        return self._more()

    def save(self, position: Position | None = None) -> None:
        """Keep a place (by default the present one) for the next reader of this name; replaces the file as a whole."""
        if self._name is None:
            raise JournalError("a reader without a name has nowhere to save its place")
        at = position or self.position
        path = self.directory / READERS / f"{self._name}.json"
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(_Saved(self._name, at.hour, at.ordinal, os.getpid())))
        fresh.replace(path)

    def _register(self) -> None:
        """Say who reads here; one that has said so before may start on a full disk."""
        try:
            self.save()
        except OSError:
            if self._name is None or saved_position(self.directory, self._name) is None:
                raise

    def close(self) -> None:
        """Let go of files and bell; a registered reader stays registered where it saved last."""
        if self._hour:
            self._start = self.position
            self._leave()
        if self._bell:
            self._bell.close()
            self._bell = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _current(self) -> HourReader:
        if self._hour is None:
            raise JournalError(f"the reader of {self.feed} is closed")
        return self._hour

    def _read_hour(self, most: int) -> list[Entry]:
        return self._current().read(most, self._with_control)

    def _enter_first(self) -> bool:
        hours = hours_of(self.directory, self.feed)
        later = [hour for hour in hours if hour >= self._start.hour]
        if not later:
            return False
        if self._start.ordinal and later[0] != self._start.hour:
            raise JournalError(
                f"the record {self._start} of {self.feed} is gone, later ones are there",
                hint=f"bring {self.feed}_{self._start.hour} back (`muhurat journal restore`), or start at {later[0]}/0",
            )
        return self._enter(later[0], self._start.ordinal if later[0] == self._start.hour else 0)

    def _enter(self, hour: str, ordinal: int = 0) -> bool:
        """Open an hour; false while its writer has not made its index yet."""
        paths = HourPaths(self.directory, self.feed, hour)
        if not paths.idx.exists() and writer_pid(self.directory, self.feed) is not None and self._newest() == hour:
            return False
        self._leave()
        data = open_bytes(paths.bin) if self._byte_order == "auto" else b""
        self._hour = HourReader(paths, ordinal, header=header_of(data, self._byte_order))
        return True

    def _leave(self) -> None:
        if self._hour:
            self._damaged += [(self._hour.hour, *span) for span in self._hour.damaged]
            self._hour.close()
            self._hour = None

    def _newest(self) -> str:
        return hours_of(self.directory, self.feed)[-1]

    def _newer_hour(self) -> str | None:
        here = self._current().hour
        return next((hour for hour in hours_of(self.directory, self.feed) if hour > here), None)

    def _more(self) -> bool:
        if self._bell:
            self._bell.drain()
        if self._hour is None:
            return any(hour >= self._start.hour for hour in hours_of(self.directory, self.feed))
        return self._hour.has_more() or self._newer_hour() is not None

    def _sleep(self, seconds: float) -> None:
        select.select([self._bell.socket] if self._bell else [], [], [], seconds)


def saved_position(directory: Path, name: str) -> Position | None:
    """Where the reader of this name saved its place; None when it never did."""
    try:
        saved = msgspec.json.decode((directory / READERS / f"{name}.json").read_bytes(), type=_Saved)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise JournalError(f"the registration of reader {name} is damaged: {error}", hint="remove it") from error
    return Position(saved.hour, saved.ordinal)


def saved_positions(directory: Path) -> dict[str, Position]:
    """The places of all registered readers of a journal, by name."""
    places = {path.stem: saved_position(directory, path.stem) for path in sorted((directory / READERS).glob("*.json"))}
    return {name: place for name, place in places.items() if place is not None}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _polls(timeout_s: float) -> int:
    return max(1, math.ceil(timeout_s / POLL_S)) if timeout_s > 0 else 0


def _checked(name: str | None) -> str | None:
    if name is not None and not _NAME.fullmatch(name):
        raise JournalError(f"{name!r} cannot name a reader", hint="letters, digits, _ . and - only, 64 at most")
    return name
