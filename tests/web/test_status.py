"""The desk's state, with and without somebody who watches it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from muhurat.clock import SystemClock
from muhurat.heartbeat import Heartbeat
from muhurat.supervisor import lock
from muhurat.supervisor.process import lock_path
from muhurat.web.status import desk_status

ROWS = [
    {"name": "recorder", "state": "running", "pid": 7, "since": "", "restarts": 2, "detail": "pid 7"},
    {"name": "trader", "state": "finished", "pid": None, "since": "", "restarts": 0, "detail": "ended by itself"},
    {"name": "decode", "state": "running", "pid": 9, "since": "", "restarts": 0, "detail": "pid 9"},
]


class Shifted(SystemClock):
    """A clock that was right some real seconds ago."""

    def __init__(self, ago_s: float) -> None:
        self.ago_s = ago_s

    def monotonic(self) -> float:
        return super().monotonic() - self.ago_s


def beat(run_dir: Path, ago_s: float = 0) -> None:
    Heartbeat("supervisor", run_dir, Shifted(ago_s)).beat("2 of 3", now=True, services=ROWS)


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Path]:
    """A run directory whose supervisor's lock is held, as it is while one lives."""
    fd = lock.take(lock_path("supervisor", tmp_path))
    assert fd is not None
    yield tmp_path
    os.close(fd)


def test_a_folder_in_which_nothing_ever_ran(tmp_path: Path) -> None:
    nothing = {"supervisor": "not running", "services": [], "feeds": {}, "disk": {}, "alerts": []}
    assert desk_status(tmp_path) == nothing


def test_what_a_living_supervisor_wrote_last_is_believed(supervised: Path) -> None:
    beat(supervised)
    Heartbeat("recorder", supervised, SystemClock()).beat("recording", feeds={"desk": {"packets": 3}})
    status = desk_status(supervised)
    assert status["supervisor"] == "running"
    assert status["services"] == ROWS
    assert status["feeds"] == {"desk": {"packets": 3}}


def test_a_supervisor_that_hangs_is_told_from_one_that_runs(supervised: Path) -> None:
    beat(supervised, ago_s=30)
    assert desk_status(supervised)["supervisor"] == "not answering"


def test_without_a_supervisor_each_service_is_what_its_lock_says(tmp_path: Path) -> None:
    beat(tmp_path)
    held = [lock.take(lock_path(name, tmp_path)) for name in ("recorder", "untold")]
    fds = [fd for fd in held if fd is not None]
    services = [
        subprocess.Popen(
            [sys.executable, "-c", "import signal; signal.pause()"], pass_fds=(fd,), start_new_session=True
        )
        for fd in fds
    ]
    for fd in fds:
        os.close(fd)
    status = desk_status(tmp_path)
    for service in services:
        service.kill()
        service.wait()
    assert status["supervisor"] == "not running"
    assert [(row["name"], row["state"], row["pid"]) for row in status["services"]] == [
        ("recorder", "unsupervised", services[0].pid),
        ("trader", "finished", None),
        ("decode", "gone", None),
        ("untold", "unsupervised", services[1].pid),
    ]
    assert {row["name"]: row["state"] for row in desk_status(tmp_path)["services"]} == {
        "recorder": "gone",
        "trader": "finished",
        "decode": "gone",
    }
