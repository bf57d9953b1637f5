"""Empty tables before the day's data are loaded, behind a backup of the same day (MISSION B7).

`--tables A,B` empties tables, `A:soft` removes the rows with `IsDeleted = TRUE`. It refuses without a backup of the
business date that was verified and is still what it was, refuses the trader's ledger, and a file that others use.
Everything happens in one transaction; tables are emptied by DELETE, because MySQL cannot take a TRUNCATE back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr

from muhurat.jobs.backup import sqlite
from muhurat.jobs.backup.base import BLITZ_CONTAINER, Databases, MysqlTarget, Source, SqliteTarget, Target
from muhurat.jobs.backup.choosing import Asked, default_folder, target
from muhurat.jobs.backup.cleaning import clean, steps_of
from muhurat.jobs.backup.making import require_backup
from muhurat.jobs.backup.mysql import MysqlSource
from muhurat.jobs.backup.sqlite import SqliteSource
from muhurat.jobs.base import Job, Options, Outcome, Tools
from muhurat.log import get_logger


def _words(value: Any) -> Any:
    """`A,B:soft` and `A B:soft` alike, as a list."""
    written = [value] if isinstance(value, str) else value
    return tuple(word.strip() for each in written for word in str(each).split(",") if word.strip())


class DbCleanOptions(Options):
    user: str = Field(default="", description="MySQL user; empty for the desk's own databases.")
    password: SecretStr = Field(default=SecretStr(""), description="Its password; best as ${env:NAME}.")
    database: str = Field(
        default="", description="Database; by default the desk's reference store. Without a user: a file of the desk."
    )
    host: str = Field(default="localhost", description="MySQL's host.")
    port: int = Field(default=3306, ge=1, le=65535, description="MySQL's port.")
    tables: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        min_length=1, description="Tables: A,B are emptied; A:soft loses the rows with IsDeleted = TRUE."
    )
    blitz_server: str = Field(default="", description="Which server this is for; only logged.")
    backup_dir: Path | None = Field(
        default=None, description="Where the day's backup lies, if db_backup of another desk wrote it."
    )
    mysql_container_name: str | None = Field(
        default=None,
        description=f"As of db_backup: whose programs say which server this is; {BLITZ_CONTAINER} where it runs.",
    )


def run(options: DbCleanOptions, tools: Tools) -> Outcome:
    steps = steps_of(options.tables)
    desk = tools.get(Databases)
    chosen = target(_asked(options), desk)
    if isinstance(chosen, SqliteTarget):
        sqlite.refuse_ledger(chosen.path)
    get_logger(__name__).info(
        "cleaning", database=chosen.name, tables=list(options.tables), blitz_server=options.blitz_server
    )
    folders = [default_folder(desk), *([tools.path(options.backup_dir)] if options.backup_dir else [])]
    source = _source(chosen, folders[0])
    backup = require_backup(folders, chosen.name, source.identity(), tools.business_date)
    tools.progress(0, len(steps), f"cleaning {chosen.name}")
    cleaned = clean(chosen, steps)
    told = ", ".join(f"{table} {rows:,}" for table, rows in cleaned.rows.items())
    at_once = f"; not in the transaction: {', '.join(cleaned.at_once)}" if cleaned.at_once else ""
    return Outcome(
        f"rows removed: {told}{at_once}; backup {backup.file}",
        facts={"removed": dict(cleaned.rows), "backup": str(backup.path), "blitz_server": options.blitz_server},
    )


def _asked(options: DbCleanOptions) -> Asked:
    return Asked(
        user=options.user,
        password=options.password.get_secret_value(),
        database=options.database,
        host=options.host,
        port=options.port,
        container=options.mysql_container_name,
    )


def _source(chosen: Target, folder: Path) -> Source:
    return MysqlSource(chosen) if isinstance(chosen, MysqlTarget) else SqliteSource(chosen.path, folder)


JOB = Job(
    name="db_clean",
    help="Empty tables, behind today's verified backup.",
    options=DbCleanOptions,
    run=run,
    present=True,
    writes=("*",),
)
