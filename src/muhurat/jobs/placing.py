"""Files of a job that appear together, each of them whole, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from muhurat.jobs.base import JobError

PART: Final = ".part"
"""The ending of a file that is not finished."""

_BEFORE: Final = ".before"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def working_folder(folder: Path, name: str) -> Iterator[Path]:
    """A hidden folder in `folder` for unfinished work, gone with everything in it when the block ends.

    What a run that was killed left there is removed first. Raises `JobError` when it cannot be made.
    """
    work = folder / f".{name}{PART}"
    try:
        if work.exists():
            shutil.rmtree(work)
        work.mkdir(parents=True)
    except OSError as error:
        raise disk_trouble(error, folder) from error
    try:
        yield work
    finally:
        shutil.rmtree(work)


def place_all(moves: Sequence[tuple[Path, Path]]) -> None:
    """Rename each finished part to its target, on the same disk, for good; when one fails, none has happened.

    Raises `JobError`. A kill between two renames leaves whole files of two days, which the next run sets right.
    """
    aside: dict[Path, Path | None] = {}
    target = Path()
    try:
        for part, target in moves:  # noqa: B007 - named below when it fails
            _sync(part, os.O_RDONLY)
        for part, target in moves:
            aside[target] = _set_aside(target)
            part.replace(target)
        for folder in {each.parent for _, each in moves}:
            _sync(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        for replaced, before in aside.items():
            _put_back(replaced, before)
        raise disk_trouble(error, target.parent, name=target.name) from error
    finally:
        for before in aside.values():
            if before is not None:
                before.unlink(missing_ok=True)


def disk_trouble(error: OSError, folder: Path, *, name: str = "", wanted: int | None = None) -> JobError:
    """What an `OSError` met while writing into `folder` means to an operator."""
    what = f"{name} " if name else ""
    if error.errno in _FULL:
        need = f", it wants {wanted:,} bytes" if wanted is not None else ""
        return JobError(
            f"no room for {what}in {folder}{need}: {error.strerror}",
            hint=f"free space on the disk of {folder}, then run the job again; nothing half-written was left there",
        )
    return JobError(
        f"{what}cannot be written in {folder}: {error.strerror or error}",
        hint=f"look at the owner, the permissions and the disk of {folder}",
    )


def _set_aside(target: Path) -> Path | None:
    """Keep the file that is to be replaced under a second name; None when there is none."""
    if not target.exists():
        return None
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    before = target.with_name(f".{target.name}{_BEFORE}")
    before.unlink(missing_ok=True)
    try:
        before.hardlink_to(target)
    except OSError:  # a disk without second names: the file is away for a moment
        target.replace(before)
    return before


def _put_back(target: Path, before: Path | None) -> None:
    if before is None:
        target.unlink(missing_ok=True)
    else:
        before.replace(target)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
