"""Which database a job or a person means: named by options, or the desk's own reference store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from muhurat.errors import UsageError
from muhurat.jobs.backup.base import FOLDER, Databases, MysqlTarget, SqliteTarget, Target
from muhurat.jobs.backup.sqlite import SUFFIX, sqlite_files

DEFAULT_HOST: Final = "localhost"
DEFAULT_PORT: Final = 3306


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say. `user` empty means one of the desk's own databases."""

    user: str = ""
    password: str = ""
    database: str = ""
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    all_databases: bool = False
    container: str | None = None

    def __repr__(self) -> str:
        return f"Asked({self.user}@{self.host}:{self.port}/{self.database})"


def targets(asked: Asked, desk: Databases) -> Sequence[Target]:
    """The databases that are meant, at least one. Raises `UsageError` for what nobody can mean."""
    if asked.user:
        return (_server_database(asked),)
    own = own_target(desk)
    if asked.all_databases:
        if isinstance(own, MysqlTarget):
            return (_reached(replace(own, database=None), asked), *_files(desk))
        return _files(desk) or (own,)
    if not asked.database or asked.database == own.name:
        return (_reached(own, asked),)
    return (_own_file(asked.database, desk),)


def target(asked: Asked, desk: Databases) -> Target:
    """The one database that is meant."""
    return targets(asked, desk)[0]


def own_target(desk: Databases) -> Target:
    """The desk's reference store."""
    parts = urlsplit(desk.reference_url)
    if parts.scheme == "sqlite":
        return SqliteTarget((desk.folder / parts.path[1:]).resolve())
    return MysqlTarget(
        host=parts.hostname or DEFAULT_HOST,
        port=parts.port or DEFAULT_PORT,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.strip("/")),
        container="",
    )


def is_own(chosen: Target, desk: Databases) -> bool:
    """Whether it is the desk's reference store, whatever programs reach it."""
    own = own_target(desk)
    if isinstance(chosen, MysqlTarget) and isinstance(own, MysqlTarget):
        return (chosen.host, chosen.port, chosen.database) == (own.host, own.port, own.database)
    return chosen == own


def _server_database(asked: Asked) -> MysqlTarget:
    if not (asked.database or asked.all_databases):
        raise UsageError("--user names an account, and no database", hint="add --database NAME or --all-databases")
    name = None if asked.all_databases else asked.database
    return MysqlTarget(asked.host, asked.port, asked.user, asked.password, name, asked.container)


def _reached(own: Target, asked: Asked) -> Target:
    """The desk's own database by its URL; through a container only when one is named, as it might be another's."""
    if isinstance(own, MysqlTarget) and asked.container is not None:
        return replace(own, container=asked.container)
    return own


def _files(desk: Databases) -> tuple[SqliteTarget, ...]:
    return tuple(SqliteTarget(path.resolve()) for path in sqlite_files(desk.data_dir))


def _own_file(name: str, desk: Databases) -> SqliteTarget:
    """A SQLite database of the desk, by its name, its file's name or its path."""
    known = {path.stem: path for path in sqlite_files(desk.data_dir)}
    if name in known:
        return SqliteTarget(known[name].resolve())
    if name.endswith(SUFFIX):
        places = (desk.data_dir / name, desk.folder / name)
        return SqliteTarget(next((path for path in places if path.exists()), places[-1] if "/" in name else places[0]))
    raise UsageError(
        f"the desk has no database called {name!r}; it has {', '.join(known) or 'none yet'}",
        hint="a database of a MySQL server needs --user too",
    )


def default_folder(desk: Databases) -> Path:
    """Where backups lie unless somebody says otherwise, and where all manifests are."""
    return desk.data_dir / FOLDER
