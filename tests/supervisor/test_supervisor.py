"""The real supervisor in a process of its own, over real services."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pytest

from muhurat.clock import ClockPage, SystemClock
from muhurat.errors import MuhuratError
from muhurat.supervisor.alerts import read_alerts
from muhurat.supervisor.control import ask
from muhurat.supervisor.history import read_history
from muhurat.supervisor.spec import ServiceSpec
from muhurat.supervisor.states import State
from muhurat.supervisor.supervisor import Supervisor
from muhurat.web.status import desk_status
from tests.supervisor.support import QUIET, READY, SPEAKING, Desk, alive, desk_in, wait


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path / "desk") as made:
        yield made


@pytest.fixture
def deep_desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose socket's path is longer than a socket's address may be."""
    with desk_in(tmp_path / ("a" * 60) / ("b" * 60)) as made:
        assert len(str(made.run_dir / "supervisor.sock").encode()) > 108
        yield made


def test_an_operator_starts_stops_and_restarts_services_in_however_deep_a_folder(deep_desk: Desk) -> None:
    deep_desk.up({"name": "one", "script": QUIET}, {"name": "two", "script": QUIET})
    before = deep_desk.wait_until("one", "two")

    assert deep_desk.ask("stop", "one")["service"]["state"] == "stopping"
    deep_desk.wait_until("one", state="stopped")
    assert not alive(before["one"]["pid"])

    assert deep_desk.ask("start", "one")["service"]["state"] == "waiting"
    started = deep_desk.wait_until("one")
    assert started["one"]["pid"] != before["one"]["pid"]

    deep_desk.ask("restart", "one")
    after = deep_desk.wait_for(
        lambda services: services["one"]["state"] == "running" and services["one"]["pid"] != started["one"]["pid"]
    )
    assert after["one"]["restarts"] == 0
    assert after["two"]["pid"] == before["two"]["pid"]
    assert read_alerts(deep_desk.run_dir) == []

    with pytest.raises(MuhuratError, match="'three'") as refused:
        deep_desk.ask("stop", "three")
    assert refused.value.hint == "services: one, two"


def test_a_second_supervisor_is_refused_and_disturbs_nothing(desk: Desk) -> None:
    first = desk.up({"name": "one", "script": QUIET})
    before = desk.wait_until("one")
    second = desk.up({"name": "one", "script": QUIET})
    assert second.wait(10) != 0
    assert "already runs" in desk.trouble()
    assert first.poll() is None
    assert desk.services()["one"]["pid"] == before["one"]["pid"]


def test_sigterm_ends_every_service_last_first_with_all_it_started(desk: Desk) -> None:
    ending = "signal.signal(15, lambda *_: (time.sleep(0.1), sys.exit(0)))\n"
    stubborn = "import signal,sys; signal.signal(15, signal.SIG_IGN); signal.pause()"
    child = f"subprocess.Popen([sys.executable, '-c', {stubborn!r}, sys.argv[2]])\n"  # it does not inherit the lock
    script = "import subprocess, sys\n" + child + READY + ending + "signal.pause()"
    up = desk.up({"name": "first", "script": script}, {"name": "second", "script": script})
    desk.wait_until("first", "second")
    wait(lambda: len(desk.processes()) == 5, "a supervisor, two services and a child of each")

    assert desk.down() == 0
    assert desk.processes() == []
    gone = [step["service"] for step in read_history(desk.run_dir) if step["state"] == "waiting"]
    assert gone[-2:] == ["second", "first"]
    assert up.returncode == 0
    assert desk_status(desk.run_dir)["supervisor"] == "not running"
    with pytest.raises(MuhuratError, match="no supervisor runs"):
        desk.ask("status")


def test_services_outlive_their_killed_supervisor_and_the_next_one_adopts_them(desk: Desk) -> None:
    services: tuple[dict[str, Any], ...] = (
        {"name": "quiet", "script": QUIET},
        {"name": "speaking", "script": SPEAKING},
    )
    desk.up(*services)
    before = desk.wait_until("quiet", "speaking")
    pids = {name: row["pid"] for name, row in before.items()}
    desk.kill_supervisor()

    status = desk_status(desk.run_dir)
    assert status["supervisor"] == "not running"
    assert {row["name"]: (row["state"], row["pid"]) for row in status["services"]} == {
        name: ("unsupervised", pid) for name, pid in pids.items()
    }

    desk.up(*services)
    after = desk.wait_until("quiet", "speaking", limit_s=10)
    assert {name: row["pid"] for name, row in after.items()} == pids
    assert all(row["detail"].startswith("adopted") for row in after.values())
    assert all(after[name]["since"] <= before[name]["since"] for name in pids)

    os.kill(pids["quiet"], signal.SIGKILL)
    replaced = desk.wait_for(lambda now: now["quiet"]["state"] == "running" and now["quiet"]["pid"] != pids["quiet"])
    assert replaced["quiet"]["restarts"] == 1
    assert desk.down() == 0
    assert desk.processes() == []


