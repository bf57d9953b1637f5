"""Running a database's own programs, on this machine or in its Docker container.

The password goes into the program's environment as `MYSQL_PWD`, which only its user can read: it is in no argument, so
in no process list, and in no log (https://dev.mysql.com/doc/refman/8.0/en/environment-variables.html). In a container
the Docker engine puts it there; the `docker` command inherits it by name, `-e MYSQL_PWD`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final, Protocol

from muhurat.jobs.backup.base import BackupError, Sink
from muhurat.log import redact

PASSWORD_VARIABLE: Final = "MYSQL_PWD"
NOT_THERE: Final = 127
"""Exit code of a program that is not installed, as shells have it."""

_CHUNK: Final = 1 << 16
_WORDS: Final = 4000
_MISSING_IN_CONTAINER: Final = ("executable file not found", "no such file or directory")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and the end of what it said on stderr, without secrets."""

    code: int
    words: str


class Programs(Protocol):
    """Where a database's programs are run."""

    where: str
    """For people: `this machine`, `the container blitz_mysql`."""

    container: bool

    def run(self, arguments: Sequence[str], password: str, give: Iterable[bytes], take: Sink) -> Ended:
        """Run a program: `give` is its input, `take` gets its output; code 127 when there is no such program."""


class LocalPrograms:
    """The programs of this machine."""

    where = "this machine"
    container = False

    def run(self, arguments: Sequence[str], password: str, give: Iterable[bytes], take: Sink) -> Ended:
        if shutil.which(arguments[0]) is None:
            return Ended(NOT_THERE, f"{arguments[0]} is not installed")
        return run_here(arguments, password, give, take)


class DockerCommand:
    """The programs of a container, through the `docker` command."""

    container = True

    def __init__(self, name: str) -> None:
        self._name = name
        self.where = f"the container {name}"

    def run(self, arguments: Sequence[str], password: str, give: Iterable[bytes], take: Sink) -> Ended:
        entering = ("docker", "exec", "-i", "-e", PASSWORD_VARIABLE, self._name)
        ended = run_here((*entering, *arguments), password, give, take)
        missing = ended.code and any(word in ended.words.lower() for word in _MISSING_IN_CONTAINER)
        return Ended(NOT_THERE, ended.words) if missing else ended


def run_here(arguments: Sequence[str], password: str, give: Iterable[bytes], take: Sink) -> Ended:
    """Run a program of this machine to its end; it is ended when `take` or `give` raises."""
    environment = {**os.environ, PASSWORD_VARIABLE: password}
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(
            arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
        ) as process:
            if process.stdin is None or process.stdout is None:
                raise AssertionError("both are pipes")
            giver = Giver(process.stdin, give)
            giver.start()
            try:
                while chunk := process.stdout.read(_CHUNK):
                    take(chunk)
            except BaseException:
                process.kill()
                raise
            finally:
                giver.join()
        giver.check()
        said.seek(max(0, said.seek(0, os.SEEK_END) - _WORDS))
        return Ended(process.returncode, told(said.read()))


class Giver(threading.Thread):
    """Feeds a program its input while somebody else reads its output."""

    def __init__(self, pipe: IO[bytes], give: Iterable[bytes]) -> None:
        super().__init__(name="feeding a program", daemon=True)
        self._pipe = pipe
        self._give = give
        self._failure: Exception | None = None

    def run(self) -> None:
        try:
            with self._pipe:
                for chunk in self._give:
                    self._pipe.write(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the program ended before its input; its exit code and its words say why
        except (OSError, BackupError) as error:
            self._failure = error

    def check(self) -> None:
        """Raise what reading the input met."""
        if self._failure is not None:
            raise self._failure


def told(words: bytes) -> str:
    """What a program said, on one line, without secrets."""
    return redact(" ".join(words[-_WORDS:].decode("utf-8", "replace").split()))


def programs_of(container: str | None, default: str, *, local: bool) -> Programs:
    """Where to run the programs: a container that is named must run; `default` is used where it runs and the database
    is this machine's (`local`). Raises `BackupError`."""
    if container == "" or (container is None and not local):
        return LocalPrograms()
    found = _in_container(container or default)
    if found is not None:
        return found
    if container is None:
        return LocalPrograms()
    raise BackupError(
        f"no running container is called {container}",
        hint="`docker ps` names them; DOCKER_HOST says which engine; --mysql_container_name '' uses local programs",
    )


def _in_container(name: str) -> Programs | None:
    """The programs of a running container; None when there is no such container, or no Docker."""
    try:
        from muhurat.jobs.backup.docker_library import container_programs
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("muhurat"):
            raise
        return DockerCommand(name) if _runs(name) else None
    return container_programs(name)


def _runs(name: str) -> bool:
    """Whether the `docker` command finds a running container of that name."""
    with suppress(FileNotFoundError):
        asked = subprocess.run(
            ("docker", "container", "inspect", "--format", "{{.State.Running}}", name), capture_output=True, check=False
        )
        return asked.stdout.strip() == b"true"
    return False
