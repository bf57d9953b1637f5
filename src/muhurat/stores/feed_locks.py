"""One appending process per feed, by locks that die with it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from muhurat.errors import StoreError


class FeedLocks:
    """The feeds that this process appends to one store."""

    def __init__(self, folder: Path, store: str, *, prefix: str = "") -> None:
        """The locks are files `.<prefix><feed>.lock` in `folder`, which exists when the first is taken; `store` is
        what people call the store."""
        self._folder = folder
        self._store = store
        self._prefix = prefix
        self._held: dict[str, int] = {}

    def take(self, feed: str) -> None:
        """Keep other processes from appending to the feed; raises `StoreError` when one does already."""
        if feed in self._held:
            return
        path = self._folder / f".{self._prefix}{feed}.lock"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(fd)
            raise StoreError(
                f"another process appends ticks of {feed!r} to {self._store}", hint="stop its decode service first"
            ) from error
        self._held[feed] = fd

    @property
    def feeds(self) -> set[str]:
        """Those that this process may append."""
        return set(self._held)

    def release(self) -> None:
        """Let others append."""
        for fd in self._held.values():
            os.close(fd)
        self._held.clear()