def test_what_the_next_supervisor_does_not_adopt_is_gone_within_ten_seconds(desk: Desk) -> None:
    deaf = READY + "signal.signal(15, signal.SIG_IGN)\nwhile True: time.sleep(1)"
    names = ("kept", "changed", "unrecorded", "deaf", "dropped")
    desk.up(*({"name": name, "script": deaf if name == "deaf" else QUIET} for name in names))
    before = {name: row["pid"] for name, row in desk.wait_until(*names).items()}
    desk.kill_supervisor()
    (desk.run_dir / "unrecorded.pid.json").unlink()  # as if it had been killed just before it wrote that

    changed = {"name": "changed", "script": QUIET + "\n"}
    replaced = {"name": "deaf", "script": QUIET, "patience": {"stop_s": 1}}
    desk.up({"name": "kept", "script": QUIET}, changed, {"name": "unrecorded", "script": QUIET}, replaced)
    after = desk.wait_for(
        lambda services: all(row["state"] == "running" for row in services.values()) and "dropped" not in services,
        limit_s=10,
    )
    assert after["kept"]["pid"] == before["kept"]
    assert not [name for name in ("changed", "unrecorded", "deaf", "dropped") if alive(before[name])]
    assert len(desk.processes()) == 5


def test_an_operators_stop_outlives_a_killed_supervisor_but_not_the_desks_own_end(desk: Desk) -> None:
    services = ({"name": "one", "script": QUIET}, {"name": "two", "script": QUIET})
    desk.up(*services)
    desk.wait_until("one", "two")
    desk.ask("stop", "one")
    desk.wait_until("one", state="stopped")
    desk.kill_supervisor()

    desk.up(*services)
    seen = desk.wait_until("two")
    assert seen["one"]["state"] == "stopped"
    assert desk.down() == 0

    desk.up(*services)
    desk.wait_until("one", "two")


def test_a_service_that_outgrows_its_memory_is_started_again_until_that_is_too_often(desk: Desk) -> None:
    greedy = READY + "taken = bytearray(b'x') * 120_000_000\nsignal.pause()"
    desk.up({"name": "greedy", "script": greedy, "memory_limit_mb": 60, "patience": {"burst": 1}})
    fatal = desk.wait_until("greedy", state="fatal")["greedy"]
    assert "2 deaths within" in fatal["detail"]
    assert "more than its limit of 60 MB" in fatal["detail"]
    assert fatal["restarts"] == 1
    assert [alert["level"] for alert in read_alerts(desk.run_dir)] == ["warning", "critical"]


def test_a_service_that_falls_silent_is_replaced_and_leaves_its_stack(desk: Desk) -> None:
    desk.up({"name": "speaking", "script": SPEAKING, "patience": {"silent_s": 1}})
    before = desk.wait_until("speaking")["speaking"]["pid"]
    wait((desk.run_dir / "speaking.status.json").exists, "its first word")
    os.kill(before, signal.SIGSTOP)
    after = desk.wait_for(lambda now: now["speaking"]["state"] == "running" and now["speaking"]["pid"] != before)
    assert after["speaking"]["restarts"] == 1
    assert "said nothing" in read_alerts(desk.run_dir)[0]["what"]
    assert "Fatal Python error: Aborted" in (desk.folder / "logs" / "speaking_output.log").read_text()


def test_desk_time_is_let_go_when_the_supervisor_ends_or_is_killed_while_a_service_starts(desk: Desk) -> None:
    page = ClockPage.create(desk.folder / "clock", 1_756_785_600_000_000_000)
    never = {"name": "never", "script": "import signal; signal.pause()"}
    desk.up(never, MUHURAT_CLOCK=str(page.path))
    desk.wait_until("never", state="starting")
    assert page.held()
    desk.kill_supervisor()
    assert not page.held()

    unhurried = "import pathlib\nsignal.signal(15, lambda *_: None)\nsignal.pause()\n"
    slow = READY + unhurried + "while not pathlib.Path(sys.argv[2], 'enough').exists(): time.sleep(0.01)"
    up = desk.up(never, {"name": "slow", "script": slow}, MUHURAT_CLOCK=str(page.path))
    desk.wait_for(lambda now: (now["never"]["state"], now["slow"]["state"]) == ("starting", "running"))
    assert page.held()
    up.terminate()
    wait(lambda: not page.held(), "time going on")
    assert desk.services()["slow"]["state"] == "stopping"  # it may need time to go on, to finish
    (desk.run_dir / "enough").touch()
    assert up.wait(10) == 0
    assert desk.processes() == []


