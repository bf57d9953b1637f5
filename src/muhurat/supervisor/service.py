"""One supervised service: a small state machine that is stepped many times a second and never blocks."""

from __future__ import annotations

import random
import signal
from collections import deque
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muhurat.clock import Clock, ist
from muhurat.errors import CalendarError, MuhuratError
from muhurat.log import get_logger
from muhurat.supervisor.alerts import Alerts
from muhurat.supervisor.history import History
from muhurat.supervisor.process import (
    ServiceProcess,
    find,
    holders,
    is_alive,
    lock_is_held,
    recorded,
    signal_group,
    spawn,
)
from muhurat.supervisor.spec import ServiceSpec
from muhurat.supervisor.states import ALIVE, ALLOWED, State

_WRONG_USE = 2


@dataclass(slots=True)
class Surroundings:
    """What every service of a supervisor shares."""

    run_dir: Path
    logs_dir: Path
    clock: Clock
    alerts: Alerts
    history: History
    chance: random.Random


class Service:
    """Keeps one service in the state that its window and its operator want."""

    def __init__(self, spec: ServiceSpec, around: Surroundings) -> None:
        self.spec = spec
        self.state = State.WAITING
        self.detail = ""
        self.restarts = 0
        self.since_ns = around.clock.now_ns()
        self.process: ServiceProcess | None = None
        self._around = around
        self._log = get_logger("supervisor")
        self._hold: AbstractContextManager[None] | None = None
        self._due = 0.0
        self._attempt = 0
        self._deaths: deque[float] = deque()
        self._after_stop = State.WAITING
        self._resting_until_ns = 0

    def adopt(self) -> None:
        """Take over what an earlier supervisor left: ours as it is, anything else is ended."""
        found = find(self.spec, self._around.run_dir)
        if found is not None and found.identity.fingerprint == self.spec.fingerprint() and self._wanted() is not None:
            self.process = found
            self._enter(State.RUNNING, f"adopted pid {found.pid}")
            self.since_ns = found.identity.since_ns
            return
        if found is not None:
            found.close()
        self._sweep_orphans(signal.SIGTERM)
        self._after_stop = State.WAITING
        if lock_is_held(self.spec.name, self._around.run_dir):
            self._due = self._now() + min(self.spec.patience.stop_s, 5)
            self._enter(State.STOPPING, "ending what an earlier supervisor left")

    def step(self) -> None:
        """Look once at the process, the window and the time, and do what follows."""
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
                if self._around.clock.now_ns() >= self._resting_until_ns:
                    self._enter(State.WAITING, "")
            case State.STOPPED | State.FATAL:
                pass

    def start(self) -> None:
        """An operator's start: forgets earlier failures; outside the window it waits for it."""
        if self.state not in ALIVE:
            self._attempt = 0
            self._deaths.clear()
            if self.state is not State.WAITING:
                self._enter(State.WAITING, "started by the operator")

    def stop(self, then: State = State.STOPPED, why: str = "stopped by the operator") -> None:
        """Ask the service to end and rest in `then`."""
        if self.state in (State.STARTING, State.RUNNING):
            self._ask_to_end(then, why)
        elif self.state is State.STOPPING:
            self._after_stop = then
        elif State.STOPPED in ALLOWED[self.state] and then is State.STOPPED:
            self._enter(State.STOPPED, why)

    def restart(self, why: str) -> None:
        """End the service and start it again at once; counts as a death in the burst limit."""
        if self.state in (State.STARTING, State.RUNNING):
            self._ask_to_end(State.BACKOFF, why)
        else:
            self.start()

    def kill(self) -> None:
        """Force the end of everything the service started."""
        self._sweep_orphans(signal.SIGKILL)

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
            "detail": self.detail,
        }

    def _step_waiting(self) -> None:
        until = self._wanted()
        if until is None:
            return
        self._hold = self._around.clock.hold()
        self._hold.__enter__()
        try:
            self.process = spawn(self.spec, self._around.run_dir, self._around.logs_dir, self._around.clock.now_ns())
        except MuhuratError as error:
            self._enter(State.STARTING, "")
            if not error.permanent:
                self._sweep_orphans(signal.SIGKILL)
            self._failed(str(error), fatal=error.permanent)
            return
        self._due = self._now() + self.spec.patience.start_s
        self._enter(State.STARTING, f"pid {self.process.pid}")

    def _step_starting(self) -> None:
        process = self._living()
        if process is None:
            self._died()
        elif process.said_ready():
            self._enter(State.RUNNING, f"pid {process.pid}")
            self._due = self._now() + self.spec.patience.healthy_after_s
        elif self._now() > self._due:
            self._ask_to_end(State.BACKOFF, f"not ready within {self.spec.patience.start_s:g} s")

    def _step_running(self) -> None:
        if self._living() is None:
            self._died()
            return
        if self._attempt and self._now() > self._due:
            self._attempt = 0
        if self._wanted() is None:
            self._ask_to_end(State.WAITING, "its window closed")

    def _step_backoff(self) -> None:
        if self._wanted() is None:
            self._enter(State.WAITING, "its window closed")
        elif self._now() >= self._due:
            self.restarts += 1
            self.state = State.WAITING
            self._step_waiting()

    def _step_stopping(self) -> None:
        main_gone = self._living() is None
        if main_gone and not lock_is_held(self.spec.name, self._around.run_dir):
            self._forget_process()
            if self._after_stop is State.BACKOFF:
                self._failed(self.detail)
            else:
                self._enter(self._after_stop, self.detail)
        elif self._now() > self._due:
            self._log.warning("forced", service=self.spec.name, after_s=self.spec.patience.stop_s)
            self.kill()
            self._due = self._now() + 1.0

    def _died(self) -> None:
        code = self.process.exit_code if self.process else None
        self._sweep_orphans(signal.SIGKILL)
        self._forget_process()
        if code == 0:
            until = self._wanted()
            self._resting_until_ns = until if until is not None else self._around.clock.now_ns()
            self._enter(State.FINISHED, "ended by itself")
            return
        how = (
            "ended" if code is None else f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        )
        self._failed(f"{how}; see {self.spec.name}_output.log", fatal=code == _WRONG_USE)

    def _failed(self, why: str, *, fatal: bool = False) -> None:
        patience, now = self.spec.patience, self._now()
        self._deaths.append(now)
        while self._deaths and self._deaths[0] < now - patience.burst_window_s:
            self._deaths.popleft()
        if fatal or len(self._deaths) > patience.burst:
            many = "" if fatal else f"{len(self._deaths)} deaths within {patience.burst_window_s:g} s; "
            self._enter(State.FATAL, many + why)
            hint = f"look at its log, then `muhurat start {self.spec.name}`"
            self._around.alerts.raise_("critical", f"{self.spec.name} given up: {many}{why}", hint)
            return
        longest = min(patience.first_delay_s * 2**self._attempt, patience.longest_delay_s)
        delay_s = longest * self._around.chance.uniform(0.5, 1.0) if self._attempt else longest
        self._attempt += 1
        self._due = now + delay_s
        self._enter(State.BACKOFF, f"{why}; again in {delay_s:.1f} s")
        self._around.alerts.raise_("warning", f"{self.spec.name}: {why}", "")

    def _ask_to_end(self, then: State, why: str) -> None:
        self._after_stop = then
        self._due = self._now() + self.spec.patience.stop_s
        if self.process is not None:
            self.process.ask(signal.SIGTERM)
        self._enter(State.STOPPING, why)

    def _living(self) -> ServiceProcess | None:
        return self.process if self.process is not None and not self.process.ended() else None

    def _forget_process(self) -> None:
        if self.process is not None:
            self.process.close()
            self.process = None

    def _sweep_orphans(self, number: signal.Signals) -> None:
        """Signal whatever of this service still lives: its group, and holders of its lock that left the group."""
        identity = recorded(self.spec.name, self._around.run_dir)
        if identity is not None and is_alive(identity):
            signal_group(identity.pid, number)
        if lock_is_held(self.spec.name, self._around.run_dir):
            for orphan in holders(self.spec.name, self._around.run_dir):
                orphan.send_signal(number)

    def _wanted(self) -> int | None:
        """Until when (UTC ns) the service should run now; None when it should not."""
        if self.spec.window is None:
            return 2**62
        now = self._around.clock.now_ns()
        try:
            edges = self.spec.window.edges(ist(now).date())
        except CalendarError as error:
            self._note(f"no hours: {error}")
            return None
        if edges is None or not edges[0] <= now < edges[1]:
            return None
        return edges[1]

    def _note(self, detail: str) -> None:
        if detail != self.detail:
            self.detail = detail
            self._around.alerts.raise_("critical", f"{self.spec.name}: {detail}", "see `muhurat calendar show`")

    def _enter(self, state: State, detail: str) -> None:
        if state is not self.state and state not in ALLOWED[self.state]:
            raise AssertionError(f"{self.spec.name}: {self.state} -> {state} is no step of a service")
        if state is not State.STARTING and self._hold is not None:
            self._hold.__exit__(None, None, None)
            self._hold = None
        self._log.info("service", service=self.spec.name, was=self.state.value, state=state.value, detail=detail)
        self.state, self.detail = state, detail
        self.since_ns = self._around.clock.now_ns()
        self._around.history.note(self.since_ns, self.spec.name, state.value, detail)

    def _now(self) -> float:
        return self._around.clock.monotonic()


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "ended"
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
