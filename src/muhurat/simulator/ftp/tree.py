"""The files a rehearsal's FTP server holds: simulated ones that appear at their times, and real ones from a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

from muhurat.clock import NS_PER_S

ROOT: Final = "/"


@dataclass(frozen=True)
class Entry:
    """A file: where it lies (`/bse/fo/name.csv`), since when, and how its bytes are made, which happens once."""

    path: str
    modified_ns: int
    make: Callable[[], bytes]

    @property
    def modified_s(self) -> int:
        return self.modified_ns // NS_PER_S

    @cached_property
    def content(self) -> bytes:
        return self.make()


Listing = Callable[[int], Iterable[Entry]]
"""The files of an instant. One of the same path and time is made once, however often it is listed."""


class Tree:
    """The files of the present day. A real file, of any age, replaces the simulated one of its path."""

    def __init__(self, listing: Listing, now: Callable[[], int], real: Path | None = None) -> None:
        self._listing = listing
        self._now = now
        self._real = {} if real is None else {entry.path: entry for entry in _files_below(real)}
        self._known: dict[tuple[str, int], Entry] = {}

    def find(self, path: str) -> Entry | None:
        """The file of that path, None when there is none, or none yet."""
        return self._present().get(path)

    def is_folder(self, path: str) -> bool:
        """Whether files lie below the path; the root is always a folder."""
        return path == ROOT or any(name.startswith(f"{path}/") for name in self._present())

    def names(self, folder: str) -> list[str]:
        """What lies directly in a folder, in order."""
        depth = len(PurePosixPath(folder).parts)
        start = "/" if folder == ROOT else f"{folder}/"
        return sorted({PurePosixPath(path).parts[depth] for path in self._present() if path.startswith(start)})

    def paths(self) -> list[str]:
        """Every file there is at present."""
        return sorted(self._present())

    def _present(self) -> dict[str, Entry]:
        now_ns = self._now()
        listed = [entry for entry in self._listing(now_ns) if entry.modified_ns <= now_ns]
        known = [self._known.setdefault((entry.path, entry.modified_ns), entry) for entry in listed]
        return {entry.path: entry for entry in known} | self._real


def _files_below(folder: Path) -> list[Entry]:
    return [
        Entry(f"/{path.relative_to(folder).as_posix()}", path.stat().st_mtime_ns, path.read_bytes)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
