"""Bringing a backup back: nothing is touched before the file is known to be the one that was verified, and whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from muhurat.clock import Clock, ist
from muhurat.jobs.backup import sqlite
from muhurat.jobs.backup.base import (
    BackupError,
    Databases,
    Manifest,
    MysqlTarget,
    SqliteTarget,
    Target,
    manifest_path,
    read_manifest,
)
from muhurat.jobs.backup.choosing import Asked, own_target
from muhurat.jobs.backup.dump_text import DumpReader
from muhurat.jobs.backup.files import disk_trouble, part_of, unpacked
from muhurat.jobs.backup.making import changed
from muhurat.jobs.backup.mysql import MysqlSource


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: the database that is as in the backup now, and what it replaced.

    `kept` is the replaced SQLite file; `others` are tables of the database that the backup does not know.
    """

    database: str
    rows: int
    replaced: str
    kept: Path | None = None
    others: tuple[str, ...] = ()


def verified(file: Path) -> Manifest:
    """The manifest of a backup whose file is still what was verified; raises `BackupError`."""
    manifest = read_manifest(manifest_path(file))
    beside = replace(manifest, folder=str(file.parent.resolve()), file=file.name)
    chosen = beside if file.exists() else manifest
    wrong = changed(chosen)
    if wrong is not None:
        raise BackupError(
            f"the backup {chosen.path} {wrong}", hint="choose another backup; nothing was touched: `muhurat db list`"
        )
    return chosen


def target_of(manifest: Manifest, asked: Asked, desk: Databases) -> Target:
    """Where a backup belongs: the database that the options name, else the desk's own of that name."""
    if manifest.engine == "mysql":
        return _server(manifest, asked, desk)
    own = own_target(desk)
    if asked.database:
        return SqliteTarget((desk.folder / asked.database).resolve())
    if isinstance(own, SqliteTarget) and own.name == manifest.database:
        return own
    return SqliteTarget((desk.data_dir / f"{manifest.database}{sqlite.SUFFIX}").resolve())


def restore(manifest: Manifest, target: Target, clock: Clock) -> Restored:
    """Put a verified backup back. Raises `BackupError`, and `NotYet` when the database is in use."""
    if isinstance(target, MysqlTarget):
        return _into_server(manifest, target)
    return _into_file(manifest, target.path, clock)


def chunks(manifest: Manifest) -> Iterator[bytes]:
    """What a backup holds, unpacked."""
    return unpacked(manifest.path, compressed=manifest.compressed, encrypted=manifest.encrypted_to is not None)


def same_content(manifest: Manifest, checksum: Mapping[str, str]) -> None:
    """Compare the restored reference store with the checksums of its backup; raises `BackupError` naming tables."""
    wrong = [table for table, digest in (manifest.checksum or {}).items() if checksum.get(table) != digest]
    if wrong:
        raise BackupError(
            f"after the restore {', '.join(wrong)} differ from the backup {manifest.file}",
            hint="somebody may have written since; stop the desk and restore again",
        )


def _server(manifest: Manifest, asked: Asked, desk: Databases) -> MysqlTarget:
    whole_server = manifest.server.endswith("/*")
    if asked.user:
        name = None if whole_server else asked.database or manifest.database
        return MysqlTarget(asked.host, asked.port, asked.user, asked.password, name, asked.container)
    own = own_target(desk)
    if isinstance(own, MysqlTarget) and (whole_server or own.database == manifest.database):
        container = asked.container if asked.container is not None else own.container
        return replace(own, database=None if whole_server else own.database, container=container)
    raise BackupError(
        f"the backup is of the MySQL database {manifest.database}, which is not the desk's reference store",
        hint="say whose it is: --user, --host, --port or --mysql_container_name; the password comes from MYSQL_PWD",
    )


def _into_file(manifest: Manifest, target: Path, clock: Clock) -> Restored:
    sqlite.refuse_ledger(target)
    sqlite.wait_until_unused(target)
    aside = target.with_name(f"{target.name}.replaced-{ist(clock.now_ns()):%Y%m%d_%H%M%S}")
    fresh = target.with_name(f".{target.name}.restored")
    try:
        with part_of(fresh) as part, part.open("wb") as file:
            for chunk in chunks(manifest):
                file.write(chunk)
        rows = sqlite.checked_rows(fresh)
        _compare(manifest, rows)
        replaced = sqlite.put_in_place(fresh, target, aside)
    except OSError as error:
        raise disk_trouble(error, target) from error
    finally:
        fresh.unlink(missing_ok=True)
    was = f"the file as it was is {aside.name}" if replaced else "there was no file"
    return Restored(str(target), sum(rows.values()), was, aside if replaced else None)


def _into_server(manifest: Manifest, target: MysqlTarget) -> Restored:
    reader = DumpReader()
    for chunk in chunks(manifest):
        reader.feed(chunk)
    _compare(manifest, reader.finish())
    server = MysqlSource(target)
    before = server.tables() if target.database else []
    server.restore(chunks(manifest))
    others = sorted(set(before) - set(manifest.tables)) if target.database else []
    if target.database:
        _compare(manifest, server.rows(list(manifest.tables)))
    at = f"{target.database or 'all databases'} at {server.identity()}"
    was = f"{len(before)} tables were there" if target.database else "the server's databases were overwritten"
    return Restored(at, manifest.rows, was, others=tuple(others))


def _compare(manifest: Manifest, rows: dict[str, int]) -> None:
    """Raise `BackupError` when tables or rows are not those of the manifest."""
    if rows == dict(manifest.tables):
        return
    names = sorted(set(rows) | set(manifest.tables))
    wrong = [name for name in names if rows.get(name) != manifest.tables.get(name)]
    told = ", ".join(f"{name} {rows.get(name)} rows instead of {manifest.tables.get(name)}" for name in wrong[:3])
    raise BackupError(
        f"{manifest.file} does not give what its manifest says: {told}", hint="choose another backup: `muhurat db list`"
    )
