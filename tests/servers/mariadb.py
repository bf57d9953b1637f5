"""A real MariaDB, installed by apt and run privately."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.servers.processes import PrivateServer, ServerProcess, free_port, program, short_folder

PASSWORD = "a password, with signs: /@%"
SMALL = ("--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M", "--innodb-data-file-path=ibdata1:12M:autoextend")
QUICK = ("--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2")
"""A death of the server loses nothing so; a power cut might, which no test can make."""
_NUMBERS = count(1)


def initial_data(folder: Path) -> Path:
    """A data folder as a new server has it: the administrator `root`, who has no password yet."""
    install = program("mariadb-install-db", "mariadb-server")
    data = folder / "data"
    command = [install, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--user=root"]
    subprocess.run([*command, f"--datadir={data}", *SMALL], check=True, capture_output=True)
    return data


def set_password(file: Path, password: str) -> Path:
    """A file of statements with which a server gives its administrator a password when it starts."""
    quoted = "'" + password.replace("'", "''") + "'"
    file.write_text(
        f"ALTER USER 'root'@'localhost' IDENTIFIED BY {quoted};\n"
        "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';\n"
        f"ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY {quoted};\n"
        "GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    return file


class MariaDb(PrivateServer):
    """A server: `start`, `stop`, `kill` it, and `url(database)` for a desk file."""

    host = "127.0.0.1"
    user = "root"
    password = PASSWORD

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.socket = folder / "s.sock"
        self.data = initial_data(folder)
        self._process = ServerProcess(self._command(), folder / "log", self._answers)

    def url(self, database: str) -> str:
        return f"mysql://{self.user}:{quote(self.password, safe='')}@{self.host}:{self.port}/{database}"

    def query(self, sql: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement as the administrator."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def connect(self, database: str | None = None) -> Any:
        """A plain connection, as another program would have one."""
        import pymysql

        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=database,
            charset="utf8mb4",
            autocommit=True,
        )

    def _command(self) -> list[str]:
        return [
            program("mariadbd", "mariadb-server"),
            "--no-defaults",
            "--user=root",
            f"--datadir={self.data}",
            f"--bind-address={self.host}",
            f"--port={self.port}",
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'pid'}",
            f"--init-file={set_password(self.folder / 'init.sql', self.password)}",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--character-set-server=utf8mb4",
            *SMALL,
            *QUICK,
        ]

    def _answers(self) -> bool:
        import pymysql

        try:
            self.connect().close()
        except pymysql.OperationalError:
            return False
        return True


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """A MariaDB server of the test run's own. A test that stops it starts it again, best by `stopped()`."""
    folder = short_folder("db")
    try:
        server = MariaDb(folder)
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def mariadb_database(mariadb: MariaDb) -> Iterator[str]:
    """The name of a new, empty database on the server, which runs; dropped after the test."""
    mariadb.start()
    name = f"desk_{next(_NUMBERS)}"
    mariadb.query(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield name
    mariadb.start()
    mariadb.query(f"DROP DATABASE IF EXISTS {name}")
