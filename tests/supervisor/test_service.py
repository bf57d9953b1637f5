"""A supervised service against real processes: every way to live and to die."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from datetime import time as time_of_day
from pathlib import Path

import psutil
import pytest

from muhurat.clock import NS_PER_S, SystemClock, ist_ns
from muhurat.errors import CalendarError
from muhurat.supervisor.alerts import Alerts, read_alerts
from muhurat.supervisor.history import History, read_history
from muhurat.supervisor.process import Launcher, lock_is_held
from muhurat.supervisor.service import Service, Surroundings
from muhurat.supervisor.spec import Patience, ServiceSpec
from muhurat.supervisor.states import State

READY = "import os; os.write(int(os.environ['MUHURAT_READY_FD']), b'\\n'); "
WAIT = "import signal; signal.pause()"
HOUR_NS = 3600 * NS_PER_S
QUICK = Patience(start_s=5, stop_s=0.5, first_delay_s=0.01, longest_delay_s=0.02, burst=3, burst_window_s=60)


class DeskClock(SystemClock):
    """Desk time that the test sets, over the machine's monotonic time."""

    def __init__(self) -> None:
        self.at_ns = ist_ns(date(2026, 11, 20), time_of_day(10))

    def now_ns(self) -> int:
        return self.at_ns


class Hours:
    """A window that is open while the desk clock stands before `stop_ns`."""

    def __init__(self, stop_ns: int, start_ns: int = 0) -> None:
        self.start_ns, self.stop_ns = start_ns, stop_ns

    def edges(self, day: date) -> tuple[int, int]:
        return self.start_ns, self.stop_ns


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    clock = DeskClock()
    launcher = Launcher(tmp_path, tmp_path)
    return Surroundings(tmp_path, launcher, clock, Alerts(tmp_path, clock), History(tmp_path), random.Random(1))


@pytest.fixture
def make(around: Surroundings) -> Iterator[Callable[..., Service]]:
    made: list[Service] = []

    def build(
        script: str, patience: Patience = QUICK, window: object = None, name: str = "svc", *, stays: bool = False
    ) -> Service:
        command = (sys.executable, "-c", script)
        spec = ServiceSpec(name, command, window, patience=patience, stays=stays)  # type: ignore[arg-type]
        service = Service(spec, around)
        made.append(service)
        return service

    yield build
    for service in made:
        service.kill()


def step_until(service: Service, reached: Callable[[], bool], limit_s: float = 10) -> None:
    end = time.monotonic() + limit_s
    while not reached():
        assert time.monotonic() < end, f"{service.state} ({service.detail}) after {limit_s} s"
        service.step()
        time.sleep(0.005)


def step_into(service: Service, state: State) -> None:
    step_until(service, lambda: service.state is state)


def test_a_service_is_running_only_after_it_said_so(make: Callable[..., Service]) -> None:
    silent = make(WAIT, Patience(start_s=0.3, stop_s=0.5, first_delay_s=0.01, burst=0))
    step_into(silent, State.FATAL)
    assert "not ready within" in silent.detail
    spoken = make(READY + WAIT, name="spoken")
    step_into(spoken, State.RUNNING)


def test_a_service_that_dies_is_started_again_and_counted(make: Callable[..., Service]) -> None:
    service = make(READY + WAIT)
    step_into(service, State.RUNNING)
    assert service.process is not None
    first = service.process.pid
    os.kill(first, signal.SIGKILL)
    step_until(
        service, lambda: service.state is State.RUNNING and service.process is not None and service.process.pid != first
    )
    assert service.restarts == 1


def test_too_many_deaths_within_the_window_are_fatal_and_told_once(
    make: Callable[..., Service], around: Surroundings
) -> None:
    service = make(READY + "raise SystemExit(3)")
    step_into(service, State.FATAL)
    assert "exit code 3" in service.detail
    critical = [alert for alert in read_alerts(around.run_dir) if alert["level"] == "critical"]
    assert len(critical) == 1
    assert critical[0]["hint"]


def test_wrong_use_is_fatal_at_once(make: Callable[..., Service]) -> None:
    service = make("raise SystemExit(2)")
    step_into(service, State.FATAL)
    assert service.restarts == 0


def test_a_command_that_does_not_exist_is_fatal_and_named(around: Surroundings) -> None:
    service = Service(ServiceSpec("svc", ("/no/such/command",), patience=QUICK), around)
    step_into(service, State.FATAL)
    assert "/no/such/command" in service.detail


