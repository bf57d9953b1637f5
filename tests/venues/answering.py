"""A web server that answers each path as a test lays down, with the bad habits of venues where it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = b"<!DOCTYPE html><html><head><title>Page not found</title></head><body>Sorry</body></html>" * 20

_DRIP_EVERY_S = 0.05


@dataclass(frozen=True)
class Answer:
    """What is sent: whole, or after `cut` bytes no more; `hangs` sends nothing, `drips` a few bytes at a time."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/octet-stream"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    hangs: bool = False
    drips: bool = False


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


MISSING = Answer(b"Resource not found", 404, "text/html")
SOFT_MISSING = Answer(PAGE, 200, "text/html; charset=utf-8")


class WebServer:
    """Paths to answers; the last answer of a path stays. A callable decides by the request."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[str, list[Answer | Callable[[Asked], Answer]]] = {}
        self._ending = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._serve(self)

            def do_POST(self) -> None:
                outer._serve(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def lay(self, path: str, *answers: Answer | Callable[[Asked], Answer]) -> None:
        self._answers[path] = list(answers)

    def count(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)

    def close(self) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        asked = Asked(handler.command, url.path, query, dict(handler.headers), body)
        self.asked.append(asked)
        known = self._answers.get(url.path, [MISSING])
        found = known.pop(0) if len(known) > 1 else known[0]
        self._send(handler, found if isinstance(found, Answer) else found(asked))

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if answer.hangs:
            self._ending.wait(30)
            return
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.content_type)
        handler.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if answer.drips:
            for byte in answer.body:
                handler.wfile.write(bytes([byte]))
                if self._ending.wait(_DRIP_EVERY_S):
                    return
        handler.wfile.write(answer.body[: answer.cut])
        handler.close_connection = answer.cut is not None
