"""What a database refuses, as an error that names the database and the remedy; a password is in none of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from muhurat.errors import StoreError
from muhurat.log import redact


class _Kind(NamedTuple):
    """What happened, in words; whether trying again can help; and what a person does about it."""

    words: str
    again: bool
    hint: str


_BUSY: Final = _Kind(
    "is busy: another process has been writing to it all the while",
    True,
    "try again when the other process has finished; `muhurat day status` shows what runs",
)
_FULL: Final = _Kind(
    "has no room on its disk, so nothing was changed",
    False,
    "free some room on that disk, then run the job again",
)
_GONE: Final = _Kind(
    "cannot be reached, or went away; what was not committed is undone",
    True,
    "start the database server, or correct its address in the desk file (section stores)",
)
_REFUSED: Final = _Kind(
    "refuses this user",
    False,
    "check user, password and rights in the URL of the desk file's section stores",
)
_NO_DATABASE: Final = _Kind(
    "does not exist on that server",
    False,
    "create it there: CREATE DATABASE name CHARACTER SET utf8mb4, and give the desk's user all rights on it",
)
_READ_ONLY: Final = _Kind("may not be written", False, "check the owner and the rights of the file and of its folder")
_NO_FILE: Final = _Kind("cannot be opened", False, "check that its folder exists and belongs to the desk's user")
_DAMAGED: Final = _Kind("is damaged, or no database", False, "restore it from a backup: `muhurat db restore`")
_DISK_FAULT: Final = _Kind(
    "cannot be read or written by the disk it lies on", False, "check that disk and its free room, then run it again"
)
_AGAINST_RULES: Final = _Kind(
    "refuses rows against its rules", False, "look for a key that appears twice, or for a key column without a value"
)
_UNFIT: Final = _Kind(
    "refuses a value that does not fit its column", False, "compare the file with what it should hold"
)
_OTHER: Final = _Kind("reports an error", False, "")

_SQLITE: Final[Mapping[str, _Kind]] = {
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_FULL": _FULL,
    "SQLITE_CANTOPEN": _NO_FILE,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_PERM": _READ_ONLY,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_IOERR": _DISK_FAULT,
    "SQLITE_CONSTRAINT": _AGAINST_RULES,
    "SQLITE_TOOBIG": _UNFIT,
}
"""Primary result codes (https://www.sqlite.org/rescode.html); an extended code begins with its primary one."""

_MYSQL: Final[Mapping[int, _Kind]] = {
    0: _GONE,
    1020: _BUSY,
    1021: _FULL,
    1114: _FULL,
    1040: _BUSY,
    1205: _BUSY,
    1213: _BUSY,
    1044: _REFUSED,
    1045: _REFUSED,
    1142: _REFUSED,
    1049: _NO_DATABASE,
    1053: _GONE,
    1927: _GONE,
    2002: _GONE,
    2003: _GONE,
    2006: _GONE,
    2013: _GONE,
    2014: _GONE,
    1048: _AGAINST_RULES,
    1062: _AGAINST_RULES,
    1264: _UNFIT,
    1265: _UNFIT,
    1292: _UNFIT,
    1366: _UNFIT,
    1406: _UNFIT,
    1290: _READ_ONLY,
}
"""Error numbers of the server (1xxx) and of the client (2xxx): https://mariadb.com/kb/en/mariadb-error-codes/."""


def failure(place: str, error: BaseException) -> StoreError:
    """The store's error for one of a driver or of SQLAlchemy; `place` names the database, without a password."""
    original = _first(getattr(error, "orig", None) or error)
    kind = _sqlite_kind(original) if isinstance(original, sqlite3.Error) else _mysql_kind(original)
    return StoreError(
        f"{place} {kind.words}: {redact(_text(original))}",
        permanent=not kind.again,
        hint=kind.hint,
    )


def _first(error: BaseException) -> BaseException:
    """The driver's error, or that before it: of undoing a transaction on a lost connection, pymysql says nothing."""
    earlier = getattr(error.__context__, "orig", None) or error.__context__
    if len(error.args) > 1 and not error.args[1] and isinstance(earlier, Exception):
        return earlier if type(earlier).__module__ == type(error).__module__ else error
    return error


def _sqlite_kind(error: sqlite3.Error) -> _Kind:
    name = getattr(error, "sqlite_errorname", "")
    return next((kind for code, kind in _SQLITE.items() if name == code or name.startswith(f"{code}_")), _OTHER)


def _mysql_kind(error: BaseException) -> _Kind:
    if isinstance(error, OSError):
        return _GONE
    number = error.args[0] if error.args else None
    return _MYSQL.get(number, _OTHER) if isinstance(number, int) else _OTHER


def _text(error: BaseException) -> str:
    parts: tuple[Any, ...] = error.args
    text = str(parts[1]) if len(parts) > 1 and isinstance(parts[0], int) else str(error)
    return text.strip() or type(error).__name__
