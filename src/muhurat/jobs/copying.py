"""Copying files into several folders at once, all or nothing, every copy compared with its source."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from muhurat.jobs.base import JobError, NotYet
from muhurat.jobs.placing import PART, disk_trouble, place_all

_PIECE: Final = 1 << 20


def copy_all(
    sources: Sequence[Path], folders: Sequence[Path], progress: Callable[[int, int | None, str], None]
) -> list[Path]:
    """Copy every source, which have distinct names, into every folder; returns the copies.

    Folders are made. The copies keep their source's time of change, replace older ones, and appear when all of them
    have been written and read back; until then, and when anything fails, what was there stays. Raises `JobError`, and
    `NotYet` for a source that changes meanwhile. `progress` is told bytes.
    """
    moves: list[tuple[Path, Path]] = []
    total = sum(path.stat().st_size for path in sources) * len(folders)
    done = 0
    try:
        for source in sources:
            for folder in folders:
                progress(done, total, f"copying {source.name} to {folder}")
                part = folder / f".{source.name}{PART}"
                moves.append((part, folder / source.name))
                done += _copy(source, part)
        place_all(moves)
    finally:
        for part, _ in moves:
            part.unlink(missing_ok=True)
    progress(done, total, "copied")
    return [target for _, target in moves]


def _copy(source: Path, part: Path) -> int:
    """Write one part and compare it with its source; its size."""
    before = source.stat()
    digest = _write(source, part, before.st_size)
    after = source.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise NotYet(f"{source} changed while it was copied", hint="let its sender finish, then run the job again")
    if part.stat().st_size != before.st_size or _digest(part) != digest:
        raise JobError(
            f"the copy of {source.name} in {part.parent} differs from {source}",
            hint=f"the disk of {part.parent} may be failing; check it, then run the job again",
        )
    os.utime(part, ns=(before.st_atime_ns, before.st_mtime_ns))
    return before.st_size


def _write(source: Path, part: Path, size: int) -> bytes:
    """Copy the bytes; the SHA-256 of what was read."""
    digest = hashlib.sha256()
    try:
        file = source.open("rb")
    except OSError as error:
        raise JobError(f"{source} cannot be read: {error.strerror}", hint="look at its owner and mode") from error
    with file:
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as copy:
                while piece := file.read(_PIECE):
                    digest.update(piece)
                    copy.write(piece)
        except OSError as error:
            raise disk_trouble(error, part.parent, name=source.name, wanted=size) from error
    return digest.digest()


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
