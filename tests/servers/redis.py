"""A real Redis server, installed by apt and run privately."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.processes import PrivateServer, ServerProcess, free_port, program, short_folder

if TYPE_CHECKING:
    from redis import Redis

PASSWORD = "a-redis-password"


class RedisServer(PrivateServer):
    """A server: `start`, `stop`, `kill` it; `url` for a desk file. It keeps nothing over a restart."""

    host = "127.0.0.1"
    password = PASSWORD

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://:{self.password}@{self.host}:{self.port}/0"
        command = [program("redis-server", "redis-server"), "--bind", self.host, "--port", str(self.port)]
        command += ["--save", "", "--appendonly", "no", "--dir", str(folder), "--requirepass", self.password]
        self._process = ServerProcess(command, folder / "log", self._answers)

    def client(self) -> Redis:
        """A plain client, as another program would use one."""
        from redis import Redis

        return Redis.from_url(self.url)

    def _answers(self) -> bool:
        from redis.exceptions import RedisError

        try:
            with self.client() as client:
                return bool(client.ping())
        except RedisError:
            return False


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis server of the test run's own. A test that stops it starts it again, best by `stopped()`."""
    folder = short_folder("redis")
    try:
        server = RedisServer(folder)
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of the server, which runs and holds nothing."""
    redis_server.start()
    with redis_server.client() as client:
        client.flushall()
    return redis_server.url
