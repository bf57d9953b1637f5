"""A desk whose supervisor runs in a process of its own, and stand-ins for the processes of a service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from muhurat.clock import ManualClock
from muhurat.errors import MuhuratError
from muhurat.supervisor.control import ask
from muhurat.supervisor.process import Identity, StillRuns
from muhurat.supervisor.spec import ServiceSpec

SUPERVISOR = """
import asyncio, json, pathlib, sys
from muhurat.clock import clock_from_environment
from muhurat.log import configure
from muhurat.supervisor.spec import Patience, ServiceSpec
from muhurat.supervisor.supervisor import Supervisor

told = json.loads(pathlib.Path(sys.argv[1]).read_text())
folder = pathlib.Path(told["folder"])
specs = [
    ServiceSpec(
        row["name"],
        (sys.executable, "-c", row["script"], row["name"], str(folder / "run")),
        patience=Patience(**{"stop_s": 5, "first_delay_s": 0.05, "longest_delay_s": 0.1, **row.get("patience", {})}),
        memory_limit_mb=row.get("memory_limit_mb", 2048),
    )
    for row in told["services"]
]
clock = clock_from_environment()
configure("supervisor", folder / "logs", clock=clock)
asyncio.run(Supervisor(specs, folder / "run", folder / "logs", clock, shutdown_s=told["shutdown_s"]).run())
"""

READY = "import os, signal, subprocess, sys, time; os.write(int(os.environ['MUHURAT_READY_FD']), b'\\n')\n"
"""Says that it is ready, by hand: quick to start."""

QUIET = READY + "signal.pause()"

SPEAKING = """
import pathlib, sys, time
from muhurat.clock import SystemClock
from muhurat.heartbeat import Heartbeat
heartbeat = Heartbeat(sys.argv[1], pathlib.Path(sys.argv[2]), SystemClock())
heartbeat.ready()
while True:
    heartbeat.beat("at work", now=True)
    time.sleep(0.05)
"""


class Desk:
    """A folder, the supervisors that were started for it, and what they say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_dir = folder / "run"
        self.ups: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)

    def up(self, *services: dict[str, Any], shutdown_s: float = 20, **environment: str) -> subprocess.Popen[bytes]:
        """Start a supervisor for these services."""
        told = self.folder / f"desk-{len(self.ups)}.json"
        told.write_text(json.dumps({"folder": str(self.folder), "services": services, "shutdown_s": shutdown_s}))
        started = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(told)],
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.ups.append(started)
        return started

    def down(self, limit_s: float = 20) -> int:
        """End the last supervisor as an operator would; its exit code."""
        self.ups[-1].terminate()
        return self.ups[-1].wait(limit_s)

    def kill_supervisor(self) -> None:
        self.ups[-1].kill()
        self.ups[-1].wait(10)

    def ask(self, verb: str, service: str = "") -> dict[str, Any]:
        return ask(self.run_dir, {"do": verb, "service": service})

    def services(self) -> dict[str, dict[str, Any]]:
        """What the supervisor says now, by name; nothing while there is none that answers."""
        try:
            return {row["name"]: row for row in self.ask("status")["services"]}
        except MuhuratError:
            return {}

    def wait_for(
        self, reached: Callable[[dict[str, dict[str, Any]]], bool], limit_s: float = 10
    ) -> dict[str, dict[str, Any]]:
        """The services as soon as they are as wanted."""
        end = time.monotonic() + limit_s
        while True:
            services = self.services()
            if services and reached(services):
                return services
            assert time.monotonic() < end, f"after {limit_s} s: {services}; {self.trouble()}"
            time.sleep(0.02)

    def wait_until(self, *names: str, state: str = "running", limit_s: float = 10) -> dict[str, dict[str, Any]]:
        return self.wait_for(lambda services: all(services[name]["state"] == state for name in names), limit_s)

    def trouble(self) -> str:
        if self.ups and self.ups[-1].poll() is not None and self.ups[-1].stderr is not None:
            return self.ups[-1].stderr.read().decode()
        return "the supervisor runs"

    def processes(self) -> list[psutil.Process]:
        """Everything that lives with this folder on its command line: supervisors, services and their children."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            words = process.info["cmdline"] or ()
            ours = any(str(self.folder) in word for word in words)
            if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found


@contextmanager
def desk_in(folder: Path) -> Iterator[Desk]:
    """A desk that leaves nothing behind: what the test did not end is killed."""
    desk = Desk(folder)
    try:
        yield desk
    finally:
        for up in desk.ups:
            up.kill()
            up.communicate(timeout=10)
        for process in desk.processes():
            process.kill()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait(reached: Callable[[], bool], what: str, limit_s: float = 10) -> None:
    end = time.monotonic() + limit_s
    while not reached():
        assert time.monotonic() < end, f"not within {limit_s} s: {what}"
        time.sleep(0.01)


class CountingClock(ManualClock):
    """Counts who holds desk time, and lets it jump without real time passing."""

    def __init__(self, now_ns: int) -> None:
        super().__init__(now_ns)
        self._held: set[object] = set()

    @property
    def holds(self) -> int:
        return len(self._held)

    def forget_holders(self) -> None:
        """As when the process dies that holds."""
        self._held = set()

    @contextmanager
    def hold(self) -> Iterator[None]:
        mine = object()
        self._held.add(mine)
        try:
            yield
        finally:
            self._held.discard(mine)


class FakeProcess:
    """A main process as a test wants it; `deaf` to everything but SIGKILL, `orphans` survive it."""

    def __init__(self, pid: int, fingerprint: str) -> None:
        self.identity = Identity(pid, pid, "boot", fingerprint, 0)
        self.pid = pid
        self.ready = self.deaf = self.orphans = self.closed = False
        self.code: int | None = None

    def said_ready(self) -> bool:
        return self.ready

    def ended(self) -> bool:
        return self.code is not None

    @property
    def exit_code(self) -> int | None:
        return self.code

    @property
    def lives(self) -> bool:
        return self.code is None or self.orphans

    def close(self) -> None:
        assert self.ended()
        assert not self.closed
        self.closed = True


class FakeLauncher:
    """Starts `FakeProcess`es, one at a time or it fails the test."""

    def __init__(self) -> None:
        self.started: list[FakeProcess] = []
        self.refuse: MuhuratError | None = None  # the next start
        self.signals: list[signal.Signals] = []

    @property
    def last(self) -> FakeProcess | None:
        return self.started[-1] if self.started else None

    def spawn(self, spec: ServiceSpec, now_ns: int) -> FakeProcess:
        if self.refuse is not None:
            why, self.refuse = self.refuse, None
            raise why
        if self.remains(spec.name, None):
            raise StillRuns("still runs")
        self.started.append(FakeProcess(len(self.started) + 100, spec.fingerprint()))
        return self.started[-1]

    def find(self, name: str) -> FakeProcess | None:
        return self.last if self.last is not None and self.last.code is None else None

    def remains(self, name: str, process: FakeProcess | None) -> bool:
        return any(started.lives for started in self.started)

    def signal(self, name: str, process: FakeProcess | None, number: signal.Signals) -> None:
        self.signals.append(number)
        for started in self.started:
            if number is signal.SIGKILL:
                started.orphans = False
            if started.code is None and (number is signal.SIGKILL or not started.deaf):
                started.code = -number
