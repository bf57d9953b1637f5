"""The few operations on files that writing a journal needs, in one place so that tests can make any of them fail."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

IOV_MAX: Final = min(os.sysconf("SC_IOV_MAX"), 1024)


class Files:
    """The operating system's files. Every method may raise `OSError`."""

    def open(self, path: Path) -> int:
        """Open for appending; makes the file when there is none."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def write(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        """Write at most `IOV_MAX` buffers by one call; returns the bytes written, which may be fewer than given."""
        return os.writev(fd, buffers)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        os.fdatasync(fd)

    def close(self, fd: int) -> None:
        os.close(fd)

    def replace(self, part: Path, target: Path) -> None:
        """Give a finished part its name, for good."""
        part.replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self, path: Path) -> None:
        path.unlink()


def write_all(files: Files, fd: int, buffers: Sequence[bytes | memoryview], total: int) -> None:
    """Write all buffers, `total` bytes, however often the system cuts a write short; raises `OSError`."""
    done = files.write(fd, buffers if len(buffers) <= IOV_MAX else buffers[:IOV_MAX])
    while done < total:
        buffers = _without(buffers, done)
        total -= done
        done = files.write(fd, buffers[:IOV_MAX])
        if done == 0:
            raise OSError(errno.EIO, "the system accepts no more bytes")


def _without(buffers: Sequence[bytes | memoryview], done: int) -> list[bytes | memoryview]:
    """What is left of the buffers after their first `done` bytes."""
    for index, buffer in enumerate(buffers):
        if done < len(buffer):
            return [memoryview(buffer)[done:], *buffers[index + 1 :]]
        done -= len(buffer)
    return []
