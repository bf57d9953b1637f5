"""The process around one attempt of a job: `python -m muhurat.jobs.shim SPECFILE`.

It leads a session of its own and holds the job's lock, which the job inherits, so it outlives the runner: the next
runner finds it by the lock and what came of it in the attempt's files (`jobs.attempt_files`). It starts the job in a
process group of its own, passes the job's output on to the attempt's log without the desk's secrets, ends the whole
group when the time is over or it is told to (SIGTERM), and writes down how it ended.

Its exit code is the job's, 128 + n for a signal. It imports little: it is to start in some 50 ms.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from muhurat.clock import Clock, clock_from_environment
from muhurat.errors import UsageError
from muhurat.jobs.arguments import names_of_secrets, secret_values
from muhurat.jobs.attempt_files import BEGUN, ENDED, read_whole, write_whole
from muhurat.jobs.attempt_log import AttemptLog
from muhurat.jobs.hidden import hidden_values

_REST_GRACE_S: Final = 1.0
"""For what the job leaves behind in its group when it ends."""

_CHUNK: Final = 65_536
_LOOK_S: Final = 0.5
_WRONG_USE: Final = 2
_TRY_LATER: Final = 75


class Shim:
    """One attempt, from its spec to its result."""

    def __init__(self, spec_file: Path, clock: Clock) -> None:
        self._spec_file = spec_file
        self._spec: dict[str, Any] = json.loads(spec_file.read_text())
        self._clock = clock
        self._result = Path(self._spec["result"])

    def run(self) -> int:
        """Run the job to its end; returns its exit code.

        A job whose beginning cannot be written down is not started: nobody could say later whether it had run.
        """
        watch = Watch(self._clock, self._spec["timeout_s"], self._spec["grace_s"])
        if not self._say({"state": BEGUN, "shim": os.getpid()}):
            return _TRY_LATER
        log = AttemptLog(Path(self._spec["log"]), secret_values(self._spec["arguments"], hidden_values()))
        try:
            child, output = self._start()
        except (OSError, UsageError) as error:
            log.write(f"{_told(error)}\n".encode())
            log.close()
            return self._finish(_WRONG_USE, {"note": _told(error), "hint": getattr(error, "hint", "")}, watch, "")
        self._say({"state": BEGUN, "shim": os.getpid(), "pid": child.pid})
        watch.until_ended(child, output, log)
        log.close()
        outcome = read_whole(Path(self._spec["outcome"])) or {}
        return self._finish(child.returncode, outcome, watch, log.last_line())

    def _start(self) -> tuple[subprocess.Popen[bytes], int]:
        output, write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(output, False)
        try:
            child = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=write,
                stderr=write,
                cwd=self._spec["folder"],
                pass_fds=self._spec["inherited"],
                process_group=0,
            )
        finally:
            os.close(write)
        return child, output

    def _command(self) -> list[str]:
        """A built-in job's command, or a script's: ours around a Python script, itself otherwise."""
        if self._spec["command"]:
            return list(self._spec["command"])
        script: str = self._spec["script"]
        if script.endswith(".py"):
            if not os.access(script, os.R_OK):
                raise UsageError(f"{script} cannot be read", hint="check application_path in the registry")
            return [sys.executable, "-P", "-m", "muhurat.jobs.script", str(self._spec_file)]
        named = names_of_secrets(self._spec["arguments"])
        if named:
            raise UsageError(
                f"{script} is no Python script, so every process list would show the value of ${{env:{named[0]}}}",
                hint="let the script read it from its environment, or wrap it in a Python script",
            )
        return [script, *self._spec["arguments"]]

    def _finish(self, code: int, outcome: Mapping[str, Any], watch: Watch, last_line: str) -> int:
        told = {
            "state": ENDED,
            "exit_code": code,
            "ended_ns": self._clock.now_ns(),
            "seconds": round(self._clock.monotonic() - watch.began, 3),
            "rows": outcome.get("rows"),
            "files": outcome.get("files") or [],
            "note": outcome.get("note") or (last_line if code else ""),
            "hint": outcome.get("hint") or "",
            "facts": outcome.get("facts") or {},
            "timed_out": watch.timed_out,
            "stopped": watch.stopped,
        }
        self._say(told)
        return code if code >= 0 else 128 - code

    def _say(self, told: dict[str, Any]) -> bool:
        """Write it down; on a full disk, where that fails, the runner goes by the exit code."""
        try:
            write_whole(self._result, told)
        except OSError as error:
            with suppress(OSError):
                sys.stderr.write(f"[{self._result.name} could not be written: {error.strerror}]\n")
            return False
        return True


class Watch:
    """Watches the job's process and passes on what it prints, until both have ended or had to."""

    def __init__(self, clock: Clock, timeout_s: float, grace_s: float) -> None:
        self.timed_out = False
        self.stopped = False
        self._clock = clock
        self._grace_s = grace_s
        self.began = clock.monotonic()
        self._until = self.began + timeout_s
        self._kill_at: float | None = None
        self._group = 0
        self._running = self._open = False
        self._poll = select.poll()
        self._wake, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._wake, select.POLLIN)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGTERM, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def until_ended(self, child: subprocess.Popen[bytes], output: int, log: AttemptLog) -> None:
        """Return when nothing of the job's group lives; `child` has its exit code then."""
        self._group, pidfd = child.pid, os.pidfd_open(child.pid)
        self._running = self._open = True
        self._poll.register(pidfd, select.POLLIN)
        self._poll.register(output, select.POLLIN)
        while self._running or self._open:
            for fd, _ in self._poll.poll(_LOOK_S * 1000):
                if fd == self._wake:
                    self._told_to_stop()
                elif fd == pidfd:
                    self._job_ended(pidfd)
                else:
                    self._printed(output, log)
            if self._over():
                break
        _signal_group(self._group, signal.SIGKILL)
        child.wait()
        while self._open and (piece := _read(output)):
            log.write(piece)

    def _told_to_stop(self) -> None:
        os.read(self._wake, _CHUNK)
        if self._running:
            self.stopped = True
            self._end_within(self._grace_s)

    def _job_ended(self, pidfd: int) -> None:
        self._poll.unregister(pidfd)
        self._running = False
        self._end_within(_REST_GRACE_S)

    def _printed(self, output: int, log: AttemptLog) -> None:
        piece = _read(output)
        if piece == b"":
            self._poll.unregister(output)
            self._open = False
        elif piece:
            log.write(piece)

    def _over(self) -> bool:
        """End what has had its time; whether nothing more is to be waited for.

        When the job is gone and its group killed, who still keeps the output open is outside and none of the job's.
        """
        now = self._clock.monotonic()
        if self._kill_at is None:
            if now > self._until:
                self.timed_out = True
                self._end_within(self._grace_s)
            return False
        if now < self._kill_at:
            return False
        _signal_group(self._group, signal.SIGKILL)
        return not self._running

    def _end_within(self, grace_s: float) -> None:
        _signal_group(self._group, signal.SIGTERM)
        self._kill_at = self._clock.monotonic() + grace_s


def main(spec_file: str) -> int:
    """Run the attempt of a spec; returns its exit code."""
    return Shim(Path(spec_file), clock_from_environment()).run()


def _read(output: int) -> bytes | None:
    """What the job printed, b"" at its end, None when there is nothing yet."""
    try:
        return os.read(output, _CHUNK)
    except BlockingIOError:
        return None


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        os.killpg(group, signal.SIGCONT)


def _told(error: OSError | UsageError) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} cannot be run: {error.strerror}"
    return str(error)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
