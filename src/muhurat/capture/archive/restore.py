"""Bring hours back: out of a bundle, or an archive as a plain `.bin`. Nothing that is there and differs is touched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from muhurat.capture.archive.base import ArchiveError, disk_refused, sha256_of
from muhurat.capture.archive.bundle import SUFFIX, BundledFile, check_bundle, members, opened
from muhurat.capture.archive.compress import Differs, require_same
from muhurat.capture.journal.data import PART, expand
from muhurat.capture.journal.files import Files
from muhurat.capture.journal.format import HourPaths

_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Restored:
    """A file that is in its place now; `already` when it was before."""

    file: Path
    source: Path
    bytes: int
    already: bool


def restore(sources: Sequence[Path], to: Path, files: Files | None = None) -> list[Restored]:
    """Bring bundles and archives back into the folders `to/<feed>`.

    Of a bundle come the files that it holds, of a `.bin.zst` its `.bin` with index and control lines, where they lie
    beside it. Everything is compared with manifests and checksums. Raises `ArchiveError` or `JournalError`; when a
    source is damaged, or a file there differs, nothing of this source is written.
    """
    return [done for source in sources for done in _restore(source, to, files or Files())]


def _restore(source: Path, to: Path, files: Files) -> list[Restored]:
    try:
        if source.name.endswith(SUFFIX):
            return list(_from_bundle(source, to, files))
        if source.name.endswith(".bin.zst"):
            return list(_from_archive(HourPaths.of(source), source, to, files))
    except OSError as error:
        raise disk_refused(error, to) from error
    raise ArchiveError(f"{source} is no bundle and no archive", hint="name a .tar of bundles, or a .bin.zst")


def _from_bundle(source: Path, to: Path, files: Files) -> Iterator[Restored]:
    wanted = {file.name: file for file in check_bundle(source).files}
    there = {name for name in wanted if (to / name).exists()}
    _refuse_others([to / name for name in there if not _is(to / name, wanted[name])])
    with opened(source) as tar:
        for name, stream in members(tar):
            if name not in there:
                _write(to / name, stream, wanted[name], files)
            yield Restored(to / name, source, wanted[name].size, name in there)


def _from_archive(paths: HourPaths, source: Path, to: Path, files: Files) -> Iterator[Restored]:
    target = HourPaths(to / paths.feed, paths.feed, paths.hour)
    already = target.bin.exists()
    if already:
        try:
            require_same(target.bin, source)
        except Differs:
            _refuse_others([target.bin])
    beside = [(old, new) for old, new in ((paths.ctl, target.ctl), (paths.idx, target.idx)) if old.exists()]
    _refuse_others([new for old, new in beside if new.exists() and sha256_of(new) != sha256_of(old)])
    target.bin.parent.mkdir(parents=True, exist_ok=True)
    size = target.bin.stat().st_size if already else expand(source, target.bin, files)
    yield Restored(target.bin, source, size, already)
    for old, new in beside:
        already = new.exists()
        if not already:
            with old.open("rb") as stream:
                _write(new, stream, BundledFile(old.name, sha256_of(old), old.stat().st_size), files)
        yield Restored(new, old, new.stat().st_size, already)


def _write(target: Path, stream: IO[bytes], wanted: BundledFile, files: Files) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + PART)
    try:
        with part.open("wb") as out:
            shutil.copyfileobj(stream, out, _PIECE)
            out.flush()
            files.sync(out.fileno())
        if not _is(part, wanted):
            raise ArchiveError(f"{target} was not written as it should be", hint=f"check the disk of {target.parent}")
        files.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _is(path: Path, wanted: BundledFile) -> bool:
    return path.stat().st_size == wanted.size and sha256_of(path) == wanted.sha256


def _refuse_others(paths: Sequence[Path]) -> None:
    if paths:
        raise ArchiveError(
            f"{paths[0]}{f' and {len(paths) - 1} more' if paths[1:] else ''} exists already, and differs",
            hint="name another folder with --to, or move it away",
        )
