"""What the supervisor does about services that are not well."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path
from typing import Any, cast

import pytest

from muhurat.heartbeat import Heartbeat
from muhurat.supervisor import health
from muhurat.supervisor.alerts import Alerts, read_alerts
from muhurat.supervisor.health import Health
from muhurat.supervisor.history import History
from muhurat.supervisor.kernel import everyone
from muhurat.supervisor.process import Launcher
from muhurat.supervisor.service import Service, Surroundings
from muhurat.supervisor.spec import Patience, ServiceSpec
from muhurat.supervisor.states import State
from muhurat.supervisor.troubles import Troubles
from tests.supervisor.support import CountingClock, FakeLauncher

NOW_NS = 1_756_785_600_000_000_000


class Ward:
    """One running service under a health that looks every second of a clock moved by hand."""

    def __init__(self, run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.run_dir = run_dir
        self.clock = CountingClock(NOW_NS)
        self.launcher = FakeLauncher()
        self.memory_mb = 10.0
        around = Surroundings(
            run_dir,
            cast(Launcher, self.launcher),
            self.clock,
            Alerts(run_dir, self.clock),
            History(run_dir),
            random.Random(1),
        )
        self.service = Service(
            ServiceSpec("svc", ("svc",), patience=Patience(silent_s=60), memory_limit_mb=100), around
        )
        self.health = Health(run_dir, self.clock, 30, Troubles(around.alerts, self.clock))
        monkeypatch.setattr(health, "_memory_by_session", self._memory)
        self.service.step()
        assert self.launcher.last is not None
        self.process = self.launcher.last
        self.process.ready = True
        self.service.step()
        assert self.service.state is State.RUNNING

    def _memory(self) -> dict[int, float]:
        return {self.process.pid: self.memory_mb * 2**20}

    def says(self, **changes: Any) -> None:
        word = {"service": "svc", "pid": self.process.pid, "monotonic": self.clock.monotonic(), "gauges": {}}
        (self.run_dir / "svc.status.json").write_text(json.dumps(word | changes))

    def pass_seconds(self, seconds: int, *, speaking: bool = False) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            if speaking:
                self.says()
            self.health.look([self.service])


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ward:
    return Ward(tmp_path, monkeypatch)


def test_a_service_that_speaks_and_stays_small_is_left_alone(ward: Ward) -> None:
    ward.pass_seconds(200, speaking=True)
    assert ward.launcher.signals == []


def test_one_that_never_spoke_is_not_expected_to(ward: Ward) -> None:
    ward.pass_seconds(200)
    assert ward.launcher.signals == []


def test_silence_after_a_word_is_answered_with_a_signal_that_shows_the_stack(ward: Ward) -> None:
    ward.pass_seconds(3, speaking=True)
    ward.pass_seconds(59)
    assert ward.launcher.signals == []
    ward.pass_seconds(2)
    assert ward.launcher.signals == [signal.SIGABRT]
    assert ward.service.state is State.STOPPING
    ward.service.step()
    assert "said nothing for 61 s" in read_alerts(ward.run_dir)[-1]["what"]


def test_the_word_of_an_earlier_process_does_not_count(ward: Ward) -> None:
    ward.says(pid=ward.process.pid + 1)
    ward.pass_seconds(200)
    assert ward.launcher.signals == []


def test_what_a_service_says_should_reach_a_person_becomes_an_alert(ward: Ward) -> None:
    trouble = {"name": "login desk", "level": "critical", "what": "login needed", "hint": "muhurat login"}
    ward.says(pid=ward.process.pid + 1, gauges={"troubles": [trouble | {"what": "of an earlier process"}]})
    ward.pass_seconds(2)
    for _ in range(5):
        ward.says(gauges={"troubles": [trouble]})
        ward.pass_seconds(1)
    assert [alert["what"] for alert in read_alerts(ward.run_dir)] == ["login needed"]


def test_a_machine_that_slept_makes_nobody_silent(ward: Ward) -> None:
    ward.pass_seconds(3, speaking=True)
    ward.clock.advance(3600)
    ward.pass_seconds(50)
    assert ward.launcher.signals == []
    ward.pass_seconds(12)
    assert ward.launcher.signals == [signal.SIGABRT]


def test_desk_time_that_jumps_makes_nobody_silent(ward: Ward) -> None:
    ward.pass_seconds(3, speaking=True)
    for hours in (1, -2):
        ward.clock.set(ward.clock.now_ns() + hours * 3600 * 10**9)
        ward.pass_seconds(10)
    assert ward.launcher.signals == []


def test_memory_over_the_limit_is_acted_on_at_the_next_look(ward: Ward) -> None:
    ward.memory_mb = 99
    ward.pass_seconds(5)
    assert ward.launcher.signals == []
    ward.memory_mb = 101
    ward.pass_seconds(1)
    assert ward.launcher.signals == [signal.SIGTERM]
    assert "uses 101 MB" in ward.service.detail


def test_a_service_is_watched_while_it_starts(ward: Ward) -> None:
    ward.process.code = 1
    ward.service.step()
    ward.clock.advance(5)
    ward.service.step()
    assert ward.service.state is State.STARTING
    assert ward.launcher.last is not None
    ward.process = ward.launcher.last
    ward.memory_mb = 101
    ward.pass_seconds(1)
    assert ward.launcher.signals == [signal.SIGTERM]


def test_the_health_line_is_written_at_its_interval(ward: Ward, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    ward.pass_seconds(65, speaking=True)
    lines = [line for line in caplog.messages if "Memory=10.0MB" in line]
    assert len(lines) == 2
    assert f"svc: PID={ward.process.pid}, Memory=10.0MB, Uptime=" in lines[0]


def test_a_heartbeat_that_cannot_be_read_stops_nothing_but_the_listening(ward: Ward) -> None:
    (ward.run_dir / "other.status.json").write_bytes(b"")
    ward.memory_mb = 101
    ward.pass_seconds(1)
    assert ward.launcher.signals == [signal.SIGTERM]


def test_real_memory_is_counted_by_session(tmp_path: Path) -> None:
    Heartbeat("svc", tmp_path, CountingClock(NOW_NS)).beat("here")
    mine = next(seen for seen in everyone() if seen.pid == os.getpid())
    assert mine.alive
    assert mine.session == os.getsid(0)
    assert health._memory_by_session()[mine.session] >= mine.rss_bytes // 2 > 1_000_000
