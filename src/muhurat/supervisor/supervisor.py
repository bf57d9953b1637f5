"""The supervisor: adopts what runs, starts what should, watches all of it, and ends it whole."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from muhurat.clock import Clock
from muhurat.errors import MuhuratError
from muhurat.heartbeat import Heartbeat
from muhurat.log import get_logger
from muhurat.supervisor import control
from muhurat.supervisor.alerts import Alerts
from muhurat.supervisor.health import Health
from muhurat.supervisor.history import History
from muhurat.supervisor.process import lock_is_held
from muhurat.supervisor.service import Service, Surroundings
from muhurat.supervisor.spec import ServiceSpec
from muhurat.supervisor.states import State

_STEP_S: Final = 0.02
_LOCK_TRIES: Final = 5
_LOCK: Final = "supervisor.lock"  # the form of every service's lock: `lock_is_held` reads them all alike


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
            run_dir, logs_dir, clock, Alerts(run_dir, clock), History(run_dir), random.Random(seed)
        )
        self.services = [Service(spec, self._around) for spec in specs]
        self._health = Health(run_dir, clock, check_interval_s)
        self._heartbeat = Heartbeat("supervisor", run_dir, clock)
        self._ending = asyncio.Event()
        self._log = get_logger("supervisor")

    async def run(self) -> None:
        """Supervise until told to end, then end every service within the shutdown time."""
        lock = await self._take_lock()
        try:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._ending.set)
            server = await control.serve(self._run_dir, self._handle)
            self._adopt_all()
            self._heartbeat.ready()
            while not self._ending.is_set():
                self._step()
                await asyncio.sleep(_STEP_S)
            await self._end_all()
            server.close()
        finally:
            os.close(lock)

    def facts(self) -> list[dict[str, Any]]:
        return [service.facts() for service in self.services]

    def _adopt_all(self) -> None:
        for service in self.services:
            service.adopt()
        names = {service.spec.name for service in self.services}
        for path in self._run_dir.glob("*.pid.json"):
            name = path.name.removesuffix(".pid.json")
            if name not in names and lock_is_held(name, self._run_dir):
                self._log.warning("ending a service the desk file no longer names", service=name)
                Service(ServiceSpec(name, ()), self._around).kill()

    def _step(self) -> None:
        for service in self.services:
            service.step()
        self._health.look(self.services)
        counts = sum(service.state is State.RUNNING for service in self.services)
        self._heartbeat.beat(f"{counts} of {len(self.services)} services running", services=self.facts())

    async def _end_all(self) -> None:
        """Services are ended last first, each only after those started after it have gone."""
        limit = self._clock.monotonic() + self._shutdown_s
        for service in reversed(self.services):
            service.stop(State.WAITING, "the desk is going down")
            while not service.gone and self._clock.monotonic() < limit:
                service.step()
                await asyncio.sleep(_STEP_S)
            if not service.gone:
                service.kill()
        self._heartbeat.beat("ended", now=True, services=self.facts())

    async def _handle(self, request: dict[str, Any]) -> dict[str, Any]:
        match request.get("do"):
            case "status":
                return {"services": self.facts()}
            case "end":
                self._ending.set()
                return {"ok": True}
            case "start" | "stop" | "restart" as verb:
                service = self._named(str(request.get("service")))
                if verb == "restart":
                    service.restart("restarted by the operator")
                else:
                    getattr(service, verb)()
                self._log.info("operator", verb=verb, service=service.spec.name)
                return {"service": service.facts()}
            case other:
                raise MuhuratError(f"unknown request {other!r}")

    def _named(self, name: str) -> Service:
        for service in self.services:
            if service.spec.name == name:
                return service
        known = ", ".join(service.spec.name for service in self.services)
        raise MuhuratError(f"no service is called {name!r}", hint=f"services: {known}")

    async def _take_lock(self) -> int:
        fd = os.open(self._run_dir / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        for _ in range(_LOCK_TRIES):  # a passing `muhurat status` holds it for an instant
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return fd
            except BlockingIOError:
                await asyncio.sleep(_STEP_S)
        os.close(fd)
        raise MuhuratError(
            f"a supervisor already runs for {self._run_dir}", hint="see `muhurat status`; end it with `muhurat stop`"
        )


def supervisor_lives(run_dir: Path) -> bool:
    """Whether a supervisor holds this run directory."""
    return lock_is_held("supervisor", run_dir)
