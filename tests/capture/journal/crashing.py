"""Files on a disk that loses power (SQLite's crash VFS): what was not synchronised comes through in part, torn, or not.

Every operation is done for real and noted. `image` makes what another disk might hold after the power came back: of
each file all that was synchronised, and of the rest any sectors, in any order, some of the cuts, some of the sizes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from muhurat.capture.journal.files import Files

SECTOR: Final = 512
Change = tuple[int, bytes | None]
"""Bytes written at an offset, or a cut to that size."""


class PowerCut(BaseException):
    """Nothing gets past it."""


@dataclass
class _File:
    durable: bytes = b""
    exists: bool = False
    changes: list[Change] = field(default_factory=list)


class CrashingFiles(Files):
    """Loses power before operation number `cut_at`, counted from 1."""

    def __init__(self, cut_at: int = 1 << 30) -> None:
        self.operations = 0
        self.cut_at = cut_at
        self._files: dict[Path, _File] = {}
        self._paths: dict[int, Path] = {}

    def open(self, path: Path) -> int:
        self._power()
        known = path.exists()
        fd = super().open(path)
        if path not in self._files:
            self._files[path] = _File(path.read_bytes(), known)
        self._paths[fd] = path
        return fd

    def write(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        self._power()
        self._of(fd).changes.append((os.fstat(fd).st_size, b"".join(buffers)))
        return super().write(fd, buffers)

    def truncate(self, fd: int, size: int) -> None:
        self._power()
        self._of(fd).changes.append((size, None))
        super().truncate(fd, size)

    def sync(self, fd: int) -> None:
        self._power()
        self._settle(self._paths[fd])

    def close(self, fd: int) -> None:
        self._power()
        del self._paths[fd]
        super().close(fd)

    def settle(self) -> None:
        """Bring all files to the disk, as the writer's thread does every second."""
        for path in self._files:
            self._settle(path)

    def image(self, folder: Path, into: Path, chance: Random) -> None:
        """What the disk might hold of a folder, as files in another one."""
        into.mkdir(parents=True)
        for path in sorted(folder.glob("*_*")) if folder.exists() else ():
            file = self._files.get(path, _File(path.read_bytes(), exists=True))
            if file.exists or chance.random() < 0.8:
                (into / path.name).write_bytes(_survived(file, chance))

    def die(self) -> None:
        """Let go of what a dead process held."""
        for fd in self._paths:
            os.close(fd)
        self._paths.clear()

    def _power(self) -> None:
        self.operations += 1
        if self.operations >= self.cut_at:
            raise PowerCut

    def _of(self, fd: int) -> _File:
        return self._files[self._paths[fd]]

    def _settle(self, path: Path) -> None:
        if path.exists():
            self._files[path] = _File(path.read_bytes(), exists=True)


def _survived(file: _File, chance: Random) -> bytes:
    data = bytearray(file.durable)
    share = chance.choice((0.0, 0.5, 0.9, 1.0))
    for offset, written in file.changes:
        if written is None:
            if chance.random() < share:
                del data[offset:]
            continue
        end = offset + len(written)
        at = offset
        while at < end:
            upto = min(end, (at // SECTOR + 1) * SECTOR)
            if chance.random() < share:
                data.extend(bytes(max(0, upto - len(data))))
                data[at:upto] = written[at - offset : upto - offset]
            at = upto
        if chance.random() < 0.2:  # the size came through, the bytes did not
            data.extend(bytes(max(0, end - len(data))))
    return bytes(data)
