"""`muhurat sim` as other programs use it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from kiteconnect import KiteConnect

from muhurat.clock import ClockPage, ist
from muhurat.simulator.server import VENUES

Sim = subprocess.Popen[str]
ENDED_WITHIN_S = 30


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Callable[..., Sim]]:
    started: list[Sim] = []

    def start(*arguments: str) -> Sim:
        process = subprocess.Popen(
            [sys.executable, "-m", "muhurat", "sim", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ready(process: Sim) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    told: dict[str, Any] = json.loads(line)
    return told


def get(told: dict[str, Any], path: str) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(told["urls"]["kite"] + path, trust_env=False).json()
    return answer


def ended(process: Sim) -> tuple[int, str]:
    _, complaint = process.communicate(timeout=ENDED_WITHIN_S)
    return process.returncode, complaint


def test_one_line_says_where_everything_is(sim: Callable[..., Sim], tmp_path: Path) -> None:
    overlay, clock = tmp_path / "conf" / "overlay.yaml", tmp_path / "run" / "clock"
    process = sim("kite", "--at", "2026-11-20T09:20", "--paused", "--overlay", str(overlay), "--clock", str(clock))
    told = ready(process)

    assert told["ready"] is True
    assert set(told["urls"]) == {"kite", "kite_ticker", "kite_login"}
    assert told["clock"] == str(clock)
    page = ClockPage(clock)
    assert ist(page.now_ns).isoformat() == "2026-11-20T09:20:00+05:30"
    assert page.conductor_pid == process.pid
    keys = yaml.safe_load(overlay.read_text())["venues"]["kite"]
    assert keys == {
        "root": told["urls"]["kite"],
        "ticker": told["urls"]["kite_ticker"],
        "login": told["urls"]["kite_login"],
        "api_key": "simkey",
        "api_secret": "simsecret",
    }


def test_the_day_ends_and_the_servers_go_on(sim: Callable[..., Sim]) -> None:
    process = sim("--at", "2026-11-20T09:20", "--until", "2026-11-20T09:21", "--speed", "100000", "--seed", "7")
    told = ready(process)
    while (clock := get(told, "/_sim/clock"))["now"] != "2026-11-20T09:21:00+05:30":
        assert clock["now"] < "2026-11-20T09:21"
    session = get(told, "/_sim/session")
    client = KiteConnect(session["api_key"], session["access_token"], root=told["urls"]["kite"])

    assert client.ltp("BSE:SENSEX")["BSE:SENSEX"]["last_price"] > 0
    assert get(told, "/_sim/stats")["source"] == "synthetic"
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (0, "")


def test_a_port_can_be_chosen(sim: Callable[..., Sim]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = ready(sim("--paused", "--port", f"kite={port}"))

    assert told["urls"]["kite"] == f"http://127.0.0.1:{port}"


def test_a_taken_port_is_an_error_with_a_hint(sim: Callable[..., Sim]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, complaint = ended(sim("--port", f"kite_ticker={taken.getsockname()[1]}"))

    assert code == 1
    assert "cannot listen" in complaint
    assert "--port" in complaint


@pytest.mark.parametrize(
    ("arguments", "offender"),
    [
        (["nasdaq"], "nasdaq"),
        (["--port", "kite_telnet=1"], "kite_telnet"),
        (["--port", "8001"], "8001"),
        (["--at", "tomorrow"], "tomorrow"),
        (["--at", "2026-11-20T09:00", "--until", "2026-11-20T08:00"], "until"),
        (["--speed", "0"], "speed"),
    ],
)
def test_wrong_use_is_named(sim: Callable[..., Sim], arguments: list[str], offender: str) -> None:
    code, complaint = ended(sim(*arguments))

    assert code == 2
    assert offender in complaint


def test_every_registered_venue_can_be_built() -> None:
    from muhurat.simulator.server import _factory

    for name in VENUES:
        assert name in _factory(name).PORTS  # type: ignore[attr-defined]
