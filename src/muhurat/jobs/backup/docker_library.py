"""A container's programs through the library `docker`; `DOCKER_HOST` says which engine, as for the `docker` command.

Input and output of a program travel on one connection, output in frames (Docker Engine API, "Attach to a container").
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import IO, Any, Final, Self, cast

import docker
import docker.errors
from docker.utils.socket import STDERR, frames_iter
from requests.exceptions import RequestException

from muhurat.jobs.backup.base import BackupError, Sink
from muhurat.jobs.backup.programs import NOT_THERE, PASSWORD_VARIABLE, Ended, Giver, told

_ANSWER_S: Final = 10
_SILENCE_S: Final = 600
"""A dump may say nothing for long, while the server sorts a large table."""

_WORDS: Final = 4000
_ENDED_WITHIN_S: Final = 10.0
_LOOKS: Final = 200
_LOOK_AT_ENGINE: Final = "check that the Docker engine runs, and DOCKER_HOST"
_CANNOT_START: Final = (126, 127)


class DockerLibrary:
    """The programs of a running container."""

    container = True

    def __init__(self, client: Any, name: str) -> None:
        self._api = client.api
        self._name = name
        self.where = f"the container {name}"

    def run(self, arguments: Sequence[str], password: str, give: Iterable[bytes], take: Sink) -> Ended:
        try:
            made = self._api.exec_create(
                self._name, list(arguments), stdin=True, environment={PASSWORD_VARIABLE: password}
            )
            words = self._converse(made["Id"], give, take)
            code = self._exit_code(made["Id"])
        except docker.errors.APIError as error:
            if "executable file not found" in str(error):
                return Ended(NOT_THERE, f"{arguments[0]} is not in {self.where}")
            raise BackupError(f"{self.where}: {error.explanation or error}", hint="look at `docker ps`") from error
        except RequestException as error:
            raise _no_engine(error) from error
        return Ended(NOT_THERE if code in _CANNOT_START else code, told(words))

    def _converse(self, exec_id: str, give: Iterable[bytes], take: Sink) -> bytes:
        """Feed the program and take its output until it ends; what it said on stderr."""
        words = b""
        with closing(self._api.exec_start(exec_id, socket=True)) as stream:
            giver = Giver(cast("IO[bytes]", _Input(stream)), give)
            giver.start()
            try:
                for kind, chunk in _frames(stream):
                    if kind == STDERR:
                        words = (words + chunk)[-_WORDS:]
                    else:
                        take(chunk)
            finally:
                _shut(stream, socket.SHUT_RDWR)
                giver.join()
        giver.check()
        return words

    def _exit_code(self, exec_id: str) -> int:
        """The engine may learn of a program's end some moments after its output has ended."""
        pause = threading.Event()
        for _ in range(_LOOKS):
            code = self._api.exec_inspect(exec_id)["ExitCode"]
            if code is not None:
                return int(code)
            pause.wait(_ENDED_WITHIN_S / _LOOKS)
        raise BackupError(
            f"{self.where}: the connection to a program broke off while it ran", permanent=False, hint=_LOOK_AT_ENGINE
        )


class _Input:
    """The writing half of a connection, as a file whose end the program sees."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, chunk: bytes) -> None:
        _raw(self._stream).sendall(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        _shut(self._stream, socket.SHUT_WR)


def container_programs(name: str) -> DockerLibrary | None:
    """The programs of the running container of that name; None when none runs, or no Docker engine answers."""
    try:
        client = docker.from_env(timeout=_ANSWER_S)
        found = client.containers.get(name)
        client.api.timeout = _SILENCE_S
    except docker.errors.NotFound:
        return None
    except (docker.errors.DockerException, RequestException):
        return None
    return DockerLibrary(client, name) if found.status == "running" else None


def _frames(stream: Any) -> Iterator[tuple[int, bytes]]:
    """What a program writes, by stream; a connection that breaks is told as the engine's trouble."""
    try:
        yield from frames_iter(stream, tty=False)
    except OSError as error:
        raise _no_engine(error) from error


def _raw(stream: Any) -> socket.socket:
    """The socket below what the library hands out: a plain one over TLS, wrapped in a reader otherwise."""
    return cast("socket.socket", getattr(stream, "_sock", stream))


def _shut(stream: Any, how: int) -> None:
    try:
        _raw(stream).shutdown(how)
    except OSError:
        return  # the other side was quicker


def _no_engine(error: Exception) -> BackupError:
    return BackupError(f"the Docker engine does not answer: {error}", permanent=False, hint=_LOOK_AT_ENGINE)
