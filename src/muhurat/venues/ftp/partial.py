"""The part of a file that has arrived, and the note beside it that says of which file it is a part."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from muhurat.venues.part_file import SUFFIX, commit, trouble

_NOTE: Final = ".json"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as a server describes it; what it does not tell is None."""

    server: str
    name: str
    size: int | None
    modified: datetime | None

    @property
    def recognisable(self) -> bool:
        """Whether another look can tell that it is still the same file."""
        return self.size is not None and self.modified is not None


class Partial:
    """`<file>.part`, with a hidden `.<file>.part.json` beside it, on the way to becoming the file."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + SUFFIX)
        self._note = target.with_name(f".{self.path.name}{_NOTE}")

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def prepare(self, remote: RemoteFile) -> int:
        """Keep what is there if it is the beginning of this very file, else nothing; how many bytes there are.

        Raises `DiskTrouble`.
        """
        if not (self._is_of(remote) and remote.size is not None and self.bytes <= remote.size):
            self.discard()
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            if remote.recognisable:
                self._note.write_bytes(msgspec.json.encode(asdict(remote)))
            self.path.touch()
        except OSError as error:
            raise trouble(error, self.target, remote.size) from error
        return self.bytes

    def finish(self, modified: datetime | None) -> None:
        """Put the part in its place, with the time the server gave. Raises `DiskTrouble`."""
        try:
            if modified is not None:
                os.utime(self.path, (modified.timestamp(), modified.timestamp()))
            commit(self.path, self.target)
            self._note.unlink(missing_ok=True)
        except OSError as error:
            raise trouble(error, self.target) from error

    def discard(self) -> None:
        """Leave nothing unfinished."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def discard_unless_recognisable(self) -> None:
        """Leave nothing that a later run could not go on with."""
        if not (self.bytes and self._note.exists()):
            self.discard()

    def _is_of(self, remote: RemoteFile) -> bool:
        if not (remote.recognisable and self._note.exists()):
            return False
        try:
            return msgspec.json.decode(self._note.read_bytes(), type=RemoteFile) == remote
        except msgspec.MsgspecError:  # cut off in mid-writing: nobody knows of which file it is a part
            return False
