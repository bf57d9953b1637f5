"""Bring written bytes to the disk itself, in a thread, so that a slow disk never holds up reception."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress

from muhurat.capture.journal.files import Files


class Syncer:
    """Synchronises the files it watches once per interval and closes those that are done with.

    Only its thread closes a file, so that no number is ever reused under a running synchronisation.
    """

    def __init__(self, files: Files, interval_s: float) -> None:
        self._files = files
        self._interval_s = interval_s
        self._watched: tuple[int, ...] = ()
        self._retired: list[int] = []
        self._stopping = threading.Event()
        self.error: OSError | None = None
        """What the last synchronisation failed with; cleared by the next that works."""
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def watch(self, fds: Sequence[int]) -> None:
        """Synchronise these from now on."""
        self._watched = tuple(fds)

    def retire(self, fds: Sequence[int]) -> None:
        """Synchronise these once more and close them."""
        self._watched = tuple(fd for fd in self._watched if fd not in fds)
        self._retired.extend(fds)

    def stop(self) -> None:
        """Synchronise and close everything; returns when it is done."""
        self.retire(self._watched)
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval_s):
            self._sync_once()
        self._sync_once()

    def _sync_once(self) -> None:
        error = None
        done = len(self._retired)
        for fd in (*self._watched, *self._retired[:done]):
            error = self._sync(fd) or error
        for fd in self._retired[:done]:
            with suppress(OSError):
                self._files.close(fd)
        del self._retired[:done]
        self.error = error

    def _sync(self, fd: int) -> OSError | None:
        try:
            self._files.sync(fd)
        except OSError as error:
            return error
        return None
