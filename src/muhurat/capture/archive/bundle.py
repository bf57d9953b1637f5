"""One bundle: archived hours in a tar, with a manifest as its first member that says what they hold.

The tar is not compressed, as its members are. They are named `<feed>/<file>`; any `tar` takes them out.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from muhurat.capture.archive.base import ArchiveError, BundleKind, disk_refused
from muhurat.capture.journal.data import PART
from muhurat.capture.journal.files import Files

MANIFEST: Final = "manifest.json"
SUFFIX: Final = ".tar"

_PIECE: Final = 1 << 20
_LONGEST_MANIFEST: Final = 256 * 1024 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*")

Opener = Callable[[], Any]
"""Opens a member's bytes: a context manager of a binary file."""


class BundledFile(msgspec.Struct, frozen=True):
    """One member: its name in the tar, and what it has to be."""

    name: str
    sha256: str
    size: int


class BundledHour(msgspec.Struct, frozen=True):
    """What one hour holds, as its verification found it. `bytes` are those of the records, raw; times ISO 8601."""

    feed: str
    hour: str
    records: int
    bytes: int
    first: str | None
    last: str | None
    gaps: list[dict[str, Any]]
    torn_bytes: int
    damaged: list[tuple[int, int]]
    versions: dict[str, str]


class Manifest(msgspec.Struct, frozen=True):
    """The first member of a bundle. `period` is 2026-11-20, 2026-W47 or 2026-11."""

    kind: BundleKind
    period: str
    made_at: str
    files: list[BundledFile]
    hours: list[BundledHour]
    format: str = "muhurat journal bundle 1"

    def names(self) -> list[str]:
        return [file.name for file in self.files]


def read_manifest(path: Path) -> Manifest:
    """What a bundle says it holds; raises `ArchiveError` when it does not begin as a bundle does."""
    with opened(path) as tar:
        first = tar.next()
        stream = tar.extractfile(first) if first is not None and first.name == MANIFEST else None
        if stream is None or first is None or first.size > _LONGEST_MANIFEST:
            raise _damaged(path, f"it does not begin with {MANIFEST}")
        document = stream.read()
    try:
        manifest = msgspec.json.decode(document, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damaged(path, f"its {MANIFEST} cannot be read: {error}") from error
    if strange := [name for name in manifest.names() if not _NAME.fullmatch(name)]:
        raise _damaged(path, f"it names a file {strange[0]!r}")
    return manifest


def write_bundle(path: Path, manifest: Manifest, openers: Mapping[str, Opener], files: Files | None = None) -> int:
    """Write a bundle, read it back and only then give it its name; its size. Raises `ArchiveError`."""
    part = path.with_name(path.name + PART)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as out:
                _fill(out, manifest, openers)
                out.flush()
                os.fsync(out.fileno())
            check_bundle(part)
            (files or Files()).replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise disk_refused(error, path) from error
    return path.stat().st_size


def check_bundle(path: Path) -> Manifest:
    """Compare every member with the manifest; raises `ArchiveError` naming the first that differs."""
    manifest = read_manifest(path)
    wanted = {file.name: file for file in manifest.files}
    with opened(path) as tar:
        for name, stream in members(tar):
            if wanted.pop(name, None) != BundledFile(name, *_digest(stream)):
                raise _damaged(path, f"{name} is not what its manifest says")
    if wanted:
        raise _damaged(path, f"{next(iter(wanted))} is missing")
    return manifest


@contextmanager
def opened(path: Path) -> Iterator[tarfile.TarFile]:
    """A bundle's tar; raises `ArchiveError` when it cannot be opened, or turns out to be damaged in the block."""
    try:
        with ExitStack() as stack:
            try:
                tar = stack.enter_context(tarfile.open(path, "r:"))
            except OSError as error:
                raise disk_refused(error, path) from error
            yield tar
    except tarfile.TarError as error:
        raise _damaged(path, str(error)) from error


def members(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and bytes of every member but the manifest, in order."""
    for info in tar:
        stream = tar.extractfile(info)
        if stream is not None and info.name != MANIFEST:
            yield info.name, stream


def of_file(path: Path) -> Opener:
    """Opens a file of the journal."""
    return lambda: path.open("rb")


def of_bundle(path: Path, name: str) -> Opener:
    """Opens a member of another bundle."""

    @contextmanager
    def member() -> Iterator[IO[bytes]]:
        with opened(path) as tar:
            stream = tar.extractfile(name)
            if stream is None:
                raise _damaged(path, f"{name} is no file")
            yield stream

    return member


def _fill(out: IO[bytes], manifest: Manifest, openers: Mapping[str, Opener]) -> None:
    document = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(_info(MANIFEST, len(document)), io.BytesIO(document))
        for file in manifest.files:
            with openers[file.name]() as stream:
                tar.addfile(_info(file.name, file.size), stream)


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


def _digest(stream: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(_PIECE):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def _damaged(path: Path, why: str) -> ArchiveError:
    return ArchiveError(
        f"the bundle {path} is damaged: {why}", hint="move it away; if its hours are still there it is made anew"
    )
