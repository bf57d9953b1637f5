"""What jobs may have done by the desk's own parts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from muhurat.app.desk import open_desk
from muhurat.app.desk_work import DeskWork
from muhurat.clock import SystemClock
from muhurat.errors import VenueError


class _Answering(BaseHTTPRequestHandler):
    body = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def page() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def work(folder: Path, page: str) -> DeskWork:
    (folder / "desk.yaml").write_text(
        f"desk: {{name: x}}\njobs: {{public_ip: {{registered: 203.0.113.7, ask: '{page}'}}}}\n"
    )
    return DeskWork(open_desk(folder / "desk.yaml"), SystemClock())


def test_the_public_address_stands_beside_the_registered_one(
    tmp_path: Path, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Answering, "body", b"203.0.113.9\n")

    assert work(tmp_path, page).public_ip() == ("203.0.113.9", "203.0.113.7")


def test_a_page_instead_of_an_address_is_no_address(tmp_path: Path, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Answering, "body", b"<html>log in to the hotel</html>")

    with pytest.raises(VenueError, match="answers '<html>log in to the hotel</html>', which is no address"):
        work(tmp_path, page).public_ip()