def test_a_service_that_ends_by_itself_rests_until_its_next_window(
    make: Callable[..., Service], around: Surroundings
) -> None:
    stop_ns = around.clock.now_ns() + 10**9
    service = make(READY + "pass", window=Hours(stop_ns))
    step_into(service, State.FINISHED)
    service.step()
    assert service.state is State.FINISHED
    around.clock.at_ns = stop_ns  # type: ignore[attr-defined]
    step_into(service, State.WAITING)


def test_a_closed_window_ends_the_service_politely(make: Callable[..., Service], around: Surroundings) -> None:
    stop_ns = around.clock.now_ns() + 10**9
    service = make(READY + WAIT, window=Hours(stop_ns))
    step_into(service, State.RUNNING)
    around.clock.at_ns = stop_ns  # type: ignore[attr-defined]
    step_into(service, State.WAITING)
    assert service.gone


def test_stop_ends_the_whole_group_even_when_it_ignores_the_request(
    make: Callable[..., Service], around: Surroundings
) -> None:
    stubborn = "import signal, subprocess, sys; signal.signal(15, signal.SIG_IGN); "
    deaf = "'import signal; signal.signal(15, signal.SIG_IGN); signal.pause()'"
    child = f"subprocess.Popen([sys.executable, '-c', {deaf}], close_fds=False); "
    service = make(stubborn + child + READY + "import time\nwhile True: time.sleep(1)")
    step_into(service, State.RUNNING)
    assert service.process is not None
    family = [psutil.Process(service.process.pid), *psutil.Process(service.process.pid).children(recursive=True)]
    assert len(family) == 2
    service.stop()
    step_into(service, State.STOPPED)
    assert not lock_is_held("svc", around.run_dir)
    assert not [member for member in family if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]


def test_what_the_main_process_leaves_behind_gets_a_second_not_the_whole_grace(
    make: Callable[..., Service],
) -> None:
    deaf = "'import signal; signal.signal(15, signal.SIG_IGN); signal.pause()'"
    child = f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {deaf}]); print(child.pid); "
    service = make(child + READY + WAIT, Patience(start_s=5, stop_s=600))
    step_into(service, State.RUNNING)
    assert service.process is not None
    left = psutil.Process(service.process.pid).children()
    service.stop()
    step_into(service, State.STOPPED)
    assert not [member for member in left if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]


def test_an_operators_stop_lasts_until_started_again(make: Callable[..., Service], around: Surroundings) -> None:
    service = make(READY + WAIT)
    step_into(service, State.RUNNING)
    service.stop()
    step_into(service, State.STOPPED)
    for _ in range(20):
        service.step()
    assert service.state is State.STOPPED
    service.start()
    step_into(service, State.RUNNING)
    steps = [step["state"] for step in read_history(around.run_dir)]
    assert steps == ["starting", "running", "stopping", "stopped", "waiting", "starting", "running"]


def test_the_next_supervisor_adopts_the_same_process(make: Callable[..., Service]) -> None:
    first = make(READY + WAIT)
    step_into(first, State.RUNNING)
    assert first.process is not None
    second = make(READY + WAIT)
    second.adopt()
    assert second.state is State.RUNNING
    assert second.process is not None
    assert second.process.pid == first.process.pid
    os.kill(second.process.pid, signal.SIGKILL)
    step_until(second, lambda: second.state is State.BACKOFF)


def test_the_next_supervisor_ends_a_process_that_the_desk_no_longer_asks_for(
    make: Callable[..., Service], around: Surroundings
) -> None:
    first = make(READY + WAIT)
    step_into(first, State.RUNNING)
    assert first.process is not None
    old = first.process.pid
    changed = make(READY + "pass;" + WAIT)
    changed.adopt()
    step_until(changed, lambda: changed.state is State.RUNNING)
    assert changed.process is not None
    assert changed.process.pid != old


def test_an_orphan_that_holds_the_lock_is_ended_before_a_new_copy_starts(
    make: Callable[..., Service], around: Surroundings
) -> None:
    orphan = "[sys.executable, '-c', 'import signal; signal.pause()']"
    leave = f"import subprocess, sys; subprocess.Popen({orphan}, close_fds=False, start_new_session=True); "
    first = make(leave + READY + WAIT)
    step_into(first, State.RUNNING)
    assert first.process is not None
    os.kill(first.process.pid, signal.SIGKILL)
    step_until(first, first.process.ended)
    assert lock_is_held("svc", around.run_dir)
    second = make(READY + WAIT)
    second.adopt()
    step_into(second, State.RUNNING)


