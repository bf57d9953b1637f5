"""A relay between a desk and one of its servers, which goes away in the middle of a conversation."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 1 << 16


class Relay:
    """Passes bytes between a port of its own and that of a server, until the client has said a word so many times.

    From that word on nothing reaches the server, and both the conversation and every later one is refused.
    """

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.gone = threading.Event()
        self._word, self._times, self._heard = b"", 0, 0
        self._open: set[socket.socket] = set()
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    @contextmanager
    def going_away(self, word: bytes, times: int) -> Iterator[threading.Event]:
        """Go away at this word the so-manieth time; the event tells whether that came about."""
        self.gone.clear()
        self._heard, self._times, self._word = 0, times, word
        try:
            yield self.gone
        finally:
            self._word = b""

    def close(self) -> None:
        self._hang_up()
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._listening.join(5)

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return  # closed
            if self.gone.is_set() and self._word:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._upstream))
            self._open |= {client, server}
            threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, watched: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if watched and self._is_last(piece):
                    self.gone.set()
                    self._hang_up()
                    return
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)

    def _is_last(self, piece: bytes) -> bool:
        if not self._word:
            return False
        self._heard += piece.count(self._word)
        return self._heard >= self._times

    def _hang_up(self) -> None:
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open = set()
