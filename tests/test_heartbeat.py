"""What a service says of itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from muhurat.clock import ManualClock
from muhurat.heartbeat import READY_FD, Heartbeat, read_heartbeats


def test_the_last_word_of_every_service_can_be_read(tmp_path: Path) -> None:
    clock = ManualClock(5)
    Heartbeat("recorder", tmp_path, clock).beat("recording", packets=3)
    spoken = read_heartbeats(tmp_path)
    assert spoken["recorder"]["detail"] == "recording"
    assert spoken["recorder"]["gauges"] == {"packets": 3}
    assert spoken["recorder"]["pid"] == os.getpid()


def test_a_service_speaks_at_most_twice_a_second_unless_it_must(tmp_path: Path) -> None:
    clock = ManualClock()
    heartbeat = Heartbeat("svc", tmp_path, clock)
    for word in ("first", "too soon"):
        heartbeat.beat(word)
    assert read_heartbeats(tmp_path)["svc"]["detail"] == "first"
    heartbeat.beat("urgent", now=True)
    assert read_heartbeats(tmp_path)["svc"]["detail"] == "urgent"
    clock.advance(0.6)
    heartbeat.beat("later")
    assert read_heartbeats(tmp_path)["svc"]["detail"] == "later"


def test_ready_is_one_newline_on_the_descriptor_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readable, writable = os.pipe()
    monkeypatch.setenv(READY_FD, str(writable))
    heartbeat = Heartbeat("svc", tmp_path, ManualClock())
    heartbeat.ready()
    heartbeat.ready()
    assert os.read(readable, 10) == b"\n"
    os.close(readable)


def test_a_service_whose_supervisor_died_is_ready_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readable, writable = os.pipe()
    os.close(readable)
    monkeypatch.setenv(READY_FD, str(writable))
    Heartbeat("svc", tmp_path, ManualClock()).ready()
    assert READY_FD not in os.environ


def test_a_folder_that_takes_nothing_ends_no_service(tmp_path: Path) -> None:
    heartbeat = Heartbeat("svc", tmp_path / "run", ManualClock())
    (tmp_path / "run").rmdir()
    heartbeat.beat("unheard", now=True)
    assert read_heartbeats(tmp_path / "run") == {}
