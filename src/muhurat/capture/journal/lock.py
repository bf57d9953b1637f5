"""One writer per feed, by a lock that the system takes back when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from muhurat.errors import JournalError


class WriterLock:
    """Held from construction to `release`; raises `JournalError` naming the holder when it is taken."""

    def __init__(self, directory: Path, feed: str) -> None:
        self.path = lock_path(directory, feed)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise JournalError(
                f"the journal {feed} is being written by process {holder}",
                hint=f"stop process {holder} first: two writers would spoil the record",
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._fd)


def writer_pid(directory: Path, feed: str) -> int | None:
    """The process that writes a feed's journal now; None when nobody does. 0 when it does not say."""
    try:
        fd = os.open(lock_path(directory, feed), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        said = os.pread(fd, 32, 0).strip()
        return int(said) if said.isdigit() else 0
    finally:
        os.close(fd)
    return None


def lock_path(directory: Path, feed: str) -> Path:
    return directory / f"{feed}.lock"
