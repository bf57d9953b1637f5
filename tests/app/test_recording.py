"""The recorder's real process on a simulated broker: the log that each feed has to itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from muhurat.app.desk import open_desk, save_token
from muhurat.capture.universe import Entry, Universe, save_universe, universe_path
from muhurat.clock import ENVIRONMENT_VARIABLE, ClockPage
from muhurat.config import feed_log
from tests.simulator.conftest import InThread, page, start_in_thread, threaded
from tests.simulator.tiny_market import CALL, CALL_SYMBOL, DAY, INDEX, OPEN_NS

__all__ = ["page", "start_in_thread", "threaded"]

_WITHIN_S = 30
_FEED = {"venue": "kite", "universe": "universe.json"}


def write_desk(folder: Path, broker: InThread, **feeds: dict[str, str]) -> Path:
    file = folder / "desk.yaml"
    desk = {"desk": {"name": "made"}, **broker.simulation.overlay(), "feeds": feeds}
    file.write_text(yaml.safe_dump(desk))
    return file


def test_a_feed_writes_a_log_of_its_own_in_the_form_of_the_old_crawler(
    threaded: InThread, page: ClockPage, tmp_path: Path
) -> None:
    file = write_desk(tmp_path, threaded, sso_xvenue=_FEED)
    app = threaded.simulation.app
    session = {"api_key": app.api_key, "api_secret": app.api_secret, "user_id": app.user_id}
    save_token(open_desk(file), session | {"access_token": threaded.simulation.sessions.ready()})
    entries = {name: Entry(token, symbol=name) for name, token in (("SENSEX", INDEX), (CALL_SYMBOL, CALL))}
    save_universe(universe_path(tmp_path / "data" / "universe", "sso_xvenue", DAY), Universe(entries))
    log = tmp_path / "logs" / "crawler3_sso_xvenue.log"

    process = subprocess.Popen(
        [sys.executable, "-m", "muhurat", "capture", "run", "--desk", str(file)],
        env={**os.environ, ENVIRONMENT_VARIABLE: str(page.path)},
    )
    try:
        until(lambda: log.exists() and "Opened new binary file" in log.read_text())
        threaded.advance_to(OPEN_NS)
        threaded.advance_s(3)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(_WITHIN_S) == 0

    lines = log.read_text().splitlines()
    stamp = r"2026-11-20 09:1\d:\d\d - INFO - "
    for line, expected in zip(
        lines,
        [
            "Crawler 3 started",
            r"WebSocket connected, subscribing to 2 instruments .*",
            "Sent subscription and mode setting messages .*",
            r"Opened new binary file: .*/raw_ticks/sso_xvenue/sso_xvenue_20261120_0900\.bin",
        ],
        strict=False,
    ):
        assert re.fullmatch(stamp + expected, line), lines
    assert re.fullmatch(stamp + r"Processed [1-9]\d* packets, [1-9]\d* bytes", lines[-1]), lines


@pytest.mark.parametrize(
    ("feed", "settings", "log"),
    [
        ("sso_xvenue", {}, "crawler3_sso_xvenue"),
        ("sso_xvenue", {"log": "third"}, "third"),
        ("sensex_desk", {}, "feed_sensex_desk"),
    ],
)
def test_the_names_of_logs(threaded: InThread, tmp_path: Path, feed: str, settings: dict[str, str], log: str) -> None:
    desk = open_desk(write_desk(tmp_path, threaded, **{feed: _FEED | settings}))
    assert feed_log(desk, feed) == log


def until(true: Callable[[], object]) -> None:
    limit = time.monotonic() + _WITHIN_S
    while not true():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)
