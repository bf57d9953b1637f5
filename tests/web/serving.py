"""The page's real process, and a real browser to look at it with."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from muhurat.clock import ENVIRONMENT_VARIABLE, ClockPage
from tests.conftest import missing
from tests.web.made import FEED, MadeDesk

_WITHIN_S = 30.0


@contextmanager
def serving(desk: MadeDesk, more: str = "") -> Iterator[str]:
    """The real process on a free port; its address. `more` goes into the desk file."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    file = desk.folder / "desk.yaml"
    file.write_text(
        f"desk: {{name: made}}\nvenues: {{kite: }}\nfeeds: {{{FEED}: {{venue: kite, universe: sensex_atm}}}}\n"
        f'trading: {{mode: test}}\nweb: {{listen: "127.0.0.1:{port}"}}\n{more}'
    )
    clock_page = desk.place.run_dir / "clock"
    ClockPage.create(clock_page, desk.clock.at_ns)
    with (desk.folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "muhurat", "web", "--desk", str(file)],
            env={**os.environ, ENVIRONMENT_VARIABLE: str(clock_page)},
            stdout=output,
            stderr=output,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_answered(address, process, desk.folder / "output")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(_WITHIN_S)
    assert code == 0, (desk.folder / "output").read_text()


def _wait_until_answered(address: str, process: subprocess.Popen[bytes], output: Path) -> None:
    limit = time.monotonic() + _WITHIN_S
    while time.monotonic() < limit:
        assert process.poll() is None, output.read_text()
        try:
            httpx.get(f"{address}/api/v1/status")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the page did not come up")


@pytest.fixture
def browser() -> Iterator[Any]:
    """The system's Chromium, without anything it would do of its own accord."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing("chromium")
    quiet = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
    still = ("--disable-background-networking", "--disable-component-update")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=[*quiet, *still])
        yield opened
        opened.close()
