"""What a backup is: which database, a file with a manifest beside it, and the contract of whoever can write one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from muhurat.jobs.base import JobError

LEDGER: Final = "ledger.db"
"""The trader's record of what it decided: backed up like any database, never cleaned and never restored over."""

BLITZ_CONTAINER: Final = "blitz_mysql"
"""The MySQL container of the desks that the seed describes."""

FOLDER: Final = "backups"
"""In the desk's data folder: the backups, and the manifests of those that lie elsewhere."""

Sink = Callable[[bytes], object]
"""Takes a database's bytes, in order."""

Kind = Literal["sqlite", "mysql", "cache"]


class BackupError(JobError):
    """A backup could not be made, is not whole, or cannot be restored."""


@dataclass(frozen=True, slots=True)
class SqliteTarget:
    """An embedded database, by its file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass(frozen=True, slots=True)
class MysqlTarget:
    """A MySQL or MariaDB database. `database` None means all of the server's.

    `container` names the Docker container whose own programs are used; empty: this machine's programs; None: the
    container `blitz_mysql` where one runs and the host is this machine, else this machine's programs.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str | None
    container: str | None = None

    @property
    def name(self) -> str:
        return self.database or "all_databases"


Target = SqliteTarget | MysqlTarget


@dataclass(frozen=True, slots=True)
class Databases:
    """What the desk keeps in databases: the URL of its reference store, where relative paths start, its data folder."""

    reference_url: str
    folder: Path
    data_dir: Path


class Source(Protocol):
    """A database that can be read as one stream, consistent although others write."""

    name: str
    kind: Kind
    suffix: str
    """Of the file, such as `.sql`."""

    def identity(self) -> str:
        """What tells this database from others of its name, whichever way it is reached."""

    def dump(self, sink: Sink) -> dict[str, int]:
        """Give all of it to `sink`; the rows by table that were given. Raises `BackupError` when it is not whole."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of a backup; it lies beside the file as `<file>.json`, and is written when all was verified.

    `server` is the source's identity. `checksum` is the reference store's own by table, None for other databases and
    where somebody wrote while it was read. `proven` says what was checked: `file` when the finished file was read back
    and unpacked, `stream` when only its encrypted bytes could be. Instants are ISO 8601 in India's time.
    """

    database: str
    engine: Kind
    server: str
    business_date: str
    made_at: str
    verified_at: str
    file: str
    folder: str
    bytes: int
    sha256: str
    compressed: bool
    proven: Literal["file", "stream"]
    tables: Mapping[str, int]
    encrypted_to: str | None = None
    checksum: Mapping[str, str] | None = None

    @property
    def path(self) -> Path:
        return Path(self.folder) / self.file

    @property
    def rows(self) -> int:
        return sum(self.tables.values())


def encoded(manifest: Manifest) -> bytes:
    """A manifest as its file holds it."""
    return json.dumps(asdict(manifest), indent=2, ensure_ascii=False).encode() + b"\n"


def manifest_path(file: Path) -> Path:
    """Where the manifest of a backup's file lies."""
    return file.with_name(file.name + ".json")


def read_manifest(path: Path) -> Manifest:
    """A manifest out of its file; raises `BackupError` when it is none."""
    try:
        written: dict[str, Any] = json.loads(path.read_bytes())
        return Manifest(**{each.name: written[each.name] for each in fields(Manifest)})
    except FileNotFoundError:
        raise BackupError(
            f"{path} is missing, so nobody knows whether the backup beside it is whole",
            hint="choose a backup that `muhurat db list` shows as verified",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(
            f"{path} is no manifest of a backup: {error!r}", hint="choose a backup that `muhurat db list` shows"
        ) from error


def manifests(folder: Path) -> Iterator[Manifest]:
    """The manifests in a folder, newest first; what is no manifest is left out."""
    found = []
    for path in folder.glob("*.json"):
        try:
            found.append(read_manifest(path))
        except BackupError:
            continue
    yield from sorted(found, key=lambda manifest: manifest.made_at, reverse=True)
