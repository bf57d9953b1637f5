"""Watch the processes and containers of the registry's `process_monitor` (MISSION B15).

Every five seconds: running or not, CPU, memory, disk, PID and start, as series `monitor:<process>` in the cache; one
e-mail for each incident. A desk runs it all day as a service; as a job it ends on SIGTERM, after `--for-s`, or after
one look with `--once`.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping

from pydantic import Field

from muhurat.jobs.base import Job, JobError, Options, Outcome, Tools
from muhurat.jobs.monitor.base import Sample, Watched
from muhurat.jobs.monitor.containers import ContainerProbe
from muhurat.jobs.monitor.monitor import INTERVAL_S, Parts, ProcessMonitor
from muhurat.jobs.monitor.processes import ProcessProbe
from muhurat.log import get_logger
from muhurat.notify.base import Channel
from muhurat.stores.base import Cache


class ProcessMonitorOptions(Options):
    interval_s: float = Field(default=INTERVAL_S, gt=0, description="Seconds from one look to the next.")
    once: bool = Field(default=False, description="Look once, and end.")
    for_s: float | None = Field(default=None, gt=0, description="End after so many seconds.")


def run(options: ProcessMonitorOptions, tools: Tools) -> Outcome:
    last: dict[str, Sample] = {}

    def shown(samples: Mapping[str, Sample]) -> None:
        last.clear()
        last.update(samples)
        up = sum(sample.running for sample in samples.values())
        tools.progress(up, len(samples), f"{up} of {len(samples)} are running")

    tools.get(Watched).entries()  # a registry that cannot be read ends the job before it begins
    containers = ContainerProbe()
    try:
        monitor = ProcessMonitor(_parts(tools, containers), options.interval_s, shown)
        rounds = 1
        if options.once:
            monitor.round()
        else:
            rounds = monitor.run(_stopped(), options.for_s)
    finally:
        containers.close()
    down = sorted(name for name, sample in last.items() if not sample.running)
    note = f"{len(last) - len(down)} of {len(last)} are running" + (f"; down: {', '.join(down)}" if down else "")
    return Outcome(note, facts={"rounds": rounds, "watched": {name: sample.facts() for name, sample in last.items()}})


def _parts(tools: Tools, containers: ContainerProbe) -> Parts:
    return Parts(
        clock=tools.clock,
        cache=tools.get(Cache),
        run_dir=tools.run_dir,
        watched=tools.get(Watched),
        processes=ProcessProbe(),
        containers=containers,
        channel=_channel(tools),
    )


def _channel(tools: Tools) -> Channel | None:
    try:
        return tools.get(Channel)
    except JobError as error:
        get_logger(__name__).warning("no mail will be sent", why=str(error), hint=error.hint)
        return None


def _stopped() -> threading.Event:
    """Set by SIGTERM and SIGINT, where this is the process's own work."""
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    return stop


JOB = Job(
    name="process_monitor",
    help="Watch processes and containers; one e-mail for each incident.",
    options=ProcessMonitorOptions,
    run=run,
    on_failure="warn",
)
