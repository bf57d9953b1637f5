"""A real QuestDB, its jar fetched once by Maven into the user's cache, run privately by the machine's Java."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.conftest import missing
from tests.servers.processes import PrivateServer, ServerProcess, free_port, program, short_folder, wait_until

VERSION = "9.3.2"
SHA256 = "fe875305d40a966c8256c9420122111d003c4709866109a59361d8cbefe3cedf"
USER, PASSWORD = "desk", "a password, with signs: /@%"
HEAP_MB = 512
FETCH_S = 90


def jar() -> Path:
    """The server's jar, fetched unless it is there already; skips, or fails where CI promises it, without one."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "muhurat"
    path = folder / f"questdb-{VERSION}.jar"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "questdb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of the test run's workers fetches it
        if not _whole(path):
            _fetch(folder)
    if not _whole(path):
        missing(f"{path} with the right SHA-256 (Maven did not bring it)")
    return path


def _fetch(folder: Path) -> None:
    command = [program("mvn", "maven"), "-q", "-B", "dependency:copy"]
    command += [f"-Dartifact=org.questdb:questdb:{VERSION}", f"-DoutputDirectory={folder}"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=FETCH_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        missing(f"QuestDB {VERSION} ({(error.stdout or b'').decode(errors='replace')[-300:]})")


def _whole(path: Path) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256


class QuestDb(PrivateServer):
    """A server that wants a user and a password: `start`, `stop`, `kill`, `frozen` it; `url` for a desk file."""

    host = "127.0.0.1"
    user = USER
    password = PASSWORD

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.port, self.pg_port = free_port(), free_port()
        self.url = f"questdb://{self.user}:{quote(self.password, safe='')}@{self.host}:{self.port}"
        self._process = ServerProcess(self._command(), folder / "log", self._answers)
        conf = self.root / "conf" / "server.conf"
        conf.parent.mkdir(parents=True)
        conf.write_text("".join(f"{name}={value}\n" for name, value in self._settings().items()))

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The server has its connections and says nothing for the length of the block."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def query(self, sql: str) -> list[list[Any]]:
        """Run one statement as another program would; the rows of its answer."""
        answer = httpx.get(
            f"http://{self.host}:{self.port}/exec",
            params={"query": sql},
            auth=(self.user, self.password),
            timeout=30,
        )
        document = answer.json()
        if "error" in document:
            raise RuntimeError(f"{sql}: {document['error']}")
        rows: list[list[Any]] = document.get("dataset", [])
        return rows

    def clear(self) -> None:
        """Drop every table that was ever written to, but not the note of which tables there are."""
        stay = [["muhurat_schema"], *self.query("SELECT view_name FROM views()")]
        for row in self.query("SELECT name FROM wal_tables() WHERE sequencerTxn > 0"):
            if row not in stay:
                self.query(f'DROP TABLE "{row[0]}"')

    def applied(self, table: str) -> None:
        """Wait until everything that was accepted for a table is in it."""
        state = f"SELECT writerTxn = sequencerTxn FROM wal_tables() WHERE name = '{table}'"
        wait_until(lambda: self.query(state) == [[True]], f"{table}'s log")

    def _command(self) -> list[str]:
        java = program("java", "openjdk-17-jre-headless")
        module = "io.questdb/io.questdb.ServerMain"
        heap = [f"-Xmx{HEAP_MB}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return [java, *heap, "-p", str(jar()), "-m", module, "-d", str(self.root), "-n"]

    def _settings(self) -> dict[str, Any]:
        return {
            "http.bind.to": f"{self.host}:{self.port}",
            "http.user": self.user,
            "http.password": self.password,
            "http.min.enabled": "false",
            "pg.net.bind.to": f"{self.host}:{self.pg_port}",
            "line.tcp.enabled": "false",
            "line.udp.enabled": "false",
            "telemetry.enabled": "false",
            "shared.worker.count": 1,
            "cairo.writer.data.append.page.size": "256k",  # of each of some sixty columns, 16 MB unless told
            "cairo.wal.writer.data.append.page.size": "128k",
            "cairo.o3.column.memory.size": "256k",
            "dev.mode.enabled": "true",  # ALTER TABLE … SUSPEND WAL
        }

    def _answers(self) -> bool:
        try:
            return self.query("SELECT 1") == [[1]]
        except (httpx.HTTPError, RuntimeError, ValueError):
            return False


@pytest.fixture(scope="session")
def questdb_server() -> Iterator[QuestDb]:
    """A QuestDB of the test run's own. A test that stops it starts it again, best by `stopped()`."""
    folder = short_folder("questdb")
    try:
        server = QuestDb(folder)
        server.start()
        yield server
        server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def questdb(questdb_server: QuestDb) -> QuestDb:
    """The server, which runs and holds nothing."""
    questdb_server.start()
    questdb_server.clear()
    return questdb_server
