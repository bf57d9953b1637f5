"""Back the desk's databases up before anything changes them (MISSION B6).

Without `--user` and `--database` the desk's own reference store is meant, by its URL: SQLite by its online backup,
MySQL by `mysqldump`. With `--user`, a database of a MySQL or MariaDB server, as in the seed. The file appears under its
name only when it is complete and was read back; a manifest beside it says what it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, SecretStr

from muhurat.jobs.backup.base import BLITZ_CONTAINER, Databases, Manifest, Source, SqliteTarget, Target
from muhurat.jobs.backup.choosing import Asked, default_folder, is_own, targets
from muhurat.jobs.backup.gpg import encryption_to
from muhurat.jobs.backup.making import Checksum, Place, make
from muhurat.jobs.backup.mysql import MysqlSource
from muhurat.jobs.backup.sqlite import SqliteSource
from muhurat.jobs.base import Job, Options, Outcome, Tools
from muhurat.stores.base import ReferenceStore


class DbBackupOptions(Options):
    user: str = Field(default="", description="MySQL user; empty for the desk's own databases.")
    password: SecretStr = Field(default=SecretStr(""), description="Its password; best as ${env:NAME}.")
    database: str = Field(
        default="", description="Database; by default the desk's reference store. Without a user: a file of the desk."
    )
    output_dir: Path | None = Field(default=None, description="Folder of the backup; <data_dir>/backups by default.")
    host: str = Field(default="localhost", description="MySQL's host.")
    port: int = Field(default=3306, ge=1, le=65535, description="MySQL's port.")
    all_databases: bool = Field(default=False, description="All of the server's, or of the desk's, databases.")
    no_compress: bool = Field(default=False, description="Write the dump itself instead of its gzip.")
    mysql_container_name: str | None = Field(
        default=None,
        description=f"Docker container whose mysqldump is used. Not given: {BLITZ_CONTAINER} where it runs, else this "
        "machine's programs; an empty name: always this machine's.",
    )
    encrypt_to: Path | None = Field(default=None, description="File of a GnuPG public key to encrypt the backup to.")


def run(options: DbBackupOptions, tools: Tools) -> Outcome:
    desk = tools.get(Databases)
    register = default_folder(desk)
    place = Place(
        folder=tools.path(options.output_dir) if options.output_dir else register,
        register=register,
        compress=not options.no_compress,
        encryption=encryption_to(tools.path(options.encrypt_to)) if options.encrypt_to else None,
    )
    chosen = targets(asked_of(options), desk)
    made = []
    for number, target in enumerate(chosen):
        tools.progress(number, len(chosen), f"backing up {target.name}")
        checksum: Checksum | None = tools.get(ReferenceStore).checksum if is_own(target, desk) else None
        made.append(make(source_of(target, place.folder), place, tools.clock, tools.business_date, checksum))
    return _outcome(made)


def asked_of(options: DbBackupOptions) -> Asked:
    """The options as the question which database is meant."""
    return Asked(
        user=options.user,
        password=options.password.get_secret_value(),
        database=options.database,
        host=options.host,
        port=options.port,
        all_databases=options.all_databases,
        container=options.mysql_container_name,
    )


def source_of(target: Target, folder: Path) -> Source:
    """Whoever can read a database; `folder` is for the moment's copy of a SQLite file."""
    return SqliteSource(target.path, folder) if isinstance(target, SqliteTarget) else MysqlSource(target)


def _outcome(made: Sequence[tuple[Path, Manifest]]) -> Outcome:
    notes = [
        f"{manifest.database}: {len(manifest.tables)} tables, {manifest.rows:,} rows, {manifest.bytes:,} bytes"
        + (", encrypted" if manifest.encrypted_to else "")
        for _, manifest in made
    ]
    return Outcome(
        "; ".join(notes),
        rows=sum(manifest.rows for _, manifest in made),
        files=tuple(path for path, _ in made),
        facts={"any_count": True}
        | {manifest.database: {"sha256": manifest.sha256, "tables": dict(manifest.tables)} for _, manifest in made},
    )


JOB = Job(
    name="db_backup",
    help="Back the databases up, verified and restorable.",
    options=DbBackupOptions,
    run=run,
)
