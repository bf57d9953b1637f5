"""A small ticker for tests: real sockets, and every misbehaviour on command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from muhurat.venues.base import ConnectionEvent, ConnectionKind
from muhurat.venues.kite.stream import KiteStream

HEARTBEAT = b"\x00"
PATIENCE_S = 10.0


class TickerServer:
    """Admits clients whose token is `token`, or answers all with `refuse`; greets each with `greeting`."""

    def __init__(self, token: str = "good") -> None:
        self.token = token
        self.refuse: int | None = None
        self.greeting: list[bytes | str] = []
        self.attempts: list[dict[str, list[str]]] = []
        self.headers: list[Headers] = []
        self.connections: list[ServerConnection] = []
        self.orders: list[list[dict[str, Any]]] = []
        self._server: Server | None = None

    async def start(self, port: int = 0) -> str:
        self._server = await serve(self._serve, "127.0.0.1", port, process_request=self._admit, ping_interval=None)
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def last(self) -> ServerConnection:
        return self.connections[-1]

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        query = parse_qs(urlsplit(request.path).query)
        self.attempts.append(query)
        self.headers.append(request.headers)
        status = self.refuse or (403 if query["access_token"] != [self.token] else None)
        if status is None:
            return None
        body = {"status": "error", "message": f"refused {status}", "error_type": "TokenException"}
        return connection.respond(HTTPStatus(status), json.dumps(body))

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        heard: list[dict[str, Any]] = []
        self.orders.append(heard)
        for greeting in self.greeting:
            await connection.send(greeting)
        async for text in connection:
            order = json.loads(text)
            heard.append(order)


class Listener:
    """Writes down what a stream delivers, in order."""

    def __init__(self) -> None:
        self.binary: list[bytes] = []
        self.text: list[str] = []
        self.events: list[ConnectionEvent] = []
        self.everything: list[object] = []

    def on_binary(self, payload: bytes) -> None:
        self.binary.append(payload)
        self.everything.append(payload)

    def on_text(self, text: str) -> None:
        self.text.append(text)
        self.everything.append(text)

    def on_event(self, event: ConnectionEvent) -> None:
        self.events.append(event)
        self.everything.append(event)

    def kinds(self) -> list[ConnectionKind]:
        return [event.kind for event in self.events]

    def of(self, kind: ConnectionKind) -> list[ConnectionEvent]:
        return [event for event in self.events if event.kind is kind]


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; fails after a while that no healthy machine needs."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.002)


@asynccontextmanager
async def running(stream: KiteStream, listener: Listener) -> AsyncIterator[asyncio.Task[None]]:
    """The stream at work; ended at the end, and its errors raised."""
    task = asyncio.create_task(stream.run(listener))
    try:
        yield task
    finally:
        stream.close()
        await task
