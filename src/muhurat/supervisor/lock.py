"""A lock that lives as long as a process and everything that inherited it from there.

These are locks of the open file, not of the process: whoever inherits the descriptor holds the lock, and the kernel
releases it with the last of them. Asking whether one is held does not take it, so that `muhurat status` and the page
may ask at any moment without standing in the way of a service that starts.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from muhurat.supervisor.kernel import pids

_FLOCK: Final = "hhqqi0q"  # struct flock of 64-bit Linux: type, whence, start, length, pid


def take(path: Path) -> int | None:
    """Lock the file and return its descriptor, not inheritable yet; None when somebody holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _whole_file())
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def is_held(path: Path) -> bool:
    """Whether any process holds the lock."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _whole_file())
    finally:
        os.close(fd)
    kind: int = struct.unpack(_FLOCK, answer)[0]
    return kind != fcntl.F_UNLCK


def holders(path: Path) -> Iterator[int]:
    """Pids of the processes that hold the lock, ourselves left out. Reads all of /proc: some milliseconds."""
    try:
        wanted = path.stat()
    except FileNotFoundError:
        return
    for pid in pids():
        if pid != os.getpid() and _holds(pid, wanted):
            yield pid


def _holds(pid: int, wanted: os.stat_result) -> bool:
    with suppress(OSError):  # it ended, or is somebody else's
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                found = entry.stat()
                same = (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)
                if same and "lock:" in Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text():
                    return True
    return False


def _whole_file() -> bytes:
    return struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
