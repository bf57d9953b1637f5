"""Files that appear whole or not at all: written beside their place, judged, synchronised, renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from muhurat.venues.refusals import DiskTrouble

SUFFIX: Final = ".part"

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def part_of(target: Path, *, wanted: int | None = None) -> Iterator[Path]:
    """The path of a part file beside `target`, which takes the target's place when the block ends well.

    When it raises, the part is removed and the target stays as it was. An `OSError` of the block, such as a full disk,
    becomes a `DiskTrouble` that names the folder and the bytes that were `wanted`, where they are known.
    """
    part = target.with_name(target.name + SUFFIX)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
        commit(part, target)
    except OSError as error:
        raise trouble(error, target, wanted) from error
    finally:
        if part.exists():
            part.unlink()


def commit(part: Path, target: Path) -> None:
    """Put a finished part in its place for good: file and folder survive the loss of power."""
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def trouble(error: OSError, target: Path, wanted: int | None = None) -> DiskTrouble:
    """What an `OSError` met while writing `target` means to an operator."""
    folder = target.parent
    if error.errno in _FULL:
        need = f"; the file wants {wanted:,} bytes" if wanted else ""
        return DiskTrouble(
            f"{folder} has no room for {target.name}{need} ({error.strerror})",
            hint=f"free space on the disk of {folder}, then run the job again",
        )
    return DiskTrouble(
        f"{target} cannot be written: {error.strerror or error}",
        hint=f"look at the owner and the permissions of {folder}",
    )
