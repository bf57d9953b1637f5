"""The HTTP server that every simulated venue listens with."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from email.utils import formatdate
from typing import Any

import uvicorn

from muhurat.clock import NS_PER_S


class HttpServer:
    """uvicorn inside a loop that is not its own: no signal handlers, no logging of its own.

    With `now_ns`, the `Date` of every answer is desk time, so that a desk can compare its clock with the venue's.
    """

    def __init__(self, app: Any, now_ns: Callable[[], int] | None = None) -> None:
        self._server = _QuietServer(
            uvicorn.Config(
                app if now_ns is None else _dated(app, now_ns),
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=1,
                date_header=now_ns is None,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self, port: int) -> int:
        """Listen on loopback; returns the port."""
        # The protocol is named because asyncio switches Nagle's algorithm off only where it is: 40 ms for every answer.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        bound: int = listening.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            if self._serving.done():
                await self._serving
            await asyncio.sleep(0.005)
        return bound

    async def stop(self) -> None:
        """Finish the requests under way, for a second at most."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


def _dated(app: Any, now_ns: Callable[[], int]) -> Any:
    async def dated(scope: Any, receive: Any, send: Any) -> None:
        async def send_dated(message: Any) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(now_ns() // NS_PER_S, usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", ()), (b"date", date)]}
            await send(message)

        await app(scope, receive, send_dated)

    return dated


class _QuietServer(uvicorn.Server):
    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()
