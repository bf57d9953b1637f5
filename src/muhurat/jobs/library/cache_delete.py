"""Forget the cache's keys and series by their beginning, behind a backup of the same day (MISSION B16)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from muhurat.jobs.backup.base import FOLDER
from muhurat.jobs.backup.cached import NAME
from muhurat.jobs.backup.making import require_backup
from muhurat.jobs.base import Job, Options, Outcome, Tools
from muhurat.stores.base import Cache


class CacheDeleteOptions(Options):
    prefix: str = Field(default="", description="How the names begin that are forgotten; empty for everything.")
    backup_dir: Path | None = Field(default=None, description="Where the day's cache backup lies, if not known here.")


def run(options: CacheDeleteOptions, tools: Tools) -> Outcome:
    folders = [tools.data_dir / FOLDER, *([tools.path(options.backup_dir)] if options.backup_dir else [])]
    backup = require_backup(folders, NAME, NAME, tools.business_date, job="cache_backup")
    count = tools.get(Cache).delete(options.prefix)
    what = f"that begin with {options.prefix!r}" if options.prefix else "there were"
    return Outcome(
        f"forgot all {count:,} entries {what}; backup {backup.file}",
        facts={"deleted": count, "backup": str(backup.path)},
    )


JOB = Job(
    name="cache_delete",
    help="Empty the cache, behind today's backup of it.",
    options=CacheDeleteOptions,
    run=run,
    present=True,
    on_failure="warn",
)