def test_a_hangup_of_its_terminal_does_not_end_the_desk(desk: Desk) -> None:
    up = desk.up({"name": "one", "script": QUIET})
    pid = desk.wait_until("one")["one"]["pid"]
    up.send_signal(signal.SIGHUP)
    desk.ask("stop", "one")
    desk.wait_until("one", state="stopped")
    assert up.poll() is None
    assert not alive(pid)


def test_end_by_the_socket_ends_everything_even_what_is_deaf(desk: Desk) -> None:
    deaf = READY + "signal.signal(15, signal.SIG_IGN)\nwhile True: time.sleep(1)"
    up = desk.up({"name": "deaf", "script": deaf, "patience": {"stop_s": 60}}, shutdown_s=0.5)
    desk.wait_until("deaf")
    assert desk.ask("end") == {"ok": True}
    with pytest.raises(MuhuratError):
        desk.ask("start", "deaf")
    assert up.wait(10) == 0
    assert desk.processes() == []


def test_the_supervisor_leaves_no_zombie_while_services_come_and_go(desk: Desk) -> None:
    up = desk.up({"name": "mayfly", "script": READY + "sys.exit(3)", "patience": {"burst": 4}})
    desk.wait_until("mayfly", state="fatal")
    assert psutil.Process(up.pid).children(recursive=True) == []


class Broken:
    """Hours that cannot be told, each time anew."""

    def __init__(self, why: str) -> None:
        self.why = why
        self.asked = 0

    def edges(self, day: date) -> tuple[int, int] | None:
        self.asked += 1
        raise RuntimeError(self.why)


async def test_troubles_that_go_on_are_told_once_each_and_the_others_are_supervised(tmp_path: Path) -> None:
    troubles = Broken("one"), Broken("two")
    specs = [ServiceSpec(each.why, ("true",), each) for each in troubles]
    supervisor = Supervisor(
        [*specs, ServiceSpec("idle", ("true",))], tmp_path / "run", tmp_path / "logs", SystemClock()
    )
    running = asyncio.create_task(supervisor.run())
    while not (min(each.asked for each in troubles) > 20 and supervisor.services[2].state is State.FINISHED):
        assert not running.done()
        await asyncio.sleep(0.01)
    assert await asyncio.to_thread(ask, tmp_path / "run", {"do": "end"}) == {"ok": True}
    await running

    told = [alert["what"] for alert in read_alerts(tmp_path / "run")]
    assert sorted(told) == ["supervisor: RuntimeError: one", "supervisor: RuntimeError: two"]


class HurriedClock(SystemClock):
    """A rehearsal's time: it moves whenever it is asked, as far as the appointment, once there is one."""

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns
        self.appointed_ns: int | None = None

    def now_ns(self) -> int:
        told = self.at_ns
        if self.appointed_ns is not None and told < self.appointed_ns:
            self.at_ns += 1
        return told

    def appoint(self, instant_ns: int | None) -> None:
        self.appointed_ns = instant_ns


class From:
    """Hours from an instant on."""

    def __init__(self, start_ns: int) -> None:
        self.start_ns = start_ns

    def edges(self, day: date) -> tuple[int, int]:
        return self.start_ns, self.start_ns + 10**12


@pytest.mark.parametrize("before_ns", range(1, 5))
async def test_a_rehearsals_time_does_not_pass_the_beginning_of_hours_wherever_in_a_turn_it_comes(
    tmp_path: Path, before_ns: int
) -> None:
    edge_ns = 1_795_145_700_000_000_000
    clock = HurriedClock(edge_ns - before_ns)
    spec = ServiceSpec("one", ("true",), From(edge_ns))
    supervisor = Supervisor([spec], tmp_path / "run", tmp_path / "logs", clock)
    running = asyncio.create_task(supervisor.run())
    while supervisor.services[0].state is State.WAITING:
        assert not running.done()
        await asyncio.sleep(0.001)
    assert await asyncio.to_thread(ask, tmp_path / "run", {"do": "end"}) == {"ok": True}
    await running

    started = next(step for step in read_history(tmp_path / "run") if step["state"] == "starting")
    assert started["at_ns"] == edge_ns
