"""Whether services are well: memory under their limit, a word from each now and then, a line in the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from muhurat.clock import Clock
from muhurat.heartbeat import read_heartbeats
from muhurat.log import get_logger
from muhurat.supervisor.process import ServiceProcess
from muhurat.supervisor.service import Service
from muhurat.supervisor.states import State

_MEMORY_EVERY_S: Final = 1.0


@dataclass(slots=True)
class Health:
    """Looks at running services: memory each second, silence each second, the log line every `check_interval_s`."""

    run_dir: Path
    clock: Clock
    check_interval_s: float = 30
    _next_look: float = 0
    _next_line: float = 0
    _warned: set[str] = field(default_factory=set)

    def look(self, services: list[Service]) -> None:
        """Restart what outgrew its memory or fell silent; write the health lines when they are due."""
        now = self.clock.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _MEMORY_EVERY_S
        heartbeats = read_heartbeats(self.run_dir)
        speak = now >= self._next_line
        if speak:
            self._next_line = now + self.check_interval_s
        for service in services:
            if service.state is State.RUNNING and service.process is not None:
                heard = heartbeats.get(service.spec.name, {})
                own = heard.get("pid") == service.process.pid
                silent_s = now - float(heard["monotonic"]) if own else 0.0
                self._look_at(service, service.process, silent_s, speak)

    def _look_at(self, service: Service, process: ServiceProcess, silent_s: float, speak: bool) -> None:
        spec = service.spec
        memory_mb = process.memory_mb()
        if speak:
            uptime_s = (self.clock.now_ns() - process.identity.since_ns) // 1_000_000_000
            get_logger("health").info(
                f"{spec.name}: PID={process.pid}, Memory={memory_mb:.1f}MB, "
                f"Uptime={uptime_s}s, Restarts={service.restarts}"
            )
        if memory_mb > spec.memory_limit_mb:
            service.restart(f"uses {memory_mb:.0f} MB, more than its limit of {spec.memory_limit_mb} MB")
        elif memory_mb > 0.8 * spec.memory_limit_mb and spec.name not in self._warned:
            self._warned.add(spec.name)
            get_logger("health").warning("memory", service=spec.name, memory_mb=round(memory_mb))
        elif silent_s > spec.patience.silent_s:
            service.restart(f"said nothing for {silent_s:.0f} s")
