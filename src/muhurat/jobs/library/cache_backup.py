"""Write every key and series of the cache into one checked file (MISSION B16); `muhurat db restore` brings it back."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from muhurat.jobs.backup.base import FOLDER
from muhurat.jobs.backup.cached import KEYS, SERIES, CacheSource
from muhurat.jobs.backup.gpg import encryption_to
from muhurat.jobs.backup.making import Place, make
from muhurat.jobs.base import Job, Options, Outcome, Tools
from muhurat.stores.base import Cache


class CacheBackupOptions(Options):
    output_dir: Path | None = Field(default=None, description="Folder of the backup; <data_dir>/backups by default.")
    no_compress: bool = Field(default=False, description="Write plain lines instead of their gzip.")
    encrypt_to: Path | None = Field(default=None, description="File of a GnuPG public key to encrypt the backup to.")


def run(options: CacheBackupOptions, tools: Tools) -> Outcome:
    tools.progress(0, None, "reading the cache")
    register = tools.data_dir / FOLDER
    place = Place(
        folder=tools.path(options.output_dir) if options.output_dir else register,
        register=register,
        compress=not options.no_compress,
        encryption=encryption_to(tools.path(options.encrypt_to)) if options.encrypt_to else None,
    )
    file, manifest = make(CacheSource(tools.get(Cache)), place, tools.clock, tools.business_date)
    keys, series = manifest.tables[KEYS], manifest.tables[SERIES]
    return Outcome(
        f"{keys:,} keys and {series:,} series, {manifest.bytes:,} bytes",
        files=(file,),
        facts={"keys": keys, "series": series, "sha256": manifest.sha256},
    )


JOB = Job(
    name="cache_backup",
    help="Back the cache up into one file.",
    options=CacheBackupOptions,
    run=run,
    on_failure="warn",
)
