"""A small REST server for tests: answers by path, in the order they were laid down; the last one stays."""

from __future__ import annotations

import gzip
import json
import threading
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Answer:
    """A status, a body and what it claims to be."""

    status: int
    body: bytes
    content_type: str = "application/json"
    encoding: str | None = None


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    path: str
    query: dict[str, list[str]]
    authorization: str | None


def success(data: Any) -> Answer:
    return Answer(200, json.dumps({"status": "success", "data": data}).encode())


def failure(status: int, error_type: str | None, message: str = "no") -> Answer:
    body = {"status": "error", "message": message, "data": None, "error_type": error_type}
    return Answer(status, json.dumps(body).encode())


def dump(text: str) -> Answer:
    return Answer(200, gzip.compress(text.encode()), "text/csv", "gzip")


class RestServer:
    """Loopback only, one thread per request."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                outer.asked.append(Asked(parts.path, parse_qs(parts.query), self.headers["Authorization"]))
                answer = outer._next(parts.path)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(answer.body)))
                if answer.encoding:
                    self.send_header("Content-Encoding", answer.encoding)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def lay_down(self, path: str, *answers: Answer) -> None:
        self._answers[path].extend(answers)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _next(self, path: str) -> Answer:
        answers = self._answers[path]
        if not answers:
            return failure(404, "GeneralException", f"no answer for {path}")
        return answers.pop(0) if len(answers) > 1 else answers[0]
