"""Starting attempts, and learning what became of those that this or an earlier runner started.

An attempt is found by its job's lock and its files, whoever started it, so there is no adopting: every look asks the
same two questions. Nothing is guessed: an attempt with neither a result nor a process is lost, unless its files show
that the job's process was never started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

from muhurat.clock import ENVIRONMENT_VARIABLE, Clock, SimulatedClock
from muhurat.errors import MuhuratError
from muhurat.heartbeat import READY_FD
from muhurat.jobs.arguments import arguments
from muhurat.jobs.attempt_files import ENDED, AttemptFiles, lock_of, read_whole, write_whole
from muhurat.jobs.hidden import VARIABLE, hide
from muhurat.jobs.process import Attempt, Process
from muhurat.jobs.standing import Standing
from muhurat.jobs.verdict import Ended
from muhurat.supervisor import lock

JOBS: Final = "jobs"
"""The folder of attempts in `run_dir`, and of their logs in `logs_dir`."""

RESULT_VARIABLE: Final = "MUHURAT_RUN_RESULT"
NAME_VARIABLE: Final = "MUHURAT_PROCESS"
BUSINESS_DATE_VARIABLE: Final = "MUHURAT_BUSINESS_DATE"
SESSION_DATE_VARIABLE: Final = "MUHURAT_SESSION_DATE"

GRACE_S: Final = 5.0
"""For all that a job started, between SIGTERM and SIGKILL."""

_STARTED: Final = b"."
_READY: Final = b"\n"
_OVERTIME_S: Final = 15.0
"""After a job's time is over, for the process around it to end it; then whoever runs is ended from here."""


class Unfinished(Enum):
    """What an attempt without a result is."""

    RUNS = auto()
    NEVER_BEGAN = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where jobs run: the desk's folders, and how this desk's own command is called.

    `command` is `(python, "-m", "muhurat")`, `options` what follows a verb (`--desk FILE --overlay FILE`); `dotenv`
    reads the values of the desk's `.env`.
    """

    folder: Path
    run_dir: Path
    logs_dir: Path
    command: Sequence[str]
    options: Sequence[str]
    dotenv: Callable[[], Mapping[str, str]]

    @property
    def jobs_dir(self) -> Path:
        return self.run_dir / JOBS


@dataclass(slots=True)
class Claim:
    """A job's lock, taken for one attempt that is about to start."""

    run_id: str
    log: Path
    files: AttemptFiles
    held: int

    def give_up(self) -> None:
        os.close(self.held)


