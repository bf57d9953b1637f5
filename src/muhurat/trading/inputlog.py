"""The two files of a trading day: `input.jsonl`, what the engine was told, and `decisions.jsonl`, what it said.

An input is on file before it is handled, so that the same inputs can be handled again: after a crash, or to check that
they lead to the same decisions. Both files are JSON, one object per line; an entry that a crash cut short was never
handled and is dropped.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from muhurat.errors import MuhuratError

INPUT: Final = "input.jsonl"
DECISIONS: Final = "decisions.jsonl"

Entry = dict[str, Any]


class ReplayDifference(MuhuratError):
    """The same inputs led to another decision than the one on file."""


class InputLog:
    """The append-only input of one session."""

    def __init__(self, path: Path) -> None:
        """Open or create the log, without an entry that a crash cut short."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.resumed, self._size = _whole_entries(path)
        os.truncate(self._fd, self._size)
        self._next = len(self.resumed)

    def append(self, kind: str, fields: Entry) -> Entry:
        """Write an entry, numbered, before it is handled; returns it. Raises `MuhuratError` when the disk refuses."""
        entry = {"seq": self._next, "kind": kind, **fields}
        self._write(encoded_line(entry))
        self._next += 1
        return entry

    def close(self) -> None:
        os.close(self._fd)

    def _write(self, line: bytes) -> None:
        """Write a line whole; of one that the disk cuts short nothing is left, or it would spoil the next."""
        try:
            if os.write(self._fd, line) < len(line):
                os.ftruncate(self._fd, self._size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise MuhuratError(
                f"{self.path} cannot be written: {error.strerror}",
                permanent=False,
                hint="make room on the disk; the session is taken up where it was",
            ) from error
        self._size += len(line)


class DecisionLog:
    """The decisions of one session; those that are on file already are checked, not written again."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("r+b" if path.exists() else "w+b")
        self.known = path.stat().st_size
        self._at = 0
        self._pending: list[bytes] = []

    def write(self, line: Entry) -> None:
        """Say a line; `flush` brings it to the file. Raises `ReplayDifference` when the file says otherwise."""
        encoded = encoded_line(line)
        if self._at < self.known:
            kept = self._file.read(min(len(encoded), self.known - self._at))
            if not encoded.startswith(kept):
                raise difference(self.path, kept, encoded)
            self._at += len(kept)
            encoded = encoded[len(kept) :]
        if encoded:
            self._pending.append(encoded)

    def flush(self) -> None:
        if self._pending:
            self._file.seek(0, os.SEEK_END)
            self._file.write(b"".join(self._pending))
            self._file.flush()
            self._pending.clear()

    def close(self) -> None:
        self.flush()
        self._file.close()


def encoded_line(line: Entry) -> bytes:
    """A line as it stands in the file."""
    return msgspec.json.encode(line) + b"\n"


def difference(path: Path, kept: bytes, told: bytes) -> ReplayDifference:
    """The error that shows both lines."""
    return ReplayDifference(
        f"{path}: the replay decides otherwise\n  on file: {_shown(kept)}\n  replay:  {_shown(told)}",
        hint="another version of the program, or a changed journal or input log",
    )


def read_entries(path: Path) -> list[Entry]:
    """All whole entries of an input log; raises `MuhuratError` when there is no such file or it is damaged."""
    if not path.is_file():
        raise MuhuratError(f"there is no input log at {path}", hint="a trading day keeps one in data/trading/<date>")
    return _whole_entries(path)[0]


def read_decisions(path: Path) -> Iterator[Entry]:
    """The lines of a decision log, without a last one that is not whole."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield msgspec.json.decode(line)


def checker(path: Path) -> tuple[Callable[[Entry], None], Callable[[], None]]:
    """A sink that compares lines with a decision log, and a last check that none is left over."""
    if not path.is_file():
        raise MuhuratError(f"there are no decisions to compare with at {path}", hint="they lie beside their input log")
    kept = iter(path.read_bytes().splitlines(keepends=True))

    def compare(line: Entry) -> None:
        encoded, on_file = encoded_line(line), next(kept, b"")
        if on_file != encoded:
            raise difference(path, on_file, encoded)

    def finish() -> None:
        rest = next(kept, b"")
        if rest:
            raise difference(path, rest, b"")

    return compare, finish


def _whole_entries(path: Path) -> tuple[list[Entry], int]:
    """The entries of a log and the length in bytes that they take."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    try:
        return [msgspec.json.decode(line) for line in data[:whole].splitlines()], whole
    except msgspec.DecodeError as error:
        raise MuhuratError(f"{path} is damaged: {error}", hint="restore it from the backup of that day") from error


def _shown(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\n")[:400] or "(nothing)"