def test_one_adopted_before_it_was_ready_is_running_only_when_it_says_so(
    make: Callable[..., Service], tmp_path: Path
) -> None:
    script = f"import pathlib, time\nwhile not pathlib.Path({str(tmp_path / 'go')!r}).exists(): time.sleep(0.01)\n"
    first = make(script + READY + WAIT)
    step_into(first, State.STARTING)
    second = make(script + READY + WAIT)
    second.adopt()
    for _ in range(10):
        second.step()
    assert second.state is State.STARTING
    (tmp_path / "go").touch()
    step_into(second, State.RUNNING)


def test_one_that_should_stay_has_failed_when_it_ends_by_itself(make: Callable[..., Service]) -> None:
    service = make(READY + "pass", stays=True)
    step_into(service, State.FATAL)
    assert "ended by itself inside its hours" in service.detail
    assert service.restarts == QUICK.burst


def test_a_clock_set_back_ends_nothing_and_one_set_forward_past_the_close_does(
    make: Callable[..., Service], around: Surroundings
) -> None:
    now_ns = around.clock.now_ns()
    service = make(READY + WAIT, window=Hours(now_ns + 2 * HOUR_NS, start_ns=now_ns - HOUR_NS // 2))
    step_into(service, State.RUNNING)
    for hours in (-1, 1):
        around.clock.at_ns = now_ns + hours * HOUR_NS  # type: ignore[attr-defined]
        for _ in range(5):
            service.step()
        assert service.state is State.RUNNING
    around.clock.at_ns = now_ns + 2 * HOUR_NS  # type: ignore[attr-defined]
    step_into(service, State.WAITING)


def test_a_window_that_closes_between_two_tries_ends_the_trying(
    make: Callable[..., Service], around: Surroundings
) -> None:
    stop_ns = around.clock.now_ns() + HOUR_NS
    service = make(READY + "raise SystemExit(1)", Patience(first_delay_s=60), window=Hours(stop_ns))
    step_into(service, State.BACKOFF)
    around.clock.at_ns = stop_ns  # type: ignore[attr-defined]
    service.step()
    assert (service.state, service.restarts) == (State.WAITING, 0)


def test_stop_is_heard_while_it_starts_and_between_two_tries(make: Callable[..., Service]) -> None:
    starting = make(WAIT)
    step_into(starting, State.STARTING)
    starting.stop()
    step_into(starting, State.STOPPED)
    failing = make("raise SystemExit(1)", Patience(first_delay_s=60), name="failing")
    step_into(failing, State.BACKOFF)
    failing.stop()
    assert failing.state is State.STOPPED


def test_a_start_during_a_stop_follows_it(make: Callable[..., Service]) -> None:
    service = make(READY + WAIT)
    step_into(service, State.RUNNING)
    service.stop()
    service.start()
    assert service.state is State.STOPPING
    step_into(service, State.RUNNING)


def test_an_operators_start_forgets_the_failures_of_one_given_up(make: Callable[..., Service], tmp_path: Path) -> None:
    good = tmp_path / "good"
    service = make(f"import pathlib\nassert pathlib.Path({str(good)!r}).exists()\n" + READY + WAIT)
    step_into(service, State.FATAL)
    good.touch()
    service.start()
    step_into(service, State.RUNNING)


def test_an_operators_restarts_are_no_failures_however_many(make: Callable[..., Service]) -> None:
    service = make(READY + WAIT)
    for _ in range(QUICK.burst + 2):
        step_into(service, State.RUNNING)
        service.restart()
        assert service.state is State.STOPPING
    step_into(service, State.RUNNING)
    assert service.restarts == 0


def test_one_that_waits_tells_when_it_starts(make: Callable[..., Service], around: Surroundings) -> None:
    opens_ns = around.clock.now_ns() + HOUR_NS
    service = make(READY + WAIT, window=Hours(opens_ns + HOUR_NS, start_ns=opens_ns))
    service.step()
    assert service.facts()["detail"] == "starts at 11:00:00"
    service.start()
    assert service.state is State.WAITING


def test_a_calendar_that_does_not_know_the_day_is_told_once(make: Callable[..., Service], around: Surroundings) -> None:
    class Unknown:
        def edges(self, day: date) -> tuple[int, int]:
            raise CalendarError(f"no data for {day.year}")

    service = make(READY + WAIT, window=Unknown())
    for _ in range(20):
        service.step()
    assert service.state is State.WAITING
    assert service.facts()["detail"] == "no hours: no data for 2026"
    assert [alert["level"] for alert in read_alerts(around.run_dir)] == ["critical"]


def test_a_signal_without_a_name_is_told_by_its_number(make: Callable[..., Service]) -> None:
    service = make(READY + "os.kill(os.getpid(), 40)", Patience(burst=0))
    step_into(service, State.FATAL)
    assert "killed by signal 40" in service.detail