class Attempts:
    """The attempts of one desk."""

    def __init__(self, workplace: Workplace, clock: Clock) -> None:
        self._at = workplace
        self._clock = clock
        self._shims: dict[str, subprocess.Popen[bytes]] = {}
        self._overdue: dict[str, float] = {}
        self._leaving: list[subprocess.Popen[bytes]] = []

    def claim(self, standing: Standing) -> Claim | None:
        """Take the job's lock for its next attempt; None while a process of it lives. Raises `MuhuratError`."""
        number = len(standing.attempts) + 1
        run_id = f"{standing.business_date}.{standing.name}.{number}"
        folder = self._at.logs_dir / JOBS / str(standing.business_date)
        try:
            for needed in (folder, self._at.jobs_dir):
                needed.mkdir(parents=True, exist_ok=True)
            held = lock.take(lock_of(self._at.jobs_dir, standing.name))
        except OSError as error:
            raise _cannot(standing.name, error) from error
        if held is None:
            return None
        files = AttemptFiles(self._at.jobs_dir, run_id)
        files.remove()  # of a run log that was thrown away
        return Claim(run_id, folder / f"{standing.name}.{number}.log", files, held)

    def start(self, standing: Standing, claim: Claim) -> None:
        """Start the process around the attempt, which takes over the lock. Raises `MuhuratError`."""
        try:
            with ExitStack() as stack:
                stack.callback(os.close, claim.held)
                os.pwrite(claim.held, _STARTED, 0)
                ready = os.dup(claim.held)
                stack.callback(os.close, ready)
                hidden = hide(self._at.dotenv())
                stack.callback(os.close, hidden)
                inherited = (claim.held, ready, hidden)
                write_whole(claim.files.spec, self._spec(standing, claim, inherited))
                log = os.open(claim.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
                stack.callback(os.close, log)
                self._shims[claim.run_id] = subprocess.Popen(
                    [sys.executable, "-P", "-m", "muhurat.jobs.shim", str(claim.files.spec)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment(standing, claim, ready, hidden),
                    pass_fds=inherited,
                    start_new_session=True,
                )
        except OSError as error:
            raise _cannot(standing.name, error) from error

    def look(self, attempt: Attempt) -> Ended | Unfinished:
        """What became of an attempt that was started, by us or another."""
        files = AttemptFiles(self._at.jobs_dir, attempt.run_id)
        told = read_whole(files.result)
        if not _has_ended(told):
            shim_code = self._shim_code(attempt.run_id)
            if lock.is_held(lock_of(self._at.jobs_dir, attempt.name)):
                return Unfinished.RUNS
            told = read_whole(files.result)  # it may have ended between the two questions
            if not _has_ended(told):
                return self._without_result(told, shim_code)
        return _ended(told or {})

    def said_ready(self, name: str) -> bool:
        """Whether the running job has said that it holds desk time itself where it needs to."""
        try:
            return lock_of(self._at.jobs_dir, name).read_bytes()[:1] == _READY
        except FileNotFoundError:
            return True

    def holders(self, name: str) -> list[int]:
        """The pids of the processes of a job that live; milliseconds."""
        return list(lock.holders(lock_of(self._at.jobs_dir, name)))

    def stop(self, attempt: Attempt) -> None:
        """Tell the process around an attempt to end it; where that is gone, the job's own processes."""
        self._signal(attempt, signal.SIGTERM)

    def mind_the_time(self, attempt: Attempt, process: Process) -> None:
        """End a running attempt whose time is over and which nobody else ends, the process around it being gone.

        An attempt of an earlier runner is given its whole time again from our first look: when it began is known in
        desk time only, and that may have been set.
        """
        now = self._clock.monotonic()
        over_at = self._overdue.setdefault(attempt.run_id, now + process.timeout_s + _OVERTIME_S)
        if now > over_at:
            self._signal(attempt, signal.SIGKILL)

    def forget(self, run_id: str) -> None:
        """Remove the files of an attempt whose end is in the run log."""
        self._overdue.pop(run_id, None)
        AttemptFiles(self._at.jobs_dir, run_id).remove()
        self._leaving += [shim for shim in (self._shims.pop(run_id, None),) if shim is not None]
        self._leaving = [shim for shim in self._leaving if shim.poll() is None]  # it ends as soon as it has told

    def _spec(self, standing: Standing, claim: Claim, inherited: Sequence[int]) -> dict[str, Any]:
        process = standing.process
        told = arguments(process.parameter)
        command = (
            [*self._at.command, "job", "run", process.job, *told, *self._at.options] if process.job is not None else []
        )
        return {
            "command": command,
            "script": str(process.script) if process.script else process.application_path,
            "arguments": told,
            "folder": str(self._at.folder),
            "log": str(claim.log),
            "result": str(claim.files.result),
            "outcome": str(claim.files.outcome),
            "timeout_s": process.timeout_s,
            "grace_s": GRACE_S,
            "inherited": list(inherited),
        }

    def _environment(self, standing: Standing, claim: Claim, ready: int, hidden: int) -> dict[str, str]:
        session = standing.expected.session_date
        own = {
            RESULT_VARIABLE: str(claim.files.outcome),
            NAME_VARIABLE: standing.name,
            BUSINESS_DATE_VARIABLE: str(standing.business_date),
            VARIABLE: str(hidden),
            "PYTHONUNBUFFERED": "1",
        }
        if session is not None:
            own[SESSION_DATE_VARIABLE] = str(session)
        if standing.process.job is not None:
            own[READY_FD] = str(ready)
        if isinstance(self._clock, SimulatedClock):
            own[ENVIRONMENT_VARIABLE] = str(self._clock.page.path)
        return {**os.environ, **own}

    def _shim_code(self, run_id: str) -> int | None:
        shim = self._shims.get(run_id)
        return shim.poll() if shim is not None else None

    def _without_result(self, told: Mapping[str, Any] | None, shim_code: int | None) -> Ended | Unfinished:
        """Nothing of it lives and no result was kept: its exit code, if it was told to us, is all there is."""
        if shim_code is not None and shim_code >= 0:
            code = shim_code if shim_code <= 128 else 128 - shim_code
            what = "it was not started: its files" if told is None else "its result"
            note = f"{what} could not be written; make room in run_dir" if code else ""
            return Ended(code, self._clock.now_ns(), note=note)
        return Unfinished.NEVER_BEGAN if told is None else Unfinished.LOST

    def _signal(self, attempt: Attempt, number: signal.Signals) -> None:
        told = read_whole(AttemptFiles(self._at.jobs_dir, attempt.run_id).result) or {}
        holders = set(lock.holders(lock_of(self._at.jobs_dir, attempt.name)))
        chosen = {told["shim"]} if number is signal.SIGTERM and told.get("shim") in holders else holders
        for pid in chosen:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
                os.kill(pid, signal.SIGCONT)


def _has_ended(told: Mapping[str, Any] | None) -> bool:
    return told is not None and told.get("state") == ENDED


def _ended(told: Mapping[str, Any]) -> Ended:
    return Ended(
        exit_code=told["exit_code"],
        ended_ns=told["ended_ns"],
        seconds=told["seconds"],
        rows=told["rows"],
        files=tuple(told["files"]),
        note=told["note"],
        hint=told["hint"],
        facts=told["facts"],
        timed_out=told["timed_out"],
        stopped=told["stopped"],
    )


def _cannot(name: str, error: OSError) -> MuhuratError:
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    return MuhuratError(
        f"{name} cannot be started: {what}", permanent=False, hint="check run_dir and logs_dir of the desk file"
    )
