"""A container's programs when the Docker engine dies in the middle: told as the engine's trouble, not as the disk's."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from muhurat.jobs.backup.base import BackupError
from muhurat.jobs.backup.docker_library import DockerLibrary
from muhurat.jobs.backup.files import part_of


class Engine:
    """As the library `docker` gives it; the connection to a program ends at once, in order or by a reset."""

    def __init__(self, *, reset: bool, codes: tuple[int | None, ...] = ()) -> None:
        self.api = self
        self._reset = reset
        self._codes = list(codes)

    def exec_create(self, *_: object, **__: object) -> dict[str, str]:
        return {"Id": "1"}

    def exec_start(self, *_: object, **__: object) -> socket.socket:
        with socket.create_server(("127.0.0.1", 0)) as server:
            ours = socket.create_connection(server.getsockname())
            theirs, _address = server.accept()
        if self._reset:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        return ours

    def exec_inspect(self, _: str) -> dict[str, int | None]:
        return {"ExitCode": self._codes.pop(0)}


def test_a_connection_that_is_reset_names_the_engine_and_leaves_nothing(tmp_path: Path) -> None:
    container = DockerLibrary(Engine(reset=True), "blitz_mysql")

    with pytest.raises(BackupError, match="the Docker engine does not answer") as told, part_of(tmp_path / "desk.sql"):
        container.run(("mysqldump",), "secret", (), lambda chunk: None)

    assert not told.value.permanent
    assert list(tmp_path.iterdir()) == []


def test_an_exit_code_that_the_engine_does_not_know_yet_is_waited_for() -> None:
    container = DockerLibrary(Engine(reset=False, codes=(None, None, 3)), "blitz_mysql")

    assert container.run(("mysqldump",), "secret", (), lambda chunk: None).code == 3
