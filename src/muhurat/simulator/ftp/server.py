"""pyftpdlib in a thread of its own: it has its own loop. What a fault changes about a conversation is here."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from threading import Event, Thread
from typing import Any, Final

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import AsyncChat, IOLoop
from pyftpdlib.servers import FTPServer

from muhurat.simulator.ftp.certificate import Certificate
from muhurat.simulator.ftp.filesystem import OpenFile, Shown, TreeFilesystem
from muhurat.simulator.ftp.tree import ROOT

_HOST: Final = "127.0.0.1"
_READ_ONLY: Final = "elr"
_LOOK_S: Final = 0.05
"""How long the thread may sleep before it looks whether to stop."""
_DRIP_BYTES: Final = 8
_DRIP_S: Final = 1.0
_STOP_S: Final = 5.0
_MANNERS: Final = ("hang", "drip", "truncated", "short")


class DataChannel(TLS_DTPHandler):  # type: ignore[misc]
    """A data connection, which a fault may keep silent, slow down or cut."""

    manner: str | None = None
    file_obj: OpenFile | None
    _waits = False

    def push_with_producer(self, producer: Any) -> None:
        """Begin to send a file or a listing."""
        file = self.file_obj
        self.manner = self.cmd_channel.manner if file is not None else None
        if file is not None and self.manner == "drip":
            self._drip(file)
        elif self.manner != "hang":
            if file is not None and self.manner is not None:
                file.keep_half()
            latency_s = 0.0 if file is None else self.cmd_channel.latency_s(file.name)
            self._waits = latency_s > 0
            if self._waits:
                self.call_later(latency_s, self._begin, producer)
            else:
                super().push_with_producer(producer)

    def close_when_done(self) -> None:
        """Close after the last byte; a slow transfer closes itself, a silent one never."""
        if self.manner not in {"drip", "hang"} and not self._waits:
            super().close_when_done()

    def handle_close(self) -> None:
        """All is sent, or the client is gone."""
        if self.manner == "truncated":
            self.cmd_channel.close()
        else:
            super().handle_close()

    def _begin(self, producer: Any) -> None:
        self._waits = False
        super().push_with_producer(producer)
        self.close_when_done()

    def _drip(self, file: OpenFile) -> None:
        # Nothing is said before the handshake of a protected channel is over: its first read event drives it.
        if self._ssl_requested and not self._ssl_established:
            self.call_later(_LOOK_S, self._drip, file)
        elif few := file.read(_DRIP_BYTES):
            AsyncChat.push(self, few)
            self.call_later(_DRIP_S, self._drip, file)
        else:
            self.handle_close()


class Conversation(TLS_FTPHandler):  # type: ignore[misc]
    """A control connection. Each server has a subclass of its own that says what it shows."""

    shown: Shown
    counts: Counter[str]
    latency_s: Callable[[str], float]
    manner: str | None = None

    banner = "simulated FTP server ready."
    dtp_handler = DataChannel
    abstracted_fs = TreeFilesystem
    use_sendfile = False
    auth_failed_timeout = 0

    def handle(self) -> None:
        """Greet, or whatever a fault wants instead."""
        self.counts["connections"] += 1
        if self.shown.faults.take("unavailable"):
            self.respond("421 Service not available, closing control connection.")
            self.close_when_done()
        elif not self.shown.faults.take("mute"):
            super().handle()

    def ftp_PASS(self, line: str) -> None:  # noqa: N802 - pyftpdlib's name
        """The second half of a login."""
        if self.username and not self.authenticated and self.shown.faults.take("forbidden"):
            self.handle_auth_failed("Login incorrect.", line)
        else:
            super().ftp_PASS(line)

    def ftp_RETR(self, file: str) -> str | None:  # noqa: N802 - pyftpdlib's name
        """Send a file."""
        self.manner = next((name for name in _MANNERS if self.shown.faults.take(name, path=file)), None)
        sent: str | None = super().ftp_RETR(file)
        return sent

    def on_file_sent(self, file: str) -> None:
        """A transfer went to its end."""
        self.counts["transfers"] += 1

    def on_incomplete_file_sent(self, file: str) -> None:
        """A transfer ended before its time."""
        self.counts["broken_transfers"] += 1


class FtpServer:
    """Serves a tree to one user; `latency_s` says how many real seconds a file takes to begin."""

    def __init__(
        self, shown: Shown, user: str, password: str, certificate: Certificate, latency_s: Callable[[str], float]
    ) -> None:
        authorizer = DummyAuthorizer()
        authorizer.add_user(user, password, ROOT, perm=_READ_ONLY)
        self._counts: Counter[str] = Counter(connections=0, transfers=0, broken_transfers=0)
        marks = {
            "shown": shown,
            "counts": self._counts,
            "authorizer": authorizer,
            "ssl_context": certificate.context,
            "latency_s": staticmethod(latency_s),
        }
        self._handler = type("SimulatedConversation", (Conversation,), marks)
        self._stopping = Event()
        self._thread: Thread | None = None

    def counted(self) -> dict[str, int]:
        """Connections, transfers and broken transfers so far."""
        return dict(self._counts)

    async def start(self, port: int) -> int:
        """Listen on loopback; returns the port."""
        _keep_quiet()
        server = FTPServer((_HOST, port), self._handler, ioloop=IOLoop.factory())
        self._thread = Thread(target=self._serve, args=(server,), name="simulated-ftp", daemon=True)
        self._thread.start()
        bound: int = server.address[1]
        return bound

    async def stop(self) -> None:
        """Stop listening and let go of every client."""
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _STOP_S)

    def _serve(self, server: Any) -> None:
        while not self._stopping.is_set():
            server.ioloop.loop(_LOOK_S, blocking=False)
        server.close_all()


def _keep_quiet() -> None:
    """Without a handler pyftpdlib configures one that writes to the terminal."""
    log = logging.getLogger("pyftpdlib")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
