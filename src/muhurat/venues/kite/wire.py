"""One connection to Kite's ticker, from the upgrade to its end: it counts and hands on, and understands nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport

from muhurat.venues.base import StreamListener, StreamMode

_BINARY: Final = WSMsgType.BINARY  # looked up once: an enumeration's member costs more than the rest of a small frame
_CLOSE: Final = WSMsgType.CLOSE
_PONG: Final = WSMsgType.PONG
_CONTINUATION: Final = WSMsgType.CONTINUATION
_FAREWELL_S: Final = 1.0
"""Real seconds that a peer may take to see us off."""


class Wire(WSListener):
    """Hands a connection's messages to the listener, synchronously and in order.

    Pings are answered by picows in the same order: when a pong goes out, the listener has had all that came before it.
    """

    def __init__(self, listener: StreamListener, opened: Callable[[Wire], None]) -> None:
        self.frames = 0
        self.messages = 0
        self.carried: dict[int, StreamMode] = {}
        self._on_binary = listener.on_binary
        self._on_text = listener.on_text
        self._opened = opened
        self._transport: WSTransport | None = None
        self._parts: list[bytes] = []
        self._first: WSMsgType | None = None
        self._deaf = False
        self._farewell = "connection lost without a close frame"

    def on_ws_connected(self, transport: WSTransport) -> None:
        if self._deaf:
            transport.disconnect(graceful=False)
            return
        self._transport = transport
        try:
            self._opened(self)
        except BaseException:
            self._deaf = True
            raise

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._deaf:
            return
        self.frames += 1
        kind = frame.msg_type
        if kind == _CLOSE:
            self._said_farewell(transport, frame)
        elif kind != _PONG:
            try:
                if kind == _BINARY and frame.fin:
                    payload = frame.get_payload_as_bytes()
                    self.messages += len(payload) > 1
                    self._on_binary(payload)
                else:
                    self._take(kind, frame)
            except BaseException:
                self._deaf = True  # an error of the listener gets out, which ends the connection, and nothing more in
                raise

    def send(self, frames: Iterable[bytes]) -> int:
        """Send text frames; returns how many."""
        texts = list(frames)
        for text in texts:
            self._living().send(WSMsgType.TEXT, text)
        return len(texts)

    async def gone(self) -> str:
        """Wait for the end of the connection and tell its reason; raises what the listener raised, if that ended it."""
        try:
            await self._living().wait_disconnected()
        except WSError as error:
            return f"protocol error: {error}"
        return self._farewell

    async def hang_up(self, *, politely: bool = True) -> None:
        """End the connection, with or without a word; nothing is handed on any more."""
        self.abandon()
        transport = self._living()
        if transport.is_disconnected:
            return
        if politely:
            transport.send_close(WSCloseCode.OK)
        transport.disconnect(graceful=politely)
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await transport.wait_disconnected()
        except (TimeoutError, WSError):
            transport.disconnect(graceful=False)

    @property
    def came_about(self) -> bool:
        """Whether there is, or was, a connection."""
        return self._transport is not None

    def abandon(self) -> None:
        """Hand nothing on any more; a connection that only now comes about is dropped."""
        self._deaf = True

    def _living(self) -> WSTransport:
        if self._transport is None:
            raise RuntimeError("this connection never came about")
        return self._transport

    def _take(self, kind: WSMsgType, frame: WSFrame) -> None:
        """A text, or a message in parts."""
        if kind != _CONTINUATION:
            self._first = kind
        self._parts.append(frame.get_payload_as_bytes())
        if frame.fin and self._first is not None:
            whole, first = b"".join(self._parts), self._first
            self._parts, self._first = [], None
            if first == _BINARY:
                self.messages += len(whole) > 1
                self._on_binary(whole)
            else:
                self._on_text(whole.decode("utf-8", "replace"))

    def _said_farewell(self, transport: WSTransport, frame: WSFrame) -> None:
        code: Any = frame.get_close_code()  # a plain number where the enumeration has none
        reason = (frame.get_close_message() or b"").decode("utf-8", "replace")
        self._farewell = f"closed by the venue: {int(code)} {reason}".rstrip()
        transport.send_close(code)
        transport.disconnect()
