"""A small web server of files for tests, on loopback, that can be told to do what real ones do wrong."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Fault = Literal[
    "missing", "forbidden", "html", "truncated", "cut_off", "empty", "hang", "drip", "unavailable", "throttled", "moved"
]
PAGE = b"<!DOCTYPE html>\n<html><head><title>Access</title></head><body>Resource not found</body></html>"


@dataclass(frozen=True)
class Answer:
    """What lies under a path."""

    body: bytes
    content_type: str = "application/octet-stream"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class FileServer:
    """Serves what was `put`, 404 otherwise; one thread per request. `fault` spoils a path for some requests."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.over = threading.Event()
        self._answers: dict[str, Answer | Callable[[Asked], Answer]] = {}
        self._faults: dict[str, Fault] = {}
        self._left: Counter[str] = Counter()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._serve(self)

            def do_POST(self) -> None:
                outer._serve(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def put(self, path: str, body: bytes | Callable[[Asked], Answer], content_type: str = "text/csv") -> None:
        self._answers[path] = Answer(body, content_type) if isinstance(body, bytes) else body

    def remove(self, path: str) -> None:
        del self._answers[path]

    def fault(self, path: str, kind: Fault, times: int = 1000) -> None:
        self._faults[path], self._left[path] = kind, times

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        length = int(handler.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        asked = Asked(handler.command, parts.path, parse_qs(parts.query), headers, handler.rfile.read(length))
        self.asked.append(asked)
        found = self._answers.get(parts.path, Answer(PAGE, "text/html", 404))
        answer = found if isinstance(found, Answer) else found(asked)
        kind = self._faults.get(parts.path) if self._left[parts.path] > 0 else None
        self._left[parts.path] -= 1
        if kind is None:
            _send(handler, answer)
        elif kind in ("hang", "drip", "cut_off"):
            self._misbehave(handler, kind, answer)
        else:
            _send(handler, spoiled(answer, kind))

    def _misbehave(self, handler: BaseHTTPRequestHandler, kind: Fault, answer: Answer) -> None:
        handler.close_connection = True
        if kind == "hang":
            self.over.wait(10)
            return
        _head(handler, answer, len(answer.body))
        if kind == "cut_off":
            handler.wfile.write(answer.body[: len(answer.body) // 2])
            return
        for byte in answer.body:
            if self.over.wait(0.02):
                return
            try:
                handler.wfile.write(bytes([byte]))
            except OSError:
                return


def spoiled(answer: Answer, kind: Fault) -> Answer:
    """What comes instead of an answer."""
    return {
        "missing": Answer(PAGE, "text/html", 404),
        "forbidden": Answer(PAGE, "text/html", 403),
        "html": Answer(PAGE, "text/html"),
        "truncated": Answer(answer.body[: len(answer.body) // 2], answer.content_type),
        "empty": Answer(b"", answer.content_type),
        "unavailable": Answer(b"later", "text/plain", 503),
        "throttled": Answer(b"slower", "text/plain", 429, {"Retry-After": "1"}),
        "moved": Answer(b"", "text/html", 302, {"Location": "/Sitefinity/Login?ReturnUrl=secret"}),
    }[kind]


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    _head(handler, answer, len(answer.body))
    handler.wfile.write(answer.body)


def _head(handler: BaseHTTPRequestHandler, answer: Answer, length: int) -> None:
    handler.send_response(answer.status)
    handler.send_header("Content-Type", answer.content_type)
    for name, value in ({"Content-Length": str(length)} | dict(answer.headers)).items():
        handler.send_header(name, value)
    handler.end_headers()
