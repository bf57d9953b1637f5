"""The supervisor: adopts what runs, starts what should, watches all of it, and ends it whole."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from muhurat.clock import Clock
from muhurat.errors import MuhuratError
from muhurat.heartbeat import Heartbeat
from muhurat.log import get_logger
from muhurat.supervisor import control, lock
from muhurat.supervisor.alerts import Alerts
from muhurat.supervisor.health import Health
from muhurat.supervisor.history import History
from muhurat.supervisor.process import SUPERVISOR, Launcher, lock_is_held, lock_path, names
from muhurat.supervisor.service import Service, Surroundings
from muhurat.supervisor.spec import ServiceSpec
from muhurat.supervisor.states import State
from muhurat.supervisor.troubles import Troubles

_STEP_S: Final = 0.02
_BEAT_EVERY_S: Final = 0.5
_FORCED_S: Final = 5.0
_GOING_DOWN: Final = "the desk is going down"


class Supervisor:
    """Runs the services of one desk; only one supervisor per run directory at a time."""

    def __init__(
        self,
        specs: Sequence[ServiceSpec],
        run_dir: Path,
        logs_dir: Path,
        clock: Clock,
        *,
        check_interval_s: float = 30,
        shutdown_s: float = 120,
        seed: int | None = None,
    ) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        logs_dir.mkdir(parents=True, exist_ok=True)
        self._run_dir = run_dir
        self._clock = clock
        self._shutdown_s = shutdown_s
        self._around = Surroundings(
            run_dir,
            Launcher(run_dir, logs_dir),
            clock,
            Alerts(run_dir, clock),
            History(run_dir),
            random.Random(seed),
        )
        self.services = [Service(spec, self._around) for spec in specs]
        self._leftovers: list[Service] = []
        self._health = Health(run_dir, clock, check_interval_s, Troubles(self._around.alerts, clock))
        self._heartbeat = Heartbeat(SUPERVISOR, run_dir, clock)
        self._told: list[tuple[State, str]] = []
        self._beat_due = float("-inf")
        self._ending = asyncio.Event()
        self._troubles: set[str] = set()
        self._log = get_logger("supervisor")

    async def run(self) -> None:
        """Supervise until told to end, then end every service within the shutdown time.

        Raises `MuhuratError` when another supervisor has the run directory.
        """
        held = lock.take(lock_path(SUPERVISOR, self._run_dir))
        if held is None:
            raise MuhuratError(
                f"a supervisor already runs for {self._run_dir}",
                hint="see `muhurat status`; end it with `muhurat stop`",
            )
        try:
            self._mind_signals()
            self._safely(self._around.alerts.trim)
            self._safely(self._around.history.trim)
            async with control.serve(self._run_dir, self._handle):
                self._adopt_all()
                self._heartbeat.ready()
                while not self._ending.is_set():
                    self._step()
                    await asyncio.sleep(_STEP_S)
                await self._end_all()
        finally:
            os.close(held)

    def facts(self) -> list[dict[str, Any]]:
        """All services, those being ended because the desk no longer names them last."""
        return [service.facts() for service in self._all]

    @property
    def _all(self) -> list[Service]:
        return [*self.services, *self._leftovers]

    def _mind_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        loop.add_signal_handler(signal.SIGHUP, self._log.warning, "the terminal has gone; the desk goes on")

    def _adopt_all(self) -> None:
        for service in self.services:
            self._safely(service.adopt)
        known = {service.spec.name for service in self.services}
        for name in sorted(names(self._run_dir) - known):
            if self._around.launcher.remains(name, None):
                self._log.warning("ending a service the desk file no longer names", of=name)
                leftover = Service(ServiceSpec(name, ()), self._around)
                self._leftovers.append(leftover)
                self._safely(leftover.evict)

    def _step(self) -> None:
        now_ns = self._clock.now_ns()
        for service in self._all:
            self._safely(service.step)
        self._leftovers = [service for service in self._leftovers if not service.gone]
        self._safely(partial(self._health.look, self.services))
        self._safely(self._beat)
        self._safely(partial(self._make_appointment, now_ns))

    def _make_appointment(self, now_ns: int) -> None:
        """A rehearsal's time waits for us where the next hours begin or end.

        `now_ns` is before the services looked: an edge that came meanwhile is met in the next turn, not passed over.
        """
        edges = [edge_ns for service in self.services if (edge_ns := service.next_edge_ns(now_ns)) is not None]
        self._clock.appoint(min(edges, default=None))

    def _safely(self, act: Callable[[], None]) -> None:
        """Whatever goes wrong with one service, the others need a supervisor; the next turn tries again, in silence."""
        try:
            act()
        except Exception as error:  # noqa: BLE001
            trouble = f"supervisor: {type(error).__name__}: {error}"
            if trouble not in self._troubles:
                self._troubles.add(trouble)
                self._log.exception("a turn failed", exc_info=error)
                self._around.alerts.raise_("critical", trouble, "see logs/supervisor.log")

    def _beat(self, detail: str = "", *, now: bool = False) -> None:
        """Publish what the services are: every half second, and at once when a state changed."""
        told = [(service.state, service.detail) for service in self._all]
        changed, at = told != self._told, self._clock.monotonic()
        if not (now or changed or at >= self._beat_due):
            return
        self._told, self._beat_due = told, at + _BEAT_EVERY_S
        running = sum(service.state is State.RUNNING for service in self.services)
        sentence = detail or f"{running} of {len(self.services)} services running"
        self._heartbeat.beat(sentence, now=True, services=self.facts())

    async def _end_all(self) -> None:
        """Services are ended last first, each only after those started after it have gone."""
        limit = self._clock.monotonic() + self._shutdown_s
        self._clock.appoint(None)
        for service in self.services:
            if service.state is State.STARTING:  # it holds desk time, and the others may need that to finish
                self._safely(partial(service.stand_down, _GOING_DOWN))
        for service in (*self._leftovers, *reversed(self.services)):
            self._safely(partial(service.stand_down, _GOING_DOWN))
            await self._until_gone([service], limit)
        late = [service for service in self._all if not service.gone]
        for service in late:
            service.kill()
        await self._until_gone(late, self._clock.monotonic() + _FORCED_S)
        for service in late:
            if not service.gone:
                self._around.alerts.raise_("critical", f"{service.spec.name} cannot be ended", "look at its processes")
        self._safely(partial(self._beat, "ended", now=True))

    async def _until_gone(self, awaited: Sequence[Service], limit: float) -> None:
        while not all(service.gone for service in awaited) and self._clock.monotonic() < limit:
            for service in self._all:
                if service.state is State.STOPPING:
                    self._safely(service.step)
            self._safely(partial(self._beat, _GOING_DOWN))
            await asyncio.sleep(_STEP_S)

    def _handle(self, request: dict[str, Any]) -> dict[str, Any]:
        verb = request.get("do")
        if verb == "status":
            return {"services": self.facts()}
        if verb == "end":
            self._ending.set()
            return {"ok": True}
        if self._ending.is_set():
            raise MuhuratError(_GOING_DOWN, hint="start it again with `muhurat up`")
        service = self._named(str(request.get("service")))
        match verb:
            case "start":
                service.start()
            case "stop":
                service.stop()
            case "restart":
                service.restart()
            case other:
                raise MuhuratError(f"unknown request {other!r}")
        self._log.info("operator", verb=verb, of=service.spec.name)
        return {"service": service.facts()}

    def _named(self, name: str) -> Service:
        for service in self.services:
            if service.spec.name == name:
                return service
        known = ", ".join(service.spec.name for service in self.services)
        raise MuhuratError(f"no service is called {name!r}", hint=f"services: {known}")


def supervisor_lives(run_dir: Path) -> bool:
    """Whether a supervisor holds this run directory."""
    return lock_is_held(SUPERVISOR, run_dir)
