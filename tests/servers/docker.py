"""A real Docker engine, installed by apt and run privately, and a MariaDB container on it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import missing
from tests.servers.mariadb_image import mariadb_image, server_command
from tests.servers.processes import ServerProcess, free_port, program, short_folder, wait_until

IMAGE = "mariadb-of-this-machine"
CONTAINER = "desk-mariadb"
DATABASE = "desk"
PASSWORD = "a password in a container"


class DockerEngine:
    """An engine with data, sockets and containers of its own; `environment` is for programs that are to use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/d.sock"
        command = [program("dockerd", "docker.io"), "--data-root", str(folder / "root"), "--exec-root"]
        command += [str(folder / "exec"), "--pidfile", str(folder / "pid"), "-H", self.host]
        # The machine's firewall and interfaces stay as they are; containers have no network, or the machine's.
        command += ["--iptables=false", "--ip-forward=false", "--bridge=none"]
        self._process = ServerProcess(command, folder / "log", self._answers)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DOCKER_HOST": self.host}

    def start(self) -> None:
        self._process.start()

    def stop(self) -> None:
        self._process.stop()

    def client(self) -> Any:
        import docker

        return docker.DockerClient(base_url=self.host, timeout=30)

    def remove_containers(self) -> None:
        client = self.client()
        for container in client.containers.list(all=True):
            container.remove(force=True)
        client.close()

    def _answers(self) -> bool:
        from docker.errors import DockerException

        try:
            client = self.client()
            answer = bool(client.ping())
            client.close()
        except DockerException:
            return False
        return answer


@dataclass(frozen=True)
class MariaDbContainer:
    """A MariaDB in a container, reachable from here too: by `docker exec name mysqldump …` and by `url`."""

    engine: DockerEngine
    name: str
    database: str
    user: str
    password: str
    port: int

    @property
    def url(self) -> str:
        return f"mysql://{self.user}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{self.database}"

    def run(self, *command: str) -> tuple[int, str]:
        """Exit code and output of a command inside."""
        client = self.engine.client()
        done = client.containers.get(self.name).exec_run(list(command), environment={"MYSQL_PWD": self.password})
        client.close()
        return done.exit_code, done.output.decode(errors="replace")

    def query(self, sql: str) -> str:
        """The answer to one statement as tab-separated text without a head line."""
        code, text = self.run("mariadb", "-uroot", "-N", "-B", self.database, "-e", sql)
        if code != 0:
            raise RuntimeError(text)
        return text


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """A Docker engine of the test run's own."""
    if os.geteuid() != 0:
        missing("root, who alone may run a Docker engine")
    folder = short_folder("docker")
    engine = DockerEngine(folder)
    try:
        engine.start()
        yield engine
        engine.remove_containers()
        engine.stop()
    finally:
        _remove(folder)


@pytest.fixture(scope="session")
def mariadb_image_name(docker_engine: DockerEngine) -> str:
    """The name of an image with MariaDB on the engine."""
    folder = docker_engine.folder / "image"
    folder.mkdir()
    client = docker_engine.client()
    client.api.import_image_from_data(mariadb_image(folder, PASSWORD), repository=IMAGE, tag="1")
    client.close()
    shutil.rmtree(folder)
    return f"{IMAGE}:1"


@pytest.fixture
def mariadb_container(docker_engine: DockerEngine, mariadb_image_name: str) -> Iterator[MariaDbContainer]:
    """A running container with an empty database; a new one for each test."""
    from docker.errors import NotFound

    port = free_port()
    found = MariaDbContainer(docker_engine, CONTAINER, DATABASE, "root", PASSWORD, port)
    client = docker_engine.client()
    container = client.containers.run(
        mariadb_image_name, server_command(port), name=CONTAINER, network_mode="host", detach=True
    )
    try:
        wait_until(lambda: found.run("mariadb-admin", "-uroot", "ping")[0] == 0, "the start of MariaDB in a container")
        found.run("mariadb", "-uroot", "-e", f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
        yield found
    finally:
        with suppress(NotFound):
            container.remove(force=True, v=True)
        client.close()


def _remove(folder: Path) -> None:
    """Delete an engine's folder, once nothing in it is mounted any more."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((path for path in mounts if path.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "-l", mount], check=False)
    shutil.rmtree(folder, ignore_errors=True)
