"""Real servers as private processes of the test run: on loopback, in a folder of their own, ended by their pid."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import missing

PATIENCE_S = 30


def program(name: str, package: str) -> str:
    """The path of a server's program; skips, or fails where CI promises it, without one."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        missing(f"{name} (tests/servers/install.sh installs {package})")
    return str(found)


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def short_folder(name: str) -> Path:
    """A new folder whose path is short, as the name of a Unix socket has to be."""
    return Path(tempfile.mkdtemp(prefix=f"muhurat-{name}-"))


def wait_until(ready: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Look again and again until something is so."""
    end = time.monotonic() + patience_s
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} took longer than {patience_s} s")
        time.sleep(0.02)


class ServerProcess:
    """One server that can be stopped, killed and started again on the same port and with the same data."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.command, self.log, self.environment = list(command), log, environment
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.command[0]} does not run")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server unless it runs, and wait until it answers."""
        if self.running:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_dying_with_us(), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
            )
        try:
            wait_until(lambda: not self.running or self._ready(), f"the start of {self.command[0]}")
        finally:
            if not self.running or not self._ready():
                self.stop()
                raise RuntimeError(f"{self.command[0]} did not start:\n{self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End the server as an administrator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


class PrivateServer:
    """A server of the test run's own; whoever stops it starts it again, best by `stopped()`."""

    _process: ServerProcess

    def start(self) -> None:
        self._process.start()

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The server is away for the length of the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()


def _dying_with_us() -> list[str]:
    """What to put before a command so that a test run that is killed leaves no servers behind."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []
