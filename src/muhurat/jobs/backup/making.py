"""Making a backup: read the database as one stream, pack it, read the file back, and only then give it its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from muhurat.clock import Clock, ist
from muhurat.jobs.backup.base import (
    BackupError,
    Manifest,
    Source,
    encoded,
    manifest_path,
    manifests,
)
from muhurat.jobs.backup.files import (
    Packed,
    clear_leftovers,
    digest_of,
    in_work,
    packing,
    part_of,
    sha256_of,
    unpacked,
    write_whole,
)
from muhurat.jobs.backup.gpg import Encryption
from muhurat.jobs.base import JobError

Checksum = Callable[[], Mapping[str, str]]
"""The reference store's own checksum by table."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a backup goes and how. `register` is the desk's folder of backups, which knows of those elsewhere too."""

    folder: Path
    register: Path
    compress: bool = True
    encryption: Encryption | None = None


def make(
    source: Source, place: Place, clock: Clock, business_date: date, checksum: Checksum | None = None
) -> tuple[Path, Manifest]:
    """Back a database up; the file and its manifest. Raises `BackupError`, and then leaves nothing behind."""
    identity = source.identity()
    before = checksum() if checksum else None
    target = _free_name(source, place, clock)
    clear_leftovers(place.folder, source.name)
    with part_of(target) as part, in_work(part):
        with packing(part, compress=place.compress, encryption=place.encryption) as packed:
            rows = source.dump(packed.write)
        _prove(part, packed, place)
        digest, size = sha256_of(part), part.stat().st_size
    after = checksum() if checksum else None
    now = ist(clock.now_ns()).isoformat(timespec="seconds")
    manifest = Manifest(
        database=source.name,
        engine=source.kind,
        server=identity,
        business_date=business_date.isoformat(),
        made_at=now,
        verified_at=now,
        file=target.name,
        folder=str(target.parent.resolve()),
        bytes=size,
        sha256=digest,
        compressed=place.compress,
        proven="stream" if place.encryption else "file",
        tables=rows,
        encrypted_to=place.encryption.fingerprint if place.encryption else None,
        checksum=dict(after) if after is not None and after == before else None,
    )
    _register(manifest, target, place)
    return target, manifest


def changed(manifest: Manifest) -> str | None:
    """What is wrong with a backup's file now: it is missing, or no longer what was verified; None when it is whole."""
    path = manifest.path
    try:
        size = path.stat().st_size
        if size != manifest.bytes:
            return f"has {size:,} bytes instead of {manifest.bytes:,}"
        return None if sha256_of(path) == manifest.sha256 else "is not the file that was verified: its SHA-256 differs"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def require_backup(
    folders: Sequence[Path], database: str, identity: str, day: date, *, job: str = "db_backup"
) -> Manifest:
    """The newest backup of the database that was made for the day, verified, and is still what it was.

    Raises `JobError` saying what there is instead, and naming the job that makes one.
    """
    doubts = []
    for manifest in _of_day(folders, day):
        if not _covers(manifest, database, identity):
            doubts.append(f"{manifest.file} is of {manifest.database} at {manifest.server}")
            continue
        wrong = changed(manifest)
        if wrong is None:
            return manifest
        doubts.append(f"{manifest.path} {wrong}")
    raise JobError(
        f"there is no verified backup of {database} at {identity} for {day}"
        + (f": {'; '.join(doubts[:3])}" if doubts else ""),
        hint=f"run {job} first, and make it a dependency of this job",
    )


def _covers(manifest: Manifest, database: str, identity: str) -> bool:
    """Whether it is of this very database, or of all databases of its server, this one among them."""
    if (manifest.database, manifest.server) == (database, identity):
        return True
    of_all = f"{identity.removesuffix(database)}*"
    return manifest.server == of_all and any(table.startswith(f"{database}.") for table in manifest.tables)


def _of_day(folders: Sequence[Path], day: date) -> Iterator[Manifest]:
    """The manifests of a business date, newest first; one that is in two folders once."""
    found = {manifest.path: manifest for folder in folders for manifest in manifests(folder)}
    wanted = [manifest for manifest in found.values() if manifest.business_date == day.isoformat()]
    yield from sorted(wanted, key=lambda manifest: manifest.made_at, reverse=True)


def _free_name(source: Source, place: Place, clock: Clock) -> Path:
    """`reference_20260922_081500.db.gz`, with a number behind the time when desk time stands still."""
    stamp = f"{ist(clock.now_ns()):%Y%m%d_%H%M%S}"
    ending = source.suffix + ".gz" * place.compress + ".gpg" * (place.encryption is not None)
    number = 1
    while True:
        again = f"_{number}" if number > 1 else ""
        target = place.folder / f"{source.name}_{stamp}{again}{ending}"
        if not target.exists():
            return target
        number += 1


def _prove(part: Path, packed: Packed, place: Place) -> None:
    """Unpack the finished file and compare it with what went in; an encrypted one can only be looked at."""
    if place.encryption:
        if not part.stat().st_size:
            raise BackupError(f"{part.name} is empty", hint="try gpg by hand")
        return
    if digest_of(unpacked(part, compressed=place.compress, encrypted=False)) != packed.sha256:
        raise BackupError(
            f"{part.name} read back is not what was written",
            hint=f"look at the disk of {place.folder}; no backup was kept",
        )


def _register(manifest: Manifest, target: Path, place: Place) -> None:
    write_whole(manifest_path(target), encoded(manifest))
    if place.register.resolve() != target.parent.resolve():
        write_whole(place.register / manifest_path(target).name, encoded(manifest))
