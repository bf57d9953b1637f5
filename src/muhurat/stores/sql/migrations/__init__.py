"""Brings a database to the present schema, from any released one.

There are two schemas, each with its own chain of versions in a folder of that name: `reference` (the day's reference
data) and `desk` (run history, operator's log). A version is one file `v<NNNN>_<what>.py` whose `revision` is `NNNN`,
with an `upgrade()` for Alembic; released ones are never changed. A database remembers its version in
`alembic_version_<schema>`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, inspect, text

from muhurat.errors import StoreError
from muhurat.stores.sql.engine import place, reading, writing

Schema = Literal["reference", "desk"]

_FOLDER: Final = Path(__file__).parent


def upgrade(engine: Engine, schema: Schema) -> None:
    """Bring the database to the present version of a schema; quick when it is there already.

    Any number of processes may call this at once: one does the work, the others wait. Raises `StoreError`, also for a
    database that a newer Muhurat has written.
    """
    versions = known_versions(schema)
    with reading(engine) as connection:
        found = _version(connection, engine, schema, versions)
    if found == versions[-1]:
        return
    with writing(engine) as connection:
        if _version(connection, engine, schema, versions) != versions[-1]:
            _migrate(connection, schema)


def known_versions(schema: Schema) -> list[str]:
    """The versions of a schema, oldest first, by their files."""
    return sorted(path.stem[1:].partition("_")[0] for path in (_FOLDER / schema).glob("v[0-9]*.py"))


def _version(connection: Connection, engine: Engine, schema: Schema, versions: list[str]) -> str | None:
    """The version a database is at; None for an empty one."""
    table = f"alembic_version_{schema}"
    if not inspect(connection).has_table(table):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {table}")).scalar()
    if found is not None and found not in versions:
        raise StoreError(
            f"{place(engine)} has version {found} of the {schema} tables; this Muhurat knows {versions[-1]} at most",
            hint="install the Muhurat that wrote it, or a newer one; or restore a backup made before",
        )
    return None if found is None else str(found)


def _migrate(connection: Connection, schema: Schema) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(_FOLDER), version_locations=[str(_FOLDER / schema)])

    def steps(found: Any, _context: MigrationContext) -> list[RevisionStep]:
        return script._upgrade_revs("head", found)

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, version_table=f"alembic_version_{schema}")
        environment.run_migrations()
