"""What tests of the journal share: messages, a writer, an abandoned writer, a disk that fails on command."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, time
from pathlib import Path

from muhurat.capture.journal import JournalReader, JournalWriter, Record
from muhurat.capture.journal.files import Files
from muhurat.capture.journal.writer import Message
from muhurat.clock import ManualClock, ist_ns

FEED = "desk"
NINE = ist_ns(date(2025, 9, 2), time(9, 0))
HOUR_NS = 3600 * 10**9
MS = 10**6


def message(text: str | bytes, after_ms: float = 0, flags: int = 0) -> Message:
    """A message received some milliseconds after nine o'clock."""
    payload = text.encode() if isinstance(text, str) else text
    return payload, NINE + round(after_ms * MS), flags


def open_writer(directory: Path, at_ns: int = NINE, files: Files | None = None) -> JournalWriter:
    return JournalWriter(directory, FEED, ManualClock(at_ns), sync_interval_s=None, files=files)


def abandon(writer: JournalWriter) -> None:
    """Leave a writer as kill -9 does: its files stay as they are, its lock is gone."""
    hour = writer._hour
    for fd in hour.fds if hour else ():
        with suppress(OSError):
            os.close(fd)
    writer._bell.close()
    writer._lock.release()
    writer._closed = True


def records_in(directory: Path) -> list[Record]:
    with JournalReader(directory, FEED) as reader:
        return [record for batch in iter(reader.read_records, []) for record in batch]


def payloads_in(directory: Path) -> list[bytes]:
    return [record.payload for record in records_in(directory)]


class FailingFiles(Files):
    """Fails the operations number `first` to `last` (counted from 1): raising `error`, or writing too little."""

    def __init__(self, first: int, last: int | None = None, error: int | None = errno.ENOSPC) -> None:
        self.first = first
        self.last = first if last is None else last
        self.error = error
        self.operations = 0

    @property
    def failed(self) -> bool:
        """Whether the fault was met at all."""
        return self.operations >= self.first

    def _due(self) -> bool:
        self.operations += 1
        return self.first <= self.operations <= self.last

    def _maybe_fail(self) -> None:
        if self._due() and self.error is not None:
            raise OSError(self.error, os.strerror(self.error))

    def open(self, path: Path) -> int:
        self._maybe_fail()
        return super().open(path)

    def size(self, fd: int) -> int:
        self._maybe_fail()
        return super().size(fd)

    def write(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        if not self._due():
            return super().write(fd, buffers)
        whole = b"".join(buffers)
        written = os.write(fd, whole[: len(whole) // 2 + 1])
        if self.error is None:
            return written
        raise OSError(self.error, os.strerror(self.error))

    def truncate(self, fd: int, size: int) -> None:
        self._maybe_fail()
        super().truncate(fd, size)

    def sync(self, fd: int) -> None:
        self._maybe_fail()  # and no more: the power stays on here

    def close(self, fd: int) -> None:
        super().close(fd)  # the system lets go of the number even where it reports an error
        self._maybe_fail()
