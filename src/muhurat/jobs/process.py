"""The facts of a registry and of a run: what is to run, in which state it is, and how an attempt ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from muhurat.jobs.base import ForSession, OnFailure, Phase


@dataclass(frozen=True, slots=True)
class Process:
    """One entry of `process.json`.

    `name` is the title in lower case with underscores and names the process everywhere: in rows, files and commands; it
    is unique in its registry. `parameter` is as written, secrets still as `${env:NAME}`. `not_before` and `deadline`
    are edges: `08:30` in India's time, or `open-10m`, `close+10m`. `job` is the name of a built-in job, else None;
    `script` is the path of a user's script on this machine, else None.
    """

    title: str
    name: str
    phase: Phase
    order: int
    is_active: bool
    application_path: str
    parameter: Mapping[str, Any] = field(default_factory=dict)
    job: str | None = None
    script: Path | None = None
    depends_on: tuple[str, ...] = ()
    timeout_s: float = 600
    retries: int = 2
    not_before: str | None = None
    deadline: str | None = None
    on_failure: OnFailure = "block"
    days: tuple[str, ...] = ()
    run_on_holidays: bool = False
    for_session: ForSession = "today"
    idempotent: bool = True


@dataclass(frozen=True, slots=True)
class Monitored:
    """One entry of the registry's `process_monitor`: a process's or a container's name."""

    title: str
    process: str


@dataclass(frozen=True, slots=True)
class Registry:
    """A whole `process.json`, valid."""

    source: Path
    base_path: Path | None
    processes: tuple[Process, ...]
    monitored: tuple[Monitored, ...]
    digest: str

    def phase(self, phase: Phase) -> tuple[Process, ...]:
        """The processes of one half of the day, in order."""
        return tuple(sorted((p for p in self.processes if p.phase == phase), key=lambda p: (p.order, p.name)))


class State(StrEnum):
    """What a row, one job on one business date, is in.

    Late: its deadline passed before it was done; it may still run or succeed, and keeps saying so. Lost: it ran, and
    nobody knows how it ended.
    """

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    LATE = "Late"
    LOST = "Lost"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a process. `ended_ns` and `exit_code` are None while it runs, the exit code also when it is lost.

    Instants are desk time; `seconds` is the real time it took, None when nobody measured it.
    """

    run_id: str
    name: str
    business_date: date
    number: int
    started_ns: int
    ended_ns: int | None = None
    exit_code: int | None = None
    seconds: float | None = None
    rows: int | None = None
    files: tuple[str, ...] = ()
    note: str = ""
    hint: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One job on one business date, as everybody sees it; `attempts` oldest first.

    `reason` says why it is Skipped, Failed, Late or still Pending. `deadline_ns` is the desk instant by which it has to
    be done. `late` stays true once the deadline has passed unfinished. `held` keeps it from starting.
    """

    process: Process
    business_date: date
    session_date: date | None
    state: State
    reason: str = ""
    late: bool = False
    held: bool = False
    overridden_by: str = ""
    deadline_ns: int | None = None
    attempts: tuple[Attempt, ...] = ()
