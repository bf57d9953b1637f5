"""A gateway between a desk and the simulated broker, which spoils answers as gateways and providers do.

The simulated Kite has faults of its own (a dead session, a gateway's 502, silence); what it has not, a file that is cut
or changed, a page in place of an answer, a drip, happens here to whatever the simulator answered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

PAGE = b"<!DOCTYPE html><html><head><title>Sign in to this network</title></head><body>Welcome.</body></html>"
_DRIP_BYTES, _DRIP_EVERY_S = 2, 0.2

Change = Callable[[bytes], bytes]


class Gateway:
    """Passes requests on to `upstream`; while `spoiled`, those below a path come back spoiled."""

    def __init__(self, upstream: str) -> None:
        self._upstream = httpx.Client(base_url=upstream, trust_env=False, timeout=30)
        self._kind, self._path = "", ""
        self._change: Change | None = None
        self._healed = threading.Event()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                # A simulator that hangs answers long after the client has left, when the next cell's job is running.
                with suppress(httpx.TransportError, ConnectionError):
                    gateway.answer(self)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @contextmanager
    def spoiled(self, kind: str, path: str, change: Change | None = None) -> Iterator[None]:
        """Answers below `path` are `missing`, `forbidden`, `html`, `truncated`, `hang`, `drip` or `changed`."""
        self._healed.clear()
        self._kind, self._path, self._change = kind, path, change
        try:
            yield
        finally:
            self._kind = ""
            self._healed.set()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Ask upstream, and send what the present fault makes of it."""
        kind = self._kind if request.path.startswith(self._path) else ""
        if kind == "hang":
            self._healed.wait(60)
            return
        if kind in ("missing", "forbidden", "html"):
            status = {"missing": 404, "forbidden": 403, "html": 200}[kind]
            _send(request, status, "text/html", PAGE, len(PAGE))
            return
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in ("host", "accept-encoding", "connection")
        }
        found = self._upstream.get(request.path, headers=headers)
        whole, body = found.content, found.content
        if kind == "changed" and self._change is not None:
            whole = body = self._change(whole)
        if kind == "truncated":
            body = whole[: len(whole) // 2]
        if kind == "drip":
            self._drip(request, found, whole)
            return
        _send(request, found.status_code, found.headers["content-type"], body, len(whole), found.headers["date"])

    def close(self) -> None:
        self._healed.set()
        self._server.shutdown()
        self._server.server_close()
        self._upstream.close()
        self._thread.join(5)

    def _drip(self, request: BaseHTTPRequestHandler, found: httpx.Response, whole: bytes) -> None:
        _send(request, found.status_code, found.headers["content-type"], b"", len(whole))
        for at in range(0, len(whole), _DRIP_BYTES):
            request.wfile.write(whole[at : at + _DRIP_BYTES])
            if self._healed.wait(_DRIP_EVERY_S):
                return


def _send(
    request: BaseHTTPRequestHandler, status: int, kind: str, body: bytes, length: int, date: str | None = None
) -> None:
    request.send_response_only(status)
    told = {"Content-Type": kind, "Content-Length": str(length), **({"Date": date} if date else {})}
    for name, value in told.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
