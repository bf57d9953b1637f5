"""A relay between two ends of a connection that can be made slow while it is open."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

_PIECE = 1 << 14


class SlowRelay:
    """Passes bytes on to a port of the loopback address, each piece `delay_s` later than it came."""

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        self._upstream = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self._open: list[socket.socket] = []
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def close(self) -> None:
        for end in (self._door, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._listening.join(5)

    def _listen(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._door.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._upstream))
                except ConnectionRefusedError:
                    client.close()
                    continue
                self._open += [client, server]
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if self.delay_s:
                    time.sleep(self.delay_s)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
