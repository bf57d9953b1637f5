"""The tree as pyftpdlib looks at it, with the faults that concern files."""

from __future__ import annotations

import errno
import io
import os
import posixpath
import stat
from collections.abc import Callable
from typing import Any, Final

from pyftpdlib.filesystems import AbstractedFS

from muhurat.simulator.faults import Fault, FaultBoard
from muhurat.simulator.ftp.tree import Entry, Tree

_GROWS_FROM: Final = 0.5
_GROWN_AFTER_S: Final = 120.0
_GROWS_TO: Final = 0.99


class Shown:
    """What clients are shown: a tree, and the faults that change it."""

    def __init__(self, tree: Tree, faults: FaultBoard, monotonic: Callable[[], float]) -> None:
        self.tree = tree
        self.faults = faults
        self._monotonic = monotonic
        self._growing_since: dict[int, float] = {}

    def share_there(self, growing: Fault) -> float:
        """How much of a file that is still being uploaded has arrived."""
        now = self._monotonic()
        grown_s = now - self._growing_since.setdefault(growing.number, now)
        return min(_GROWS_TO, _GROWS_FROM + grown_s / _GROWN_AFTER_S)


class View:
    """The tree as one client sees it after its login.

    A fault asked for a number of times strikes so many clients, each for as long as it stays: one that asks for a
    file's size and then for the file sees the same file.
    """

    def __init__(self, shown: Shown) -> None:
        self.tree = shown.tree
        self._shown = shown
        self._struck: dict[tuple[str, str], Fault] = {}

    def find(self, path: str) -> Entry | None:
        """The file, None when there is none to see."""
        entry = self.tree.find(path)
        return None if entry is None or self._fault("missing", path) else entry

    def content(self, entry: Entry) -> bytes:
        """The bytes of a file at this moment."""
        if self._fault("empty", entry.path):
            return b""
        if growing := self._fault("growing", entry.path):
            return entry.content[: int(len(entry.content) * self._shown.share_there(growing))]
        return entry.content

    def _fault(self, name: str, path: str) -> Fault | None:
        fault = self._struck.get((name, path)) or self._shown.faults.take(name, path=path)
        if fault is not None and fault.left is not None:
            self._struck[name, path] = fault
        return fault


class OpenFile(io.BytesIO):
    """A file's bytes while they are sent."""

    def __init__(self, path: str, content: bytes) -> None:
        super().__init__(content)
        self.name = path

    def keep_half(self) -> None:
        """Forget the second half of what has not been read."""
        self.truncate(self.tell() + (len(self.getbuffer()) - self.tell()) // 2)


class TreeFilesystem(AbstractedFS):  # type: ignore[misc]
    """A filesystem without a disk; read only, because its users have no other rights. The root is `/`."""

    def __init__(self, root: str, cmd_channel: Any) -> None:
        super().__init__(root, cmd_channel)
        self._view = View(cmd_channel.shown)

    def open(self, filename: str, mode: str) -> OpenFile:
        """A file to read from; raises `OSError` when there is none."""
        return OpenFile(filename, self._view.content(self._entry(filename)))

    def chdir(self, path: str) -> None:
        """Make a folder the present one."""
        if not self.isdir(path):
            raise _no_such(path)
        self.cwd = self.fs2ftp(path)

    def listdir(self, path: str) -> list[str]:
        """Names in a folder."""
        names = self._view.tree.names(path)
        return [name for name in names if self.lexists(posixpath.join(path, name))]

    listdirinfo = listdir

    def stat(self, path: str) -> os.stat_result:
        """Kind, size and time of a path."""
        if self.isdir(path):
            return _status(stat.S_IFDIR | 0o555, 0, 0)
        entry = self._entry(path)
        return _status(stat.S_IFREG | 0o444, len(self._view.content(entry)), entry.modified_s)

    lstat = stat

    def isfile(self, path: str) -> bool:
        """Whether there is such a file."""
        return self._view.find(path) is not None

    def islink(self, path: str) -> bool:
        """There are no links."""
        return False

    def isdir(self, path: str) -> bool:
        """Whether there is such a folder."""
        return self._view.tree.is_folder(path)

    def getsize(self, path: str) -> int:
        """Bytes of a file."""
        return self.stat(path).st_size

    def getmtime(self, path: str) -> float:
        """When a file was put there, in epoch seconds of the desk's time."""
        return self.stat(path).st_mtime

    def realpath(self, path: str) -> str:
        """The path itself."""
        return posixpath.normpath(path)

    def lexists(self, path: str) -> bool:
        """Whether there is anything of that name."""
        return self.isdir(path) or self.isfile(path)

    def get_user_by_uid(self, uid: int) -> str:
        """The owner that listings show."""
        return "ftp"

    def get_group_by_gid(self, gid: int) -> str:
        """The group that listings show."""
        return "ftp"

    def _entry(self, path: str) -> Entry:
        entry = self._view.find(path)
        if entry is None:
            raise _no_such(path)
        return entry


def _status(mode: int, size: int, modified_s: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, 0, 0, size, modified_s, modified_s, modified_s))


def _no_such(path: str) -> OSError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
