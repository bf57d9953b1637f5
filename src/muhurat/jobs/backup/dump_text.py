"""Reading the text of a MySQL or MariaDB dump as it passes: which tables, how many rows, and whether it is complete.

`mysqldump` writes one statement a line or one row a line, both with line ends inside texts escaped; its last line is
`-- Dump completed on …`. A dump that failed still has a header of some 16 lines, and no last line (facts: servers,
MariaDB dump facts). Not every client understands MariaDB's first line, `/*M!999999\\- enable the sandbox mode */`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from muhurat.jobs.backup.base import BackupError

SANDBOX_LINE: Final = b"/*M!999999\\-"

_LAST_LINE: Final = b"-- Dump completed"
_TEXT = re.compile(rb"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_NAME: Final = rb"`((?:[^`]|``)+)`"
_DATABASE = re.compile(rb"USE " + _NAME + rb";")
_TABLE = re.compile(rb"CREATE TABLE (?:IF NOT EXISTS )?" + _NAME)
_ROWS = re.compile(rb"(?:INSERT|REPLACE) +(?:IGNORE +)?INTO " + _NAME + rb"(?: +\([^)]*\))? +VALUES")
_TRIGGER: Final = b"DELIMITER "


class DumpReader:
    """Takes a dump in chunks of any size."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._last = b""
        self._database = ""
        self._into: str | None = None
        self._in_routine = False
        self._tables: dict[str, int] = {}

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        head, *rest = chunk.split(b"\n")
        self._line.append(head)
        for piece in rest:
            self._take(b"".join(self._line))
            self._line = [piece]

    def finish(self) -> dict[str, int]:
        """The rows by table, names with their database where a dump has several; raises `BackupError` when it has no
        last line."""
        self._take(b"".join(self._line))
        if not self._last.startswith(_LAST_LINE):
            end = self._last[:80].decode("utf-8", "replace")
            raise BackupError(
                f"the dump is not complete: it ends with {end!r} instead of {_LAST_LINE.decode()!r}",
                hint="look at the database server's log and at the disk, then run it again",
            )
        return self._tables

    def _take(self, line: bytes) -> None:
        if line:
            self._last = line
        if line.startswith(_TRIGGER):
            self._in_routine = line.rstrip() != b"DELIMITER ;"
        elif self._in_routine:
            return
        elif self._into is not None:
            self._count(line)
        elif found := _ROWS.match(line):
            self._into = self._table(found[1])
            self._count(line[found.end() :])
        elif found := _TABLE.match(line):
            self._tables.setdefault(self._table(found[1]), 0)
        elif found := _DATABASE.match(line):
            self._database = _plain(found[1]) + "."

    def _count(self, values: bytes) -> None:
        bare = _TEXT.sub(b"", values)
        if self._into is not None:
            self._tables[self._into] = self._tables.get(self._into, 0) + bare.count(b"(")
        if bare.rstrip().endswith(b";"):
            self._into = None

    def _table(self, name: bytes) -> str:
        return self._database + _plain(name)


def for_any_client(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same dump without MariaDB's first line, so that MySQL's client and older ones of MariaDB's take it."""
    head: bytes | None = b""
    for chunk in chunks:
        if head is None:
            yield chunk
            continue
        head += chunk
        if b"\n" in head:
            yield head.partition(b"\n")[2] if head.startswith(SANDBOX_LINE) else head
            head = None
    if head:
        yield head


def _plain(name: bytes) -> str:
    return name.replace(b"``", b"`").decode("utf-8", "replace")
