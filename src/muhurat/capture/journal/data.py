"""The bytes of an hour, wherever they are: in its `.bin`, or where that is gone in its `.bin.zst`."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from muhurat.capture.journal.files import Files, write_all
from muhurat.capture.journal.format import HourPaths
from muhurat.capture.journal.seekable import FRAME_BYTES, SeekableBytes
from muhurat.errors import JournalError

Bytes = bytes | mmap.mmap | SeekableBytes

PART: Final = ".part"
ZST: Final = ".zst"
_ARCHIVES: Final = (ZST, ZST + PART)


class Data(Protocol):
    """Bytes that are read by their place; `path` is the file they come from."""

    path: Path

    def size(self) -> int: ...

    def read(self, length: int, offset: int) -> bytes:
        """As many of these bytes as there are."""

    def close(self) -> None: ...


class RawData:
    """A `.bin`, which may still be growing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def read(self, length: int, offset: int) -> bytes:
        return os.pread(self._fd, length, offset)

    def close(self) -> None:
        os.close(self._fd)


class ArchivedData:
    """A `.bin.zst`, of which only what is read is decompressed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = SeekableBytes(path)

    def size(self) -> int:
        return len(self._bytes)

    def read(self, length: int, offset: int) -> bytes:
        return self._bytes[offset : offset + length]

    def close(self) -> None:
        """Nothing is open; the mapping goes with the object."""


def open_data(path: Path) -> Data:
    """The data of a `.bin`, or of the archive in its place; raises `JournalError` when neither can be read."""
    if is_archive(path):
        return ArchivedData(path)
    try:
        return RawData(path)
    except FileNotFoundError as error:
        if archived(path).exists():
            return ArchivedData(archived(path))
        raise JournalError(f"{path} cannot be read: {error.strerror}") from error
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}") from error


def mapped(path: Path) -> bytes | mmap.mmap:
    """The bytes of a file as it is; raises `JournalError` when it cannot be opened."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}") from error


def is_archive(path: Path) -> bool:
    """Whether a file is compressed, finished or not."""
    return path.name.endswith(_ARCHIVES)


def archived(path: Path) -> Path:
    """Where a `.bin` lies compressed, if it does."""
    return path.with_name(path.name + ZST)


def pieces(path: Path) -> Iterator[bytes]:
    """A file's bytes in pieces of one frame each."""
    with path.open("rb") as file:
        while piece := file.read(FRAME_BYTES):
            yield piece


def write_part(part: Path, content: Iterator[bytes], files: Files) -> int:
    """Write a part file anew, synchronised; its size. Raises `OSError`, and then leaves no part."""
    part.unlink(missing_ok=True)
    try:
        return _write(part, content, files)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write(part: Path, content: Iterator[bytes], files: Files) -> int:
    fd, size = files.open(part), 0
    try:
        for piece in content:
            write_all(files, fd, [piece], len(piece))
            size += len(piece)
        files.sync(fd)
    finally:
        files.close(fd)
    return size


def expand(source: Path, target: Path, files: Files) -> int:
    """Bring a `.bin` back from its archive, whole or not at all; its size.

    Raises `JournalError` when the archive is damaged, `OSError` when the disk refuses.
    """
    content = SeekableBytes(source)
    part = target.with_name(target.name + PART)
    size = write_part(part, content.frames(), files)
    if content.damaged:
        part.unlink()
        raise JournalError(
            f"{source} is damaged: {len(content.damaged)} of its zstd frames cannot be decompressed",
            hint="bring the hour back with `muhurat journal restore BUNDLE --to DIR`",
        )
    files.replace(part, target)
    return size


def bring_back(paths: HourPaths, files: Files) -> None:
    """An archived hour is to be written again: its `.bin` comes back, its archive, soon outdated, goes.

    Raises like `expand`.
    """
    if not paths.zst.exists():
        return
    if not paths.bin.exists():
        expand(paths.zst, paths.bin, files)
    files.remove(paths.zst)
