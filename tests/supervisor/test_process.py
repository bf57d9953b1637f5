"""Locks that outlive who took them, and processes that are found again or recognised as strangers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from muhurat.errors import MuhuratError
from muhurat.supervisor import lock
from muhurat.supervisor import process as process_module
from muhurat.supervisor.kernel import age_s, boot_id, look
from muhurat.supervisor.process import (
    Identity,
    Launcher,
    ServiceProcess,
    StillRuns,
    identify,
    is_alive,
    lock_is_held,
    names,
    recorded,
)
from muhurat.supervisor.spec import ServiceSpec
from tests.supervisor.support import QUIET, READY, alive, wait

SLEEP = [sys.executable, "-c", "import signal; signal.pause()"]


def spec(script: str = QUIET) -> ServiceSpec:
    return ServiceSpec("svc", (sys.executable, "-c", script))


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    made = Launcher(tmp_path, tmp_path)
    yield made
    made.signal("svc", None, signal.SIGKILL)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def ended(process: ServiceProcess) -> None:
    wait(process.ended, "the end of the main process")


def test_a_lock_is_held_until_the_last_who_inherited_it_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert not lock.is_held(path)
    fd = lock.take(path)
    assert fd is not None
    children = [subprocess.Popen(SLEEP, pass_fds=(fd,)) for _ in range(2)]
    os.close(fd)
    for child in children:
        assert lock.is_held(path)
        assert lock.take(path) is None
        assert child.pid in list(lock.holders(path))
        child.kill()
        child.wait()
    assert not lock.is_held(path)
    assert list(lock.holders(path)) == []


def test_asking_never_stands_in_the_way_of_taking(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.touch()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            lock.is_held(path)

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    try:
        for _ in range(300):
            fd = lock.take(path)
            assert fd is not None
            os.close(fd)
    finally:
        done.set()
        for thread in asking:
            thread.join()


def test_who_only_reads_the_lock_file_is_no_holder(tmp_path: Path, launcher: Launcher) -> None:
    process = launcher.spawn(spec(), 0)
    with (tmp_path / "svc.lock").open("rb") as file:
        reader = subprocess.Popen(SLEEP, pass_fds=(file.fileno(),))
    assert list(lock.holders(tmp_path / "svc.lock")) == [process.pid]
    launcher.signal("svc", process, signal.SIGKILL)
    ended(process)
    process.close()
    assert reader.poll() is None
    reader.kill()
    reader.wait()


def test_a_service_is_found_again_with_what_it_was_started_as(tmp_path: Path, launcher: Launcher) -> None:
    started = launcher.spawn(spec(), 77)
    found = launcher.find("svc")
    assert found is not None
    assert found.identity == started.identity
    assert (found.identity.fingerprint, found.identity.since_ns) == (spec().fingerprint(), 77)
    assert not found.ended()
    assert age_s(found.identity.start_ticks) < 60
    wait(found.said_ready, "its word")
    assert names(tmp_path) == {"svc"}
    with pytest.raises(StillRuns):
        launcher.spawn(spec(), 0)
    os.kill(started.pid, signal.SIGTERM)
    ended(found)
    ended(started)
    assert launcher.find("svc") is None
    assert (found.exit_code, started.exit_code, started.exit_code) == (None, -15, -15)
    found.close()
    started.close()


def test_a_number_that_changed_hands_names_nobody(tmp_path: Path, launcher: Launcher) -> None:
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    seen = look(stranger.pid)
    assert seen is not None
    process = launcher.spawn(spec("pass"), 0)
    ended(process)
    process.close()
    path = tmp_path / "svc.pid.json"
    for told in (
        Identity(stranger.pid, seen.start_ticks - 1, process.identity.boot, "", 0),
        Identity(stranger.pid, seen.start_ticks, "another boot", "", 0),
    ):
        path.write_bytes(msgspec.json.encode(told))
        assert launcher.find("svc") is None
        assert not launcher.remains("svc", None)
        launcher.signal("svc", None, signal.SIGKILL)
        assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_number_that_changes_hands_while_one_looks_names_nobody(
    tmp_path: Path, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = Identity(os.getpid(), 1, boot_id(), "", 0)
    monkeypatch.setattr(process_module, "identify", lambda *_: earlier)
    before = open_files()
    assert launcher.find("svc") is None
    assert open_files() == before


@pytest.mark.parametrize("content", [b"", b'{"pid": 1', b'{"pid": "x"}', b"[]"])
def test_a_pid_file_that_says_nothing_is_passed_over_for_the_lock(
    tmp_path: Path, launcher: Launcher, content: bytes
) -> None:
    process = launcher.spawn(spec(), 0)
    (tmp_path / "svc.pid.json").write_bytes(content)
    assert recorded("svc", tmp_path) is None
    found = identify("svc", tmp_path)
    assert found is not None
    assert (found.pid, found.fingerprint) == (process.pid, "")
    assert is_alive(found)
    launcher.signal("svc", None, signal.SIGKILL)
    ended(process)
    process.close()


def test_a_stale_pid_file_is_gone_before_the_next_process_lives(tmp_path: Path, launcher: Launcher) -> None:
    (tmp_path / "svc.pid.json").write_text("stale")
    script = "import os, sys; sys.exit(os.path.exists(sys.argv[1]) and 7)"
    with pytest.raises(MuhuratError):
        launcher.spawn(ServiceSpec("svc", ("/no/such/command",)), 0)
    assert not (tmp_path / "svc.pid.json").exists()
    assert not lock_is_held("svc", tmp_path)
    process = launcher.spawn(ServiceSpec("svc", (sys.executable, "-c", script, str(tmp_path / "x"))), 0)
    ended(process)
    assert process.exit_code == 0
    process.close()


def test_everything_of_a_service_is_signalled_whatever_it_let_go_of(
    tmp_path: Path, launcher: Launcher, request: pytest.FixtureRequest
) -> None:
    left = "signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); signal.pause()"
    child = f"[sys.executable, '-c', 'import os, signal; {left}']"
    family = (
        "import subprocess, sys\n"
        f"subprocess.Popen({child})\n"  # in the group, without the lock
        f"subprocess.Popen({child}, process_group=0)\n"  # in the session only
        f"subprocess.Popen({child}, close_fds=False, start_new_session=True)\n"  # with the lock only
    )
    process = launcher.spawn(spec(family + READY + "signal.pause()"), 0)
    output = tmp_path / "svc_output.log"
    wait(lambda: len(output.read_text().split()) == 3, "three children")
    children = [int(word) for word in output.read_text().split()]
    request.addfinalizer(lambda: [psutil.Process(pid).kill() for pid in children if alive(pid)])
    os.kill(process.pid, signal.SIGKILL)
    ended(process)
    launcher.signal("svc", process, signal.SIGTERM)
    assert launcher.remains("svc", process)
    assert all(alive(pid) for pid in children)
    launcher.signal("svc", process, signal.SIGKILL)
    wait(lambda: not launcher.remains("svc", process), "the end of all")
    assert not any(alive(pid) for pid in children)
    process.close()


def test_a_passing_difficulty_is_told_from_a_hopeless_one(tmp_path: Path, launcher: Launcher) -> None:
    with pytest.raises(MuhuratError) as hopeless:
        launcher.spawn(ServiceSpec("svc", (str(tmp_path),)), 0)
    assert hopeless.value.permanent
    with pytest.raises(MuhuratError) as passing:
        launcher.spawn(ServiceSpec("svc", (sys.executable, "x" * 3_000_000)), 0)  # E2BIG
    assert not passing.value.permanent


def test_nothing_is_left_open_after_many_lives(tmp_path: Path, launcher: Launcher) -> None:
    def live() -> None:
        process = launcher.spawn(spec("pass"), 0)
        ended(process)
        process.close()

    live()
    before = open_files()
    for _ in range(5):
        live()
        with pytest.raises(MuhuratError):
            launcher.spawn(ServiceSpec("svc", ("/no/such/command",)), 0)
    assert open_files() == before


def test_output_that_grew_long_is_set_aside(tmp_path: Path, launcher: Launcher) -> None:
    output = tmp_path / "svc_output.log"
    with output.open("wb") as file:
        file.truncate(10_000_001)
    process = launcher.spawn(spec("print('anew')"), 0)
    ended(process)
    process.close()
    assert output.read_text() == "anew\n"
    assert (tmp_path / "svc_output.log.1").stat().st_size == 10_000_001
