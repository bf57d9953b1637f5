"""Files that appear whole or not at all, packed and encrypted on the way, and read back to be sure."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from glob import escape
from pathlib import Path
from typing import IO, Final

from muhurat.jobs.backup.base import BackupError, Sink
from muhurat.jobs.backup.gpg import Encryption
from muhurat.supervisor import lock

PART: Final = ".part"
_LOCK: Final = "lock"
_STAMP: Final = f"{'[0-9]' * 8}_{'[0-9]' * 6}"
_CHUNK: Final = 1 << 20
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def part_of(target: Path) -> Iterator[Path]:
    """The path of a part file beside `target`, for its owner alone, which becomes `target` when the block ends well.

    When it raises, the part is gone and nothing else has changed. A disk that refuses is a `BackupError` naming it.
    """
    part = target.with_name(target.name + PART)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        yield part
        commit(part, target)
    except OSError as error:
        raise disk_trouble(error, target) from error
    finally:
        if part.exists():
            part.unlink()


@contextmanager
def in_work(part: Path) -> Iterator[None]:
    """Show, by a lock that dies with us, that somebody still writes this part."""
    held = lock.take(part)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


@contextmanager
def folder_aside(folder: Path, name: str) -> Iterator[Path]:
    """A folder of our own in `folder`, for the owner alone, gone with all that is in it when the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".muhurat-{name}-", dir=folder) as aside:
        mark = Path(aside) / _LOCK
        mark.touch()
        with in_work(mark):
            yield Path(aside)


def clear_leftovers(folder: Path, name: str) -> None:
    """Remove what backups of a database left that were killed at work: parts and copies that nobody holds any more."""
    for part in folder.glob(f"{escape(name)}_{_STAMP}*{PART}"):
        if not lock.is_held(part):
            part.unlink(missing_ok=True)
    for mark in folder.glob(f".muhurat-{escape(name)}-*/{_LOCK}"):
        if not lock.is_held(mark):
            shutil.rmtree(mark.parent, ignore_errors=True)


def commit(part: Path, target: Path) -> None:
    """Give a finished part its name; file and folder survive the loss of power."""
    _synchronise(part, os.O_RDONLY)
    part.replace(target)
    _synchronise(target.parent, os.O_RDONLY | os.O_DIRECTORY)


def write_whole(target: Path, content: bytes) -> None:
    """Write a small file, all or nothing."""
    with part_of(target) as part:
        part.write_bytes(content)


def disk_trouble(error: OSError, target: Path) -> BackupError:
    """What an `OSError` met while writing `target` means to an operator."""
    if error.errno in _FULL:
        size = target.with_name(target.name + PART)
        written = f" after {size.stat().st_size:,} bytes" if size.exists() else ""
        return BackupError(
            f"{target.parent} has no room for {target.name}: {error.strerror}{written}",
            hint=f"free space on the disk of {target.parent}, or name another --output_dir, then run it again",
        )
    return BackupError(
        f"{target} cannot be written: {error.strerror or error}",
        hint=f"look at the owner and the permissions of {target.parent}",
    )


class Packed:
    """What was written to a file by `packing`: a SHA-256 over the bytes as they came in."""

    def __init__(self, write: Sink) -> None:
        self._write = write
        self._digest = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._write(chunk)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def packing(path: Path, *, compress: bool, encryption: Encryption | None) -> Iterator[Packed]:
    """Write to a file through gzip and GnuPG, as asked; at the end of the block the file is complete."""
    with ExitStack() as open_parts:
        bottom: IO[bytes] = open_parts.enter_context(encryption.writing(path) if encryption else path.open("wb"))
        if compress:
            top = open_parts.enter_context(gzip.GzipFile(path.stem, "wb", 6, bottom, mtime=0))
            yield Packed(top.write)
        else:
            yield Packed(bottom.write)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file as it lies there."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpacked(path: Path, *, compressed: bool, encrypted: bool) -> Iterator[bytes]:
    """The bytes that were packed into a file; raises `BackupError` when it cannot be unpacked to its end."""
    from muhurat.jobs.backup.gpg import decrypting

    with ExitStack() as open_parts:
        raw = open_parts.enter_context(decrypting(path) if encrypted else path.open("rb"))
        file = open_parts.enter_context(gzip.GzipFile(fileobj=raw)) if compressed else raw
        try:
            while chunk := file.read(_CHUNK):
                yield chunk
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BackupError(
                f"{path} cannot be unpacked: {error}", hint="the file is damaged; choose another backup"
            ) from error


def digest_of(chunks: Iterator[bytes]) -> str:
    """The SHA-256 over chunks."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _synchronise(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
