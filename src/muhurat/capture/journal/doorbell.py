"""How a writer wakes its readers: an empty datagram to each reader's socket, never waited for.

Sockets lie in `<journal>/readers/<name>.sock` and are addressed through `/proc/self/fd`, because a socket's own path
may not be longer than 107 bytes. A reader that missed the bell finds its records at its next poll.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

READERS: Final = "readers"
_SUFFIX: Final = ".sock"


class Doorbell:
    """The writer's side."""

    def __init__(self, directory: Path) -> None:
        self._folder = _Folder(directory)
        self._socket = _datagram_socket()
        self._addresses: list[str] = []
        self._seen_ns = -1

    def look(self) -> None:
        """Notice readers that came or went."""
        changed_ns = self._folder.path.stat().st_mtime_ns
        if changed_ns != self._seen_ns:
            self._seen_ns = changed_ns
            sockets = self._folder.path.glob(f"*{_SUFFIX}")
            self._addresses = [self._folder.address(path.name) for path in sockets]

    def ring(self) -> None:
        """Wake every reader; a full queue means that it is awake already, a refusal that it is gone."""
        for address in self._addresses:
            with suppress(OSError):
                self._socket.sendto(b"!", address)

    def close(self) -> None:
        self._socket.close()
        self._folder.close()


class Bell:
    """A reader's side: something to wait on until the writer has written."""

    def __init__(self, directory: Path, name: str) -> None:
        self._folder = _Folder(directory)
        self._name = f"{name}{_SUFFIX}"
        self.socket = _datagram_socket()
        with suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._folder.fd)
        self.socket.bind(self._folder.address(self._name))

    def drain(self) -> None:
        """Forget the rings so far."""
        with suppress(BlockingIOError):
            while True:
                self.socket.recv(16)

    def close(self) -> None:
        self.socket.close()
        with suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._folder.fd)
        self._folder.close()


class _Folder:
    """The folder of the readers' sockets, kept open so that it has a short name."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / READERS
        self.path.mkdir(parents=True, exist_ok=True)
        self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def address(self, name: str) -> str:
        return f"/proc/self/fd/{self.fd}/{name}"

    def close(self) -> None:
        os.close(self.fd)


def _datagram_socket() -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made
