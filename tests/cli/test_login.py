"""`muhurat login` against the simulated Kite: the browser's way, without a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest


@pytest.fixture
def kite(tmp_path: Path) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "muhurat", "sim", "kite", "--paused", "--clock", str(tmp_path / "clock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        told = json.loads(simulator.stdout.readline())
        session = httpx.get(f"{told['urls']['kite']}/_sim/session").json()
        yield {**told["urls"], **session, "clock": told["clock"]}
        simulator.send_signal(signal.SIGTERM)


def log_in(tmp_path: Path, kite: dict[str, Any], *arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    (tmp_path / "desk.yaml").write_text(
        f"desk: {{name: x}}\nvenues: {{kite: {{root: '{kite['kite']}', login: '{kite['kite_login']}', "
        f"api_key: {kite['api_key']}, api_secret: {kite['api_secret']}}}}}\n"
    )
    command = [sys.executable, "-m", "muhurat", "login", "--desk", str(tmp_path / "desk.yaml"), *arguments]
    environment = {**os.environ, "MUHURAT_CLOCK": kite["clock"]}
    return subprocess.run(command, capture_output=True, text=True, input=answer, env=environment, check=False)


def redirected(kite: dict[str, Any]) -> str:
    """Where Kite sends the browser after the login."""
    url = f"{kite['kite_login']}/connect/login"
    answer = httpx.get(url, params={"v": 3, "api_key": kite["api_key"]}, follow_redirects=False)
    return str(answer.headers["location"])


def test_the_address_the_browser_was_sent_to_becomes_the_days_session(tmp_path: Path, kite: dict[str, Any]) -> None:
    done = log_in(tmp_path, kite, answer=redirected(kite) + "\n")
    assert done.returncode == 0, done.stderr
    assert re.search(r"/connect/login\?v=3&api_key=" + kite["api_key"], done.stdout)
    file = tmp_path / "config" / "api_configs" / "zerodha_token.json"
    kept = json.loads(file.read_text())
    assert kept["user_id"] == kite["user_id"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert kept["access_token"] not in done.stdout + done.stderr


def test_a_request_token_is_good_once(tmp_path: Path, kite: dict[str, Any]) -> None:
    answer = redirected(kite)
    assert log_in(tmp_path, kite, "--request-token", answer).returncode == 0
    again = log_in(tmp_path, kite, "--request-token", answer)
    assert again.returncode == 1
    assert "error: the login:" in again.stderr


def test_an_address_without_a_request_token_is_refused_with_a_hint(tmp_path: Path, kite: dict[str, Any]) -> None:
    done = log_in(tmp_path, kite, "--request-token", "https://example.com/postback?status=success")
    assert done.returncode == 1
    assert "no request_token" in done.stderr
    assert "hint:" in done.stderr
