"""Whether services are well: memory under their limit, a word from each now and then, a line in the log."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from muhurat.clock import Clock
from muhurat.heartbeat import read_heartbeats
from muhurat.log import get_logger
from muhurat.supervisor.kernel import age_s, everyone
from muhurat.supervisor.process import ServiceProcess
from muhurat.supervisor.service import Service
from muhurat.supervisor.states import State
from muhurat.supervisor.troubles import Troubles

_LOOK_EVERY_S: Final = 0.5
_OWN_GAP_S: Final = 5.0
"""Between two looks: more, and it was we who were stopped (a machine that slept), so nobody's silence says anything."""

_NEARLY: Final = 0.8


@dataclass(frozen=True, slots=True)
class _Word:
    """The last word heard of a process, and when we first heard it, by our own clock."""

    pid: int
    said_at: float
    heard_at: float


class Health:
    """Looks at services twice a second; writes the health lines every `check_interval_s`."""

    def __init__(
        self, run_dir: Path, clock: Clock, check_interval_s: float = 30, troubles: Troubles | None = None
    ) -> None:
        """`troubles` hears what living services say should reach a person."""
        self._run_dir = run_dir
        self._troubles = troubles
        self._clock = clock
        self._check_interval_s = check_interval_s
        self._looked_at = float("-inf")
        self._next_line = clock.monotonic() + check_interval_s
        self._words: dict[str, _Word] = {}
        self._warned: set[int] = set()
        self._log = get_logger("health")

    def look(self, services: Sequence[Service]) -> None:
        """Have what outgrew its memory or fell silent started again; write the health lines when they are due."""
        now = self._clock.monotonic()
        if now < self._looked_at + _LOOK_EVERY_S:
            return
        if now > self._looked_at + _OWN_GAP_S:
            self._words.clear()
        self._looked_at = now
        speak = now >= self._next_line
        if speak:
            self._next_line = now + self._check_interval_s
        said, memory = read_heartbeats(self._run_dir), _memory_by_session()
        for service in services:
            process = service.process
            if process is not None and service.state in (State.STARTING, State.RUNNING):
                memory_mb = memory[process.pid] / 2**20
                if speak:
                    self._tell(service, process, memory_mb)
                word = said.get(service.spec.name, {})
                if self._troubles is not None and word.get("pid") == process.pid:
                    self._troubles.hear(service.spec.name, word)
                if not self._outgrown(service, process, memory_mb):
                    self._listen(service, process, word, now)

    def _tell(self, service: Service, process: ServiceProcess, memory_mb: float) -> None:
        self._log.info(
            f"{service.spec.name}: PID={process.pid}, Memory={memory_mb:.1f}MB, "
            f"Uptime={age_s(process.identity.start_ticks):.0f}s, Restarts={service.restarts}"
        )

    def _outgrown(self, service: Service, process: ServiceProcess, memory_mb: float) -> bool:
        limit_mb = service.spec.memory_limit_mb
        if memory_mb > limit_mb:
            service.fail(f"uses {memory_mb:.0f} MB, more than its limit of {limit_mb} MB")
            return True
        if memory_mb > _NEARLY * limit_mb and process.pid not in self._warned:
            self._warned.add(process.pid)
            self._log.warning("memory", of=service.spec.name, memory_mb=round(memory_mb), limit_mb=limit_mb)
        return False

    def _listen(self, service: Service, process: ServiceProcess, said: dict[str, Any], now: float) -> None:
        """A service that has spoken and does so no more hangs; SIGABRT lets it leave its stack in its output."""
        if said.get("pid") != process.pid or service.state is not State.RUNNING:
            return
        name, said_at = service.spec.name, float(said.get("monotonic", 0.0))
        known = self._words.get(name)
        if known is None or (known.pid, known.said_at) != (process.pid, said_at):
            self._words[name] = _Word(process.pid, said_at, now)
        elif now - known.heard_at > service.spec.patience.silent_s:
            del self._words[name]
            service.fail(f"said nothing for {now - known.heard_at:.0f} s", signal.SIGABRT)


def _memory_by_session() -> Counter[int]:
    """Resident bytes of every session: a service leads one, and its descendants are members."""
    memory: Counter[int] = Counter()
    for seen in everyone():
        memory[seen.session] += seen.rss_bytes
    return memory
