"""One writer per feed, by a lock that the system takes back when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from muhurat.errors import JournalError

_held: Final[set[int]] = set()


def _let_go_in_child() -> None:
    """A forked child has the lock's file open too, and would hold the lock when its parent has died."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go_in_child)


class WriterLock:
    """Held from construction to `release`; raises `JournalError` naming the holder when it is taken.

    A child that was forked lets go of it at once; one that was started anew never has it.
    """

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
        _held.add(self._fd)
        with suppress(OSError):  # a full disk: the lock holds, only its holder's number is not told
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        if self._fd in _held:  # not so in a forked child
            _held.remove(self._fd)
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
