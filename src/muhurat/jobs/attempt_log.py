"""The log of one attempt: all that the job printed, without the desk's secrets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from muhurat.jobs.redaction import Redactor

LONGEST: Final = 50_000_000
"""Bytes that a log may have; what comes after is counted."""

_LONGEST_NOTE: Final = 400
_ROOM_FOR_THE_END: Final = 1000


class AttemptLog:
    """Takes all that is written, and says at its end what the disk or the limit did not let it keep."""

    def __init__(self, path: Path, secrets: set[str]) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._redactor = Redactor(secrets)
        self._left = LONGEST
        self._lost = 0
        self._why = ""
        self._tail = b""

    def write(self, piece: bytes) -> None:
        """Keep a piece of output; never blocks for long and never raises, so that the job goes on."""
        self._keep(self._redactor.feed(piece))

    def last_line(self) -> str:
        """The last line that says something."""
        lines = [line.strip() for line in self._tail.decode(errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "")[:_LONGEST_NOTE]

    def close(self) -> None:
        self._keep(self._redactor.rest())
        if self._lost:
            self._left = _ROOM_FOR_THE_END
            self._keep(f"\n[{self._lost:,} bytes of output are not kept: {self._why}]\n".encode())
        os.close(self._fd)

    def _keep(self, text: bytes) -> None:
        self._tail = (self._tail + text)[-2 * _LONGEST_NOTE :]
        fitting = text[: self._left]
        kept, why = 0, f"a log ends at {LONGEST:,} bytes"
        try:
            kept = os.write(self._fd, fitting) if fitting else 0
        except OSError as error:
            why = str(error.strerror)
        self._left -= kept
        if kept < len(text):
            self._lost += len(text) - kept
            self._why = why
