"""The watch itself: every five seconds a look at each process, a point for its series, one message per incident."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from muhurat.clock import Clock, ist
from muhurat.errors import MuhuratError, NotifyError
from muhurat.jobs.monitor.base import SERIES, Probe, Sample, Watched
from muhurat.jobs.monitor.containers import NoEngine
from muhurat.jobs.monitor.incidents import Incidents
from muhurat.jobs.process import Monitored
from muhurat.log import get_logger
from muhurat.notify.base import Channel, Message
from muhurat.stores.base import Cache
from muhurat.supervisor.alerts import Alerts

INTERVAL_S: Final = 5.0
KEPT: Final = 17_280
"""Points of a series: one day at five seconds."""

_SAID_AGAIN_S: Final = 60.0
_HINT: Final = "look at its log, then start it again"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the watch works with; without a channel incidents go to the desk's alerts and the log only."""

    clock: Clock
    cache: Cache
    run_dir: Path
    watched: Watched
    processes: Probe
    containers: Probe
    channel: Channel | None = None


class ProcessMonitor:
    """Watches until it is told to stop. `shown` hears of every finished round."""

    def __init__(
        self, parts: Parts, interval_s: float = INTERVAL_S, shown: Callable[[Mapping[str, Sample]], None] | None = None
    ) -> None:
        self._parts = parts
        self._interval_s = interval_s
        self._shown = shown
        self._incidents = Incidents(parts.run_dir)
        self._alerts = Alerts(parts.run_dir, parts.clock)
        self._entries: Sequence[Monitored] = ()
        self._not_before: dict[str, float] = {}
        self._trouble: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._log = get_logger(__name__)

    def start_monitoring(self) -> None:
        """Watch in a thread of its own."""
        self._stop.clear()
        self._thread = threading.Thread(target=self.run, name="process monitor", daemon=True)
        self._thread.start()

    def stop_monitoring(self) -> None:
        """End the watch after its present round."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def run(self, stop: threading.Event | None = None, for_s: float | None = None) -> int:
        """Watch until `stop` or `stop_monitoring`, at most for so many real seconds; how many rounds it made."""
        ends = stop or self._stop
        began, rounds = self._parts.clock.monotonic(), 0
        while not ends.is_set():
            self.round()
            rounds += 1
            left = self._interval_s
            if for_s is not None:
                left = min(left, for_s - (self._parts.clock.monotonic() - began))
            if left <= 0 or ends.wait(left):
                break
        return rounds

    def round(self) -> Mapping[str, Sample]:
        """One look at everything: measured, kept, told."""
        entries = self._read_entries()
        samples = self._measured([entry.process for entry in entries])
        self._incidents.keep_only(set(samples))
        for entry in entries:
            sample = samples[entry.process]
            self._keep(entry, sample)
            self._judge(entry, sample)
        if self._shown is not None:
            self._shown(samples)
        return samples

    def _read_entries(self) -> Sequence[Monitored]:
        """Whom to watch; while the registry cannot be read, the same as before."""
        try:
            self._entries = self._parts.watched.entries()
            self._well("the registry")
        except MuhuratError as error:
            self._troubled("the registry", error)
        return self._entries

    def _measured(self, names: Sequence[str]) -> dict[str, Sample]:
        """By name; a container of a name comes before a process of that name."""
        engine = ""
        containers: Mapping[str, Sample] = {}
        try:
            containers = self._parts.containers.look(names) if names else {}
        except NoEngine as error:
            engine = f"; {error}"
        processes = self._parts.processes.look([name for name in names if name not in containers])
        none = Sample(running=False, kind="none", detail=f"no process and no container of that name{engine}")
        return {name: containers.get(name) or processes.get(name) or none for name in names}

    def _keep(self, entry: Monitored, sample: Sample) -> None:
        try:
            self._parts.cache.append(SERIES + entry.process, json.dumps(sample.facts()).encode(), keep=KEPT)
            self._well("the cache")
        except MuhuratError as error:
            self._troubled("the cache", error)

    def _judge(self, entry: Monitored, sample: Sample) -> None:
        now_ns = self._parts.clock.now_ns()
        if sample.running:
            ended = self._incidents.close(entry.process)
            if ended is not None:
                down_s = round((now_ns - ended.since_ns) / 1e9)
                self._log.info("up again", process=entry.process, title=entry.title, down_s=down_s)
            return
        incident = self._incidents.open(entry.process, now_ns)
        if not incident.told:
            self._tell(entry, sample, incident.since_ns)

    def _tell(self, entry: Monitored, sample: Sample, since_ns: int) -> None:
        """Tell of an incident once; when the message cannot be handed over, again a minute later."""
        now = self._parts.clock.monotonic()
        if now < self._not_before.get(entry.process, now):
            return
        since = f"{ist(since_ns):%Y-%m-%d %H:%M:%S}"
        what = f"{entry.title} is not running since {since}: {sample.detail}"
        self._alerts.raise_("critical", what, _HINT)
        try:
            if self._parts.channel is not None:
                self._parts.channel.send(_message(entry, sample, since))
            self._incidents.told(entry.process)
            self._not_before.pop(entry.process, None)
        except NotifyError as error:
            self._not_before[entry.process] = now + _SAID_AGAIN_S
            self._log.error("nobody told", process=entry.process, why=str(error), hint=error.hint)

    def _troubled(self, what: str, error: MuhuratError) -> None:
        """Log a lasting trouble once."""
        if self._trouble.get(what) != str(error):
            self._trouble[what] = str(error)
            self._log.error("not to be reached", what=what, why=str(error), hint=error.hint)

    def _well(self, what: str) -> None:
        if self._trouble.pop(what, None) is not None:
            self._log.info("reached again", what=what)


def _message(entry: Monitored, sample: Sample, since: str) -> Message:
    lines = (
        f"{entry.title} ({entry.process}) is not running.",
        "",
        f"Since: {since} IST",
        f"Seen: {sample.detail}",
        "",
        f"What to do: {_HINT}.",
        "There is one message per incident; the next one comes when it has run again and stopped again.",
    )
    return Message(f"[Muhurat] {entry.title} is not running", "\n".join(lines) + "\n")
