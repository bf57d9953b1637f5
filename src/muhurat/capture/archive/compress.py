"""Compress an hour that is over. The result is believed, and gets its name, only after all of it was read back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from muhurat.capture.archive.base import ArchiveError, disk_refused
from muhurat.capture.journal.data import PART, pieces, write_part
from muhurat.capture.journal.files import Files
from muhurat.capture.journal.format import HourPaths
from muhurat.capture.journal.seekable import SeekableBytes, seekable
from muhurat.capture.journal.verify import Verification, verify_hour
from muhurat.errors import JournalError


class Differs(ArchiveError):
    """An archive is not what is in its raw file."""

    permanent = False


@dataclass(frozen=True, slots=True)
class Compressed:
    """An hour's archive: its file, the bytes of the `.bin` and its own, and what its records were found to be."""

    file: Path
    bytes_before: int
    bytes_after: int
    found: Verification


def compress_hour(paths: HourPaths, files: Files | None = None) -> Compressed:
    """Make the `.bin.zst` of an hour nobody writes any more; the `.bin` stays as it is, whatever happens.

    Raises `ArchiveError`, and then leaves nothing behind.
    """
    system, part = files or Files(), paths.zst.with_name(paths.zst.name + PART)
    try:
        before = paths.bin.stat().st_size
        after = write_part(part, seekable(pieces(paths.bin)), system)
        try:
            require_same(paths.bin, part)
            found = verified(paths, part)
            system.replace(part, paths.zst)
        finally:
            part.unlink(missing_ok=True)
    except JournalError as error:
        raise _differs(paths.bin, paths.zst, str(error)) from error
    except OSError as error:
        raise disk_refused(error, _blamed(error, paths)) from error
    return Compressed(paths.zst, before, after, found)


def require_same(raw: Path, archive: Path) -> None:
    """Compare every byte of an archive with the file it was made of; raises `Differs`, `OSError`."""
    content, at = SeekableBytes(archive), 0
    with raw.open("rb", buffering=0) as file:
        for frame in content.frames():
            if os.pread(file.fileno(), len(frame), at) != frame:
                raise _differs(raw, archive, f"within bytes {at:,} to {at + len(frame):,}")
            at += len(frame)
        if os.fstat(file.fileno()).st_size != at:
            raise _differs(raw, archive, f"has {os.fstat(file.fileno()).st_size:,} bytes, the archive {at:,}")


def verified(paths: HourPaths, archive: Path) -> Verification:
    """What the hour's index, with its checksums, says of the records in this archive; raises `JournalError`."""
    hour = HourPaths(paths.bin.parent, paths.feed, paths.hour)
    hour.bin, hour.idx, hour.ctl = archive, paths.idx, paths.ctl
    return verify_hour(hour)


def _differs(raw: Path, archive: Path, where: str) -> Differs:
    return Differs(
        f"{archive.name} is not what is in {raw}: {where}",
        hint=f"somebody writes {raw.name}, or the disk of {raw.parent} is failing; the raw file was left as it is",
    )


def _blamed(error: OSError, paths: HourPaths) -> Path:
    """The file the system named, if it did; else the archive, which is what is written."""
    named = error.filename
    return Path(named) if isinstance(named, str) and not named.endswith(PART) else paths.zst
