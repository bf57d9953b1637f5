"""A desk's folder with small scripts as jobs, a real run log, and runners in this process or in one of their own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from muhurat.clock import Clock, SystemClock, clock_from_environment
from muhurat.errors import ConfigError
from muhurat.jobs.attempts import Attempts, Workplace
from muhurat.jobs.base import Phase
from muhurat.jobs.live_registry import LiveRegistry
from muhurat.jobs.operator import Operator
from muhurat.jobs.process import Process, Registry, Row
from muhurat.jobs.runner import Runner
from muhurat.jobs.runs import RunHistory
from muhurat.jobs.scheduler import Crew
from muhurat.jobs.standing import Expected
from muhurat.stores.sql.runs import open_run_log
from muhurat.supervisor.alerts import Alerts, read_alerts

DAY = date(2026, 11, 20)

SAY = "import sys; print(*sys.argv[1:])\n"
FAIL = "import sys; print('cannot reach the host'); sys.exit(1)\n"
TELL_ROWS = """
import json, os, pathlib, sys
rows = int(pathlib.Path(sys.argv[2]).read_text())
pathlib.Path(os.environ['MUHURAT_RUN_RESULT']).write_text(json.dumps({'rows': rows, 'note': f'{rows} rows'}))
"""


@dataclass(slots=True)
class Given:
    """A registry that a test changes."""

    source: Path
    registry: Registry
    problem: ConfigError | None = None

    def current(self) -> Registry:
        return self.registry


@dataclass(slots=True)
class Bench:
    """One desk of a test. `when` gives what the plan says of a job beside its definition."""

    folder: Path
    clock: Clock = field(default_factory=SystemClock)
    processes: list[Process] = field(default_factory=list)
    when: dict[str, dict[str, Any]] = field(default_factory=dict)
    dotenv: dict[str, str] = field(default_factory=dict)
    day: date = DAY

    def __post_init__(self) -> None:
        (self.folder / "run").mkdir(exist_ok=True)

    def job(self, name: str, text: str = SAY, **changes: Any) -> Process:
        """Add a job whose work is a Python script."""
        script = self.folder / f"{name}.py"
        script.write_text(text)
        made = Process(
            title=name, name=name, phase="BOD", order=len(self.processes), is_active=True, application_path=str(script)
        )
        when = {key: changes.pop(key) for key in list(changes) if key in Expected.__dataclass_fields__}
        self.when[name] = when
        made = replace(made, **{"script": script, "retries": 0, **changes})
        self.processes.append(made)
        return made

    def registry(self) -> Registry:
        digest = hashlib.sha256(repr((self.processes, self.when)).encode()).hexdigest()
        return Registry(self.folder / "process.json", self.folder, tuple(self.processes), (), digest)

    def plan(self, registry: Registry, day: date) -> list[Expected]:
        return [Expected(process, day, **self.when.get(process.name, {})) for process in registry.processes]

    def history(self) -> RunHistory:
        return RunHistory(open_run_log("sqlite:///./data/desk.db", self.folder), self.clock)

    def alerts(self) -> list[str]:
        return [alert["what"] for alert in read_alerts(self.folder / "run")]

    def crew(self, source: Given | None = None) -> Crew:
        folder, clock = self.folder, self.clock
        at = Workplace(
            folder, folder / "run", folder / "logs", (sys.executable, "-m", "muhurat"), (), lambda: self.dotenv
        )
        alerts = Alerts(folder / "run", clock)
        given = source or Given(folder / "process.json", self.registry())
        return Crew(self.history(), Attempts(at, clock), LiveRegistry(given, clock, alerts), self.plan, clock, alerts)

    def runner(self, *, parallel: int = 4) -> Runner:
        return Runner(self.crew(), self.folder / "run" / "jobs", parallel=parallel)

    def run(self, phase: Phase = "BOD", **options: Any) -> dict[str, Row]:
        """Run a half of the day in this process; its rows by name."""
        rows = asyncio.run(
            self.runner(parallel=options.pop("parallel", 4)).run_phase(self.day, phase, "tester", **options)
        )
        return {row.process.name: row for row in rows}

    def rows(self) -> dict[str, Row]:
        return {row.process.name: row for row in self.history().rows(self.day)}

    def operator(self, who: str = "asha") -> Operator:
        return Operator(self.history(), lambda day: self.plan(self.registry(), day), self.clock, who)

    def log(self, name: str, attempt: int = 1) -> str:
        return (self.folder / "logs" / "jobs" / str(self.day) / f"{name}.{attempt}.log").read_text()


def save(bench: Bench) -> Path:
    """The bench's jobs in a file, for a runner in a process of its own."""
    path = bench.folder / "bench.json"
    jobs = [Expected(process, bench.day, **bench.when.get(process.name, {})).facts() for process in bench.processes]
    path.write_text(json.dumps({"day": str(bench.day), "jobs": jobs}))
    return path


def load(path: Path) -> Bench:
    told = json.loads(path.read_text())
    found = [Expected.of(one) for one in told["jobs"]]
    when = {
        one.process.name: {key: getattr(one, key) for key in ("begins_ns", "not_before_ns", "deadline_ns", "skip")}
        for one in found
    }
    processes, day = [one.process for one in found], date.fromisoformat(told["day"])
    return Bench(path.parent, clock_from_environment(), processes, when, day=day)


def runner_process(path: Path, **options: Any) -> subprocess.Popen[bytes]:
    """A runner of BOD in a process of its own, as a person or the service would have it."""
    command = [sys.executable, "-P", str(Path(__file__)), str(path), json.dumps(options)]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    )


def until(true: Callable[[], object], within_s: float = 10) -> None:
    """Wait until something holds."""
    limit = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.01)


def states(rows: Mapping[str, Row]) -> dict[str, str]:
    return {name: row.state.value for name, row in rows.items()}


def in_the_order_started(rows: Sequence[Row]) -> list[str]:
    return [row.process.name for row in sorted(rows, key=lambda row: row.attempts[0].started_ns)]


if __name__ == "__main__":
    load(Path(sys.argv[1])).run(**json.loads(sys.argv[2]))
