"""A real FTP server (pyftpdlib) over a folder, whose habits a test can spoil."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

USER, PASSWORD = "desk", "s3cret word"

_DRIP_EVERY_S = 0.05


@dataclass
class Habits:
    """What the server does wrong. `cuts` are the bytes after which the next transfers break off, one each."""

    cuts: list[int] = field(default_factory=list)
    hangs: bool = False
    drips: bool = False
    unknown: set[str] = field(default_factory=set)
    after_cut: Callable[[], None] = lambda: None
    after_transfer: Callable[[], None] = lambda: None
    commands: list[str] = field(default_factory=list)

    def asked(self, verb: str) -> int:
        return sum(line.split()[0] == verb for line in self.commands)


class _Habitual:
    """Control connection: takes notes, and forgets commands that it should not know."""

    habits: Habits

    def pre_process_command(self: Any, line: str, cmd: str, arg: str) -> None:
        self.habits.commands.append(line if cmd != "PASS" else "PASS ***")
        if cmd in self.habits.unknown:
            self.respond(f"502 {cmd} not implemented.")
        else:
            super().pre_process_command(line, cmd, arg)  # type: ignore[misc]

    def on_file_sent(self: Any, file: str) -> None:
        self.habits.after_transfer()


class _FaultyData:
    """Data connection: breaks off, falls silent or drips."""

    def push_with_producer(self: Any, producer: Any) -> None:
        if not self.cmd_channel.habits.hangs:
            super().push_with_producer(producer)  # type: ignore[misc]

    def send(self: Any, data: bytes) -> int:
        habits = self.cmd_channel.habits
        if habits.drips:
            time.sleep(_DRIP_EVERY_S)
            data = data[:10]
        if not habits.cuts:
            return int(super().send(data))  # type: ignore[misc]
        sent = int(super().send(data[: habits.cuts[0]]))  # type: ignore[misc]
        habits.cuts[0] -= sent
        if habits.cuts[0] <= 0:
            habits.cuts.pop(0)
            habits.after_cut()
            self.cmd_channel.close()
        return sent


class _Data(_FaultyData, DTPHandler):  # type: ignore[misc]
    ac_out_buffer_size = 4096


class _TlsData(_FaultyData, TLS_DTPHandler):  # type: ignore[misc]
    ac_out_buffer_size = 4096


class FtpTestServer:
    """Serves `folder` on `port` in a thread, to one user; with a certificate, only over TLS."""

    def __init__(self, folder: Path, certificate: Path | None = None) -> None:
        self.folder = folder
        self.habits = Habits()
        authorizer = DummyAuthorizer()
        authorizer.add_user(USER, PASSWORD, str(folder), perm="elr")
        settings: dict[str, Any] = {
            "authorizer": authorizer,
            "habits": self.habits,
            "use_sendfile": False,
            "auth_failed_timeout": 0.05,
        }
        if certificate is None:
            settings["dtp_handler"] = _Data
            handler = type("Handler", (_Habitual, FTPHandler), settings)
        else:
            settings |= {"certfile": str(certificate), "tls_control_required": True, "tls_data_required": True}
            settings["dtp_handler"] = _TlsData
            handler = type("Handler", (_Habitual, TLS_FTPHandler), settings)
        self._server = FTPServer(("127.0.0.1", 0), handler)
        self.port: int = self._server.address[1]
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def put(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self._server.close_all()

    def _serve(self) -> None:
        while not self._ending.is_set():
            self._server.ioloop.loop(timeout=0.01, blocking=False)


class MuteServer:
    """Accepts connections and never says a word."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def close(self) -> None:
        self._socket.close()
