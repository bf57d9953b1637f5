"""One supervised service: a small state machine that is stepped many times a second and never waits."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from muhurat.clock import Clock, ist
from muhurat.errors import CalendarError, MuhuratError
from muhurat.log import get_logger
from muhurat.supervisor.alerts import Alerts
from muhurat.supervisor.history import History
from muhurat.supervisor.hours import Hours
from muhurat.supervisor.process import Launcher, ServiceProcess, StillRuns
from muhurat.supervisor.retries import Retries
from muhurat.supervisor.spec import ServiceSpec
from muhurat.supervisor.states import ALIVE, ALLOWED, State

_WRONG_USE: Final = 2
_BY_OPERATOR: Final = "stopped by the operator"
_HOURS_OVER: Final = "its hours are over"
_LEFTOVER_GRACE_S: Final = 5.0
"""For what an earlier supervisor left and nobody asks for: 10 s after `up` it is to be gone."""

_REST_GRACE_S: Final = 1.0
"""For what the main process leaves behind when it ends."""

_KILL_EVERY_S: Final = 1.0


@dataclass(slots=True)
class Surroundings:
    """What every service of a supervisor shares."""

    run_dir: Path
    launcher: Launcher
    clock: Clock
    alerts: Alerts
    history: History
    chance: random.Random


class Service:
    """Keeps one service in the state that its hours and its operator want."""

    def __init__(self, spec: ServiceSpec, around: Surroundings) -> None:
        self.spec = spec
        self.state = State.WAITING
        self.detail = ""
        self.restarts = 0
        self.since_ns = around.clock.now_ns()
        self.process: ServiceProcess | None = None
        self._around = around
        self._hours = Hours(spec.window)
        self._retries = Retries(spec.patience, around.chance)
        self._log = get_logger("supervisor")
        self._hold = ExitStack()  # on desk time, to start and to end with the hours
        self._until_ns = 0  # the end of the hours it was started in
        self._due = 0.0  # real time at which the present state has lasted long enough
        self._then: Callable[[], None] = self._wait  # what follows STOPPING

    def adopt(self) -> None:
        """Take over what an earlier supervisor left: ours as it is, anything else is ended."""
        process, until_ns = self._around.launcher.find(self.spec.name), self._open_until()
        stopped = self._stop_mark.exists()
        same = process is not None and process.identity.fingerprint == self.spec.fingerprint()
        if process is None or until_ns is None or stopped or not same:
            rest = partial(self._enter, State.STOPPED, _BY_OPERATOR) if stopped else self._wait
            self._clear_away(process, rest)
            return
        self.process, self._until_ns = process, until_ns
        ready, patience = process.said_ready(), self.spec.patience
        self._due = self._now() + (patience.healthy_after_s if ready else patience.start_s)
        self._enter(State.RUNNING if ready else State.STARTING, f"adopted pid {process.pid}")
        self.since_ns = process.identity.since_ns

    def evict(self) -> None:
        """End whatever lives of a service that the desk no longer asks for."""
        rest = partial(self._enter, State.STOPPED, "the desk no longer names it")
        self._clear_away(self._around.launcher.find(self.spec.name), rest)

    def step(self) -> None:
        """Look once at the process, the hours and the time, and do what follows."""
        match self.state:
            case State.WAITING:
                self._step_waiting()
            case State.STARTING:
                self._step_starting()
            case State.RUNNING:
                self._step_running()
            case State.BACKOFF:
                self._step_backoff()
            case State.STOPPING:
                self._step_stopping()
            case State.FINISHED:
                if self._around.clock.now_ns() >= self._until_ns:
                    self._wait()
            case State.STOPPED | State.FATAL:
                pass

    def start(self) -> None:
        """An operator's start: forgets earlier failures; outside the hours it waits for them."""
        self._stop_mark.unlink(missing_ok=True)
        self._retries.forget()
        if self.state is State.STOPPING:
            self._then = self._wait
        elif self.state not in (State.STARTING, State.RUNNING, State.WAITING):
            self._wait()

    def stop(self) -> None:
        """An operator's stop: lasts until an operator's start, also when this supervisor is killed."""
        try:
            self._stop_mark.touch()
        except OSError as error:
            self._log.warning("stop not remembered", of=self.spec.name, why=error.strerror)
        self._bring_to(State.STOPPED, _BY_OPERATOR)

    def stand_down(self, why: str) -> None:
        """The whole desk ends: an operator's stop ends with it."""
        self._stop_mark.unlink(missing_ok=True)
        if self.state in ALIVE or self.state is State.BACKOFF:
            self._bring_to(State.WAITING, why)

    def restart(self) -> None:
        """An operator's restart: no failure, so it neither waits nor counts."""
        self.start()
        if self.state in (State.STARTING, State.RUNNING):
            self._end("restarted by the operator", self._wait)

    def fail(self, why: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End a process that is not well; it is tried again like one that died."""
        grace_s = self.spec.patience.stop_s
        if number is not signal.SIGTERM:
            grace_s = min(grace_s, _LEFTOVER_GRACE_S)
        self._end(why, partial(self._failed, why), number, grace_s)

    def kill(self) -> None:
        """Force the end of everything the service started."""
        self._signal(signal.SIGKILL)

    @property
    def gone(self) -> bool:
        """Whether no process of this service is left."""
        return self.state not in ALIVE

    def facts(self) -> dict[str, Any]:
        """What `muhurat status` tells of the service."""
        return {
            "name": self.spec.name,
            "state": self.state.value,
            "pid": self.process.pid if self.process else None,
            "since": ist(self.since_ns).isoformat(timespec="seconds"),
            "restarts": self.restarts,
            "detail": self._outlook() or self.detail,
        }

    def _step_waiting(self) -> None:
        until_ns = self._open_until()
        if until_ns is not None:
            self._launch(until_ns)

    def _launch(self, until_ns: int) -> None:
        self._until_ns = until_ns
        self._enter(State.STARTING, "")
        try:
            self.process = self._around.launcher.spawn(self.spec, self._around.clock.now_ns())
        except StillRuns as error:
            self._end(str(error), self._wait, grace_s=_REST_GRACE_S)
        except MuhuratError as error:
            self._failed(str(error), fatal=error.permanent)
        else:
            self._due = self._now() + self.spec.patience.start_s
            self.detail = f"pid {self.process.pid}"

    def _step_starting(self) -> None:
        if self.process is None or self.process.ended():
            self._died()
        elif self.process.said_ready():
            self._due = self._now() + self.spec.patience.healthy_after_s
            self._enter(State.RUNNING, f"pid {self.process.pid}")
        elif self._now() > self._due:
            self.fail(f"not ready within {self.spec.patience.start_s:g} s")
        else:
            self._mind_the_hours()

    def _step_running(self) -> None:
        if self.process is None or self.process.ended():
            self._died()
            return
        if self._now() > self._due:
            self._retries.healthy()
        self._mind_the_hours()

    def _mind_the_hours(self) -> None:
        """End what has reached the close it was started for: a clock that is set back must not end anything."""
        if self._around.clock.now_ns() >= self._until_ns:
            self._bring_to(State.WAITING, _HOURS_OVER)

    def _step_backoff(self) -> None:
        until_ns = self._open_until()
        if until_ns is None:
            self._enter(State.WAITING, _HOURS_OVER)
        elif self._now() >= self._due:
            self.restarts += 1
            self._launch(until_ns)

    def _step_stopping(self) -> None:
        main_ended = self.process is None or self.process.ended()
        if main_ended and not self._around.launcher.remains(self.spec.name, self.process):
            self._let_go()
            self._then()
            return
        now = self._now()
        if main_ended:
            self._due = min(self._due, now + _REST_GRACE_S)
        if now >= self._due:
            self._log.warning("forced to end", of=self.spec.name)
            self.kill()
            self._due = now + _KILL_EVERY_S

    def _died(self) -> None:
        then = self._after_death(self.process.exit_code if self.process else None)
        if self._around.launcher.remains(self.spec.name, self.process):
            self._end("its main process died, the rest is being ended", then, signal.SIGKILL, _KILL_EVERY_S)
        else:
            self._let_go()
            then()

    def _after_death(self, code: int | None) -> Callable[[], None]:
        if code == 0 and not self.spec.stays:
            return partial(self._enter, State.FINISHED, "ended by itself")
        why = f"{_how_it_ended(code)}; see {self.spec.name}_output.log"
        return partial(self._failed, why, fatal=code == _WRONG_USE)

    def _failed(self, why: str, *, fatal: bool = False) -> None:
        now = self._now()
        delay_s = self._retries.failed(now)
        alerts, name = self._around.alerts, self.spec.name
        if fatal or delay_s is None:
            window_s = self.spec.patience.burst_window_s
            many = "" if fatal else f"{self._retries.lately} deaths within {window_s:g} s; "
            self._enter(State.FATAL, many + why)
            hint = f"look at its log, then `muhurat start {name}`"
            alerts.raise_("critical", f"{name} given up: {many}{why}", hint)
        else:
            self._due = now + delay_s
            self._enter(State.BACKOFF, f"{why}; again in {delay_s:.1f} s")
            alerts.raise_("warning", f"{name}: {why}", "")

    def _bring_to(self, rest: State, why: str) -> None:
        """Into a state without a process, by way of STOPPING when there is one."""
        then = partial(self._enter, rest, why)
        if self.state in (State.STARTING, State.RUNNING):
            self._end(why, then)
        elif self.state is State.STOPPING:
            self._then = then
        elif self.state is not rest:
            then()

    def _end(
        self,
        why: str,
        then: Callable[[], None],
        number: signal.Signals = signal.SIGTERM,
        grace_s: float | None = None,
    ) -> None:
        self._then = then
        self._due = self._now() + (self.spec.patience.stop_s if grace_s is None else grace_s)
        self._signal(number)
        self._enter(State.STOPPING, why)

    def _clear_away(self, process: ServiceProcess | None, then: Callable[[], None]) -> None:
        self.process = process
        if process is not None or self._around.launcher.remains(self.spec.name, None):
            grace_s = min(self.spec.patience.stop_s, _LEFTOVER_GRACE_S)
            self._end("ending what an earlier supervisor left", then, grace_s=grace_s)
        else:
            then()

    def _signal(self, number: signal.Signals) -> None:
        self._around.launcher.signal(self.spec.name, self.process, number)

    def _let_go(self) -> None:
        if self.process is not None:
            self.process.close()
            self.process = None

    def _wait(self) -> None:
        self._enter(State.WAITING, "")

    def _open_until(self) -> int | None:
        """Until when (UTC ns) the service should run now; None when it should not."""
        try:
            return self._hours.open_until(self._around.clock.now_ns())
        except CalendarError as error:
            detail = f"no hours: {error}"
            if detail != self.detail:
                self.detail = detail
                self._around.alerts.raise_("critical", f"{self.spec.name}: {detail}", "see `muhurat calendar show`")
            return None

    def next_edge_ns(self, now_ns: int) -> int | None:
        """When its hours next begin or end, so that a rehearsal's time waits there for us."""
        return self._hours.next_edge(now_ns)

    def _outlook(self) -> str:
        opens_ns = self._hours.opens_at(self._around.clock.now_ns()) if self.state is State.WAITING else None
        return f"starts at {ist(opens_ns):%H:%M:%S}" if opens_ns is not None else ""

    @property
    def _stop_mark(self) -> Path:
        return self._around.run_dir / f"{self.spec.name}.stopped"

    def _enter(self, state: State, detail: str) -> None:
        if state is not self.state and state not in ALLOWED[self.state]:
            raise AssertionError(f"{self.spec.name}: {self.state} -> {state} is no step of a service")
        self._hold.close()
        if state is State.STARTING or (state is State.STOPPING and detail == _HOURS_OVER):
            self._hold.enter_context(self._around.clock.hold())
        self._log.info("service", of=self.spec.name, was=self.state.value, state=state.value, detail=detail)
        self.state, self.detail = state, detail
        self.since_ns = self._around.clock.now_ns()
        self._around.history.note(self.since_ns, self.spec.name, state.value, detail)

    def _now(self) -> float:
        return self._around.clock.monotonic()


def _how_it_ended(code: int | None) -> str:
    """In words; of an adopted process nobody learns the exit code."""
    if code is None:
        return "ended"
    if code == 0:
        return "ended by itself inside its hours"
    return f"exit code {code}" if code > 0 else f"killed by {_signal_name(-code)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
