"""SQLite databases: copied while others write (SQLite's online backup), and put back into their place.

A copy is one consistent state, whatever happens meanwhile: https://sqlite.org/backup.html. It is judged by SQLite's own
integrity check before anything is made of it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import psutil

from muhurat.jobs.backup.base import LEDGER, BackupError, Kind, Sink
from muhurat.jobs.backup.files import folder_aside
from muhurat.jobs.base import JobError, NotYet
from muhurat.supervisor.kernel import pids

SUFFIX: Final = ".db"
WAITED_FOR_WRITERS_S: Final = 10.0

_CHUNK: Final = 1 << 20
_COMPANIONS: Final = ("-wal", "-shm", "-journal")
DISK: Final = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")
_LOOKS_A_SECOND: Final = 10


class SqliteSource:
    """A SQLite file to back up; `folder` is where its copy lies for a moment."""

    kind: Kind = "sqlite"
    suffix = SUFFIX

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder
        self.name = path.stem

    def identity(self) -> str:
        return str(self._path.resolve())

    def dump(self, sink: Sink) -> dict[str, int]:
        """Copy, check the copy, give its bytes; raises `BackupError` naming what SQLite says."""
        if not self._path.is_file():
            raise BackupError(
                f"{self._path} is no database: there is no such file", hint="check --database, or stores.reference"
            )
        with folder_aside(self._folder, self.name) as aside:
            copy = aside / self._path.name
            self._copy_to(copy)
            rows = checked_rows(copy)
            with copy.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    sink(chunk)
        return rows

    def _copy_to(self, copy: Path) -> None:
        try:
            with closing(_reading(self._path)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target, pages=-1)
                target.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.Error as error:
            if error.sqlite_errorname.startswith(DISK):
                size = self._path.stat().st_size
                raise BackupError(
                    f"{self._path} ({size:,} bytes) cannot be copied into {self._folder}: {error}",
                    hint=f"free space on the disk of {self._folder}, or name another --output_dir, then run it again",
                ) from error
            raise _unreadable(self._path, error) from error


def checked_rows(path: Path) -> dict[str, int]:
    """The rows by table of a database that passes SQLite's integrity check; raises `BackupError` when it does not."""
    try:
        with closing(_reading(path)) as database:
            verdict = [str(row[0]) for row in database.execute("PRAGMA integrity_check(5)")]
            if verdict != ["ok"]:
                raise BackupError(f"{path.name} is damaged: {'; '.join(verdict)}", hint="restore an earlier backup")
            return {name: _count(database, name) for name in table_names(database)}
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def table_names(database: sqlite3.Connection) -> list[str]:
    """The tables that somebody made, in order."""
    made = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    )
    return [str(row[0]) for row in database.execute(made)]


def quoted(name: str) -> str:
    """A table's or column's name inside SQL."""
    return '"' + name.replace('"', '""') + '"'


def refuse_ledger(path: Path) -> None:
    """Raise `JobError` for the trader's ledger."""
    if path.name == LEDGER or path.resolve().name == LEDGER:
        raise JobError(
            f"{path} is the trader's ledger, which nothing cleans or restores over",
            hint="stop the trader and move the file away by hand, if that is what you mean",
        )


def wait_until_unused(path: Path, patience_s: float = WAITED_FOR_WRITERS_S) -> None:
    """Wait until no other process has the file open; raises `NotYet` naming those that still have."""
    pause = threading.Event()
    for _ in range(max(1, round(patience_s * _LOOKS_A_SECOND))):
        others = _others(path)
        if not others:
            return
        pause.wait(1 / _LOOKS_A_SECOND)
    raise NotYet(
        f"{path} is in use by {', '.join(others)}",
        retry_after_s=patience_s,
        hint="wait for them or stop them, then run it again",
    )


def put_in_place(fresh: Path, target: Path, aside: Path) -> bool:
    """Let a checked database take the place of `target`, which stays beside it as `aside`; whether there was one.

    Nobody may have `target` open. What its write-ahead log still holds goes into it first, where it is readable.
    """
    _fold_log_into(target)
    replaced = target.exists()
    if replaced:
        os.link(target, aside)
    for companion in _COMPANIONS:
        with suppress(FileNotFoundError):
            target.with_name(target.name + companion).rename(aside.with_name(aside.name + companion))
    fresh.replace(target)
    return replaced


def _fold_log_into(target: Path) -> None:
    if not target.is_file():
        return
    try:
        with closing(sqlite3.connect(target, timeout=1)) as database:
            database.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise NotYet(f"{target} is in use: {error}", hint="stop what uses it, then run it again") from error
    except sqlite3.DatabaseError:
        return  # the wreck that is to be replaced; it is kept as it is


def _others(path: Path) -> list[str]:
    """Other processes that have the database or its log open, as `name (pid 1234)`; somebody else's are not seen."""
    wanted = set()
    for each in (path, path.with_name(path.name + "-wal")):
        with suppress(FileNotFoundError):
            wanted.add((each.stat().st_dev, each.stat().st_ino))
    return [told for pid in pids() if pid != os.getpid() and _has_open(pid, wanted) and (told := _told(pid))]


def _has_open(pid: int, wanted: set[tuple[int, int]]) -> bool:
    with suppress(OSError):  # it ended, or is somebody else's
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                found = entry.stat()
                if (found.st_dev, found.st_ino) in wanted:
                    return True
    return False


def _told(pid: int) -> str:
    with suppress(psutil.NoSuchProcess):
        return f"{psutil.Process(pid).name()} (pid {pid})"
    return ""


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=WAITED_FOR_WRITERS_S)


def _count(database: sqlite3.Connection, table: str) -> int:
    return int(database.execute(f"SELECT COUNT(*) FROM {quoted(table)}").fetchone()[0])


def _unreadable(path: Path, error: sqlite3.Error) -> BackupError:
    return BackupError(
        f"SQLite cannot read {path}: {error}",
        hint="`muhurat db restore` brings a backup back; if it is only locked, try again",
    )


def sqlite_files(folder: Path) -> Iterator[Path]:
    """The databases of a folder, by name."""
    yield from sorted(folder.glob(f"*{SUFFIX}"))
