"""MySQL and MariaDB: dumped with `mysqldump` or `mariadb-dump`, restored with `mysql` or `mariadb`.

`--single-transaction` makes the dump one consistent state of all InnoDB tables without stopping anybody; routines,
triggers and events come along; binary columns travel as hexadecimal numbers. The seed's form is
`docker exec <container> mysqldump …`; without a container this machine's programs are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Final

from muhurat.jobs.backup.base import BLITZ_CONTAINER, BackupError, Kind, MysqlTarget, Sink
from muhurat.jobs.backup.dump_text import DumpReader, for_any_client
from muhurat.jobs.backup.programs import Ended, Programs, programs_of

SUFFIX: Final = ".sql"

CONNECT_S: Final = 10
"""So long a server may be silent when it is asked who it is, which comes before everything else."""

_DUMP_PROGRAMS: Final = ("mariadb-dump", "mysqldump")
_CLIENTS: Final = ("mariadb", "mysql")
_DUMP_OPTIONS: Final = (
    "--single-transaction",
    "--routines",
    "--triggers",
    "--events",
    "--hex-blob",
    "--default-character-set=utf8mb4",
)
_WHO: Final = "SELECT CONCAT_WS(':', @@hostname, @@port, @@datadir)"
_TABLES: Final = (
    "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{}' AND TABLE_TYPE = 'BASE TABLE'"
)
_HINTS: Final = (
    ("1045", "check user and password"),
    ("1049", "check the database's name"),
    ("1044", "give the user rights on this database"),
    ("1142", "give the user SELECT, LOCK TABLES, SHOW VIEW, TRIGGER and EVENT on this database"),
    ("1227", "give the user the rights that are named; --routines and --events need some"),
    ("2002", "check that the server runs, host and port"),
    ("2003", "check that the server runs, host and port"),
    ("2005", "check the host's name"),
    ("2013", "check that host and port are those of a MySQL or MariaDB server, and that it answers"),
)


class MysqlSource:
    """A database of a MySQL or MariaDB server, and the programs to reach it."""

    kind: Kind = "mysql"
    suffix = SUFFIX

    def __init__(self, target: MysqlTarget) -> None:
        """Raises `BackupError` when the container that is named does not run."""
        self._target = target
        self._programs: Programs = programs_of(target.container, BLITZ_CONTAINER, local=is_here(target.host))
        self._reached: tuple[str, ...] | None = None
        self._present: dict[str, bool] = {}
        self.name = target.name
        self.where = self._programs.where

    def identity(self) -> str:
        """The server as it calls itself, the same through any door, and the database."""
        server = self._ask(_WHO)[0]
        return f"{server}/{self._target.database or '*'}"

    def dump(self, sink: Sink) -> dict[str, int]:
        """Run the dump; the rows by table that it holds. Raises `BackupError` for any doubt."""
        what = (self._target.database,) if self._target.database else ("--all-databases",)
        reader = DumpReader()

        def take(chunk: bytes) -> None:
            reader.feed(chunk)
            sink(chunk)

        ended = self._run(_DUMP_PROGRAMS, (*_DUMP_OPTIONS, *what), (), take)
        if ended.code:
            raise self._failed("dumping", ended)
        rows = reader.finish()
        if not rows:
            raise BackupError(f"the dump of {self.name} holds not one table", hint="check --database")
        return rows

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Play a complete dump into the database, which is made where it is missing. Raises `BackupError`."""
        database = self._target.database
        if database:
            self._ask(f"CREATE DATABASE IF NOT EXISTS {_quoted(database)} CHARACTER SET utf8mb4")
        options = ("--default-character-set=utf8mb4", "--max-allowed-packet=1G", *((database,) if database else ()))
        ended = self._run(_CLIENTS, options, for_any_client(chunks), _nothing)
        if ended.code:
            raise self._failed("restoring", ended)

    def rows(self, tables: Sequence[str]) -> dict[str, int]:
        """How many rows tables of the database hold now."""
        if not tables:
            return {}
        asked = (f"SELECT {_text(name)}, COUNT(*) FROM {_quoted(name)}" for name in tables)
        lines = self._ask(" UNION ALL ".join(asked), inside=True)
        return {name: int(count) for name, _, count in (line.rpartition("\t") for line in lines)}

    def tables(self) -> list[str]:
        """The tables of the database, in order."""
        return sorted(self._ask(_TABLES.format((self._target.database or "").replace("'", "''"))))

    def _ask(self, question: str, *, inside: bool = False) -> list[str]:
        """The lines of the answer to one statement."""
        answer: list[bytes] = []
        database = (self._target.database,) if inside and self._target.database else ()
        patience = f"--connect-timeout={CONNECT_S}"
        options = (patience, "--batch", "--raw", "--skip-column-names", "--default-character-set=utf8mb4", *database)
        ended = self._run(_CLIENTS, options, (question.encode() + b";\n",), answer.append)
        if ended.code:
            raise self._failed("asking", ended)
        return b"".join(answer).decode("utf-8", "replace").splitlines()

    def _run(self, programs: Sequence[str], options: Sequence[str], give: Iterable[bytes], take: Sink) -> Ended:
        """Run the one of the programs that is there, by the way that reaches the server."""
        if self._reached is None:
            self._reached = self._way()
        return self._programs.run((self._found(programs), *self._reached, *options), self._target.password, give, take)

    def _found(self, programs: Sequence[str]) -> str:
        """The first of the programs that is there; raises `BackupError` when none is."""
        for program in programs:
            if program not in self._present:
                self._present[program] = self._programs.run((program, "--version"), "", (), _nothing).code == 0
            if self._present[program]:
                return program
        raise BackupError(
            f"neither {' nor '.join(programs)} is on {self._programs.where}",
            hint="install the MariaDB or MySQL client programs, or name another --mysql_container_name",
        )

    def _way(self) -> tuple[str, ...]:
        """Options that reach the server; inside its container the socket that its configuration names comes first."""
        here = is_here(self._target.host)
        host = "127.0.0.1" if here else self._target.host
        user = f"--user={self._target.user}"
        network = ("--no-defaults", "--protocol=tcp", f"--host={host}", f"--port={self._target.port}", user)
        if not (self._programs.container and here):
            return network
        self._reached = (user,)
        try:
            self._ask("SELECT 1")
        except BackupError as error:
            if "2002" not in str(error):
                raise
            return network
        return (user,)

    def _failed(self, what: str, ended: Ended) -> BackupError:
        hint = next((hint for number, hint in _HINTS if number in ended.words), "the words above are the server's")
        at = self.where if self._programs.container else f"{self._target.host}:{self._target.port}"
        return BackupError(
            f"{what} {self.name} at {at} failed with code {ended.code}: {ended.words or 'it says nothing'}",
            permanent=not any(number in ended.words for number in ("2002", "2003", "2013")),
            hint=hint,
        )


def is_here(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _nothing(_: bytes) -> None:
    """A client that plays a dump says nothing worth keeping."""


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
