"""One service's processes: spawned in a session of their own under a lock they inherit, found again by whoever is next.

In the run directory a service has `<service>.lock`, open in the service and in what it spawns, and locked exactly as
long as one of them lives; its first byte is a newline once the service has said that it is ready. Beside it,
`<service>.pid.json` says who: pid and the kernel's start time of that pid together name a process for good. A
supervisor that is killed before it could write that file leaves a process that the next one finds by its lock.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from muhurat.errors import MuhuratError
from muhurat.heartbeat import READY_FD
from muhurat.log import get_logger
from muhurat.supervisor import lock
from muhurat.supervisor.kernel import Seen, boot_id, everyone, look
from muhurat.supervisor.spec import ServiceSpec

SUPERVISOR: Final = "supervisor"
"""The name under which the supervisor itself has a lock, as a service has one."""

_STARTED: Final = b"."
_READY: Final = b"\n"
_LONGEST_OUTPUT: Final = 10_000_000
_HOPELESS: Final = frozenset({errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENOEXEC, errno.EISDIR})


class StillRuns(MuhuratError):
    """A process of the service holds its lock, so no second one may start."""

    permanent = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs: pid, the kernel's start time of that pid (clock ticks since that boot), and what it was started as."""

    pid: int
    start_ticks: int
    boot: str
    fingerprint: str
    since_ns: int


class ServiceProcess:
    """A service's main process, our child or an adopted one."""

    def __init__(self, identity: Identity, pidfd: int, lock_path: Path, child: subprocess.Popen[bytes] | None) -> None:
        self.identity = identity
        self._pidfd = pidfd
        self._end = select.poll()
        self._end.register(pidfd, select.POLLIN)
        self._lock_path = lock_path
        self._child = child

    @property
    def pid(self) -> int:
        return self.identity.pid

    def said_ready(self) -> bool:
        """Whether the service has said, to us or to our predecessor, that it does its work."""
        try:
            return self._lock_path.read_bytes()[:1] == _READY
        except FileNotFoundError:  # somebody cleaned the run directory
            return False

    def ended(self) -> bool:
        """Whether the main process is gone; others of the service may live on."""
        return bool(self._end.poll(0))

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while running and for an adopted process.

        The process stays a zombie until `close`: so its number cannot be given to another one while what it left
        behind is still being ended by that number.
        """
        if self._child is None:
            return None
        try:
            told = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # who started us ignores SIGCHLD, so the kernel keeps no zombies
            return None
        if told is None:
            return None
        return told.si_status if told.si_code == os.CLD_EXITED else -told.si_status

    def close(self) -> None:
        """Let go of a process that has ended."""
        if self._child is not None:
            self._child.poll()
        os.close(self._pidfd)


class Launcher:
    """Starts services, finds those that run, and signals all that belongs to one."""

    def __init__(self, run_dir: Path, logs_dir: Path) -> None:
        self._run_dir = run_dir
        self._logs_dir = logs_dir

    def spawn(self, spec: ServiceSpec, now_ns: int) -> ServiceProcess:
        """Start the service; raises `StillRuns`, or `MuhuratError` when its command cannot be run."""
        try:
            child = self._popen(spec)
            pidfd = os.pidfd_open(child.pid)
        except OSError as error:
            what = f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
            raise MuhuratError(
                f"{spec.name}: cannot be started: {what}",
                permanent=error.errno in _HOPELESS,
                hint="check its command, and run_dir and logs_dir of the desk file",
            ) from error
        seen = look(child.pid)
        identity = Identity(child.pid, seen.start_ticks if seen else 0, boot_id(), spec.fingerprint(), now_ns)
        self._record(spec.name, identity)
        return ServiceProcess(identity, pidfd, lock_path(spec.name, self._run_dir), child)

    def find(self, name: str) -> ServiceProcess | None:
        """The service's main process that an earlier supervisor left running."""
        identity = identify(name, self._run_dir)
        if identity is None:
            return None
        try:
            pidfd = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            return None
        if not is_alive(identity):  # asked again: between the first answer and now its number may have changed hands
            os.close(pidfd)
            return None
        return ServiceProcess(identity, pidfd, lock_path(name, self._run_dir), None)

    def remains(self, name: str, process: ServiceProcess | None) -> bool:
        """Whether anything of the service lives: its lock is held, or its session is not empty."""
        if lock_is_held(name, self._run_dir):
            return True
        identity = process.identity if process else recorded(name, self._run_dir)
        return identity is not None and any(True for _ in _session(identity))

    def signal(self, name: str, process: ServiceProcess | None, number: signal.Signals) -> None:
        """Signal everything of the service once: its group, others of its session, and who else holds its lock."""
        identity = process.identity if process else recorded(name, self._run_dir)
        group = identity.pid if identity is not None and _is_its_number(identity) else 0
        if group:
            _send(-group, number)
        others = set(lock.holders(lock_path(name, self._run_dir)))
        if identity is not None:
            others |= {seen.pid for seen in _session(identity)}
        for pid in others:
            seen = look(pid)
            if seen is not None and not (group and seen.group == group):
                _send(pid, number)

    def _popen(self, spec: ServiceSpec) -> subprocess.Popen[bytes]:
        with ExitStack() as stack:
            held = lock.take(lock_path(spec.name, self._run_dir))
            if held is None:
                raise StillRuns(f"{spec.name}: another copy of it still runs", hint="it is being ended first")
            stack.callback(os.close, held)
            os.pwrite(held, _STARTED, 0)
            ready = os.dup(held)
            stack.callback(os.close, ready)
            output = os.open(self._output(spec.name), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            stack.callback(os.close, output)
            _identity_path(spec.name, self._run_dir).unlink(missing_ok=True)
            defaults = {"PYTHONFAULTHANDLER": "1"}  # a service that hangs is ended by SIGABRT, and leaves its stack
            return subprocess.Popen(
                spec.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**defaults, **os.environ, **spec.environment, READY_FD: str(ready)},
                pass_fds=(held, ready),
                start_new_session=True,
            )

    def _output(self, name: str) -> Path:
        path = self._logs_dir / f"{name}_output.log"
        with suppress(FileNotFoundError):
            if path.stat().st_size > _LONGEST_OUTPUT:
                path.replace(path.with_suffix(".log.1"))
        return path

    def _record(self, name: str, identity: Identity) -> None:
        """Write who runs, whole or not at all; on a full disk the next supervisor goes by the lock alone."""
        path = _identity_path(name, self._run_dir)
        fresh = path.with_suffix(".new")
        try:
            fresh.write_bytes(msgspec.json.encode(identity))
            fresh.replace(path)
        except OSError as error:
            get_logger("supervisor").warning("pid file not written", of=name, why=error.strerror)


def lock_path(name: str, run_dir: Path) -> Path:
    """The lock of a service, or of the supervisor itself."""
    return run_dir / f"{name}.lock"


def lock_is_held(name: str, run_dir: Path) -> bool:
    """Whether any process that inherited the service's lock still lives."""
    return lock.is_held(lock_path(name, run_dir))


def names(run_dir: Path) -> set[str]:
    """Every service that ever ran in this run directory."""
    stems = {path.name.removesuffix(".lock") for path in run_dir.glob("*.lock")}
    stems |= {path.name.removesuffix(".pid.json") for path in run_dir.glob("*.pid.json")}
    return stems - {SUPERVISOR}


def recorded(name: str, run_dir: Path) -> Identity | None:
    """Who the identity file of a service names, alive or not; None when it is from before the machine's last start."""
    try:
        identity = msgspec.json.decode(_identity_path(name, run_dir).read_bytes(), type=Identity)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return identity if identity.boot == boot_id() else None


def is_alive(identity: Identity) -> bool:
    """Whether that very process lives, and not another that got its number."""
    seen = look(identity.pid)
    return seen is not None and seen.alive and seen.start_ticks == identity.start_ticks


def identify(name: str, run_dir: Path) -> Identity | None:
    """The living main process: the one on record, else the session leader that holds the lock (fingerprint unknown)."""
    identity = recorded(name, run_dir)
    if identity is not None and is_alive(identity):
        return identity
    if lock_is_held(name, run_dir):
        for pid in lock.holders(lock_path(name, run_dir)):
            seen = look(pid)
            if seen is not None and seen.alive and seen.session == pid:
                return Identity(pid, seen.start_ticks, boot_id(), "", 0)
    return None


def _session(identity: Identity) -> Iterator[Seen]:
    """The living processes of the session that a service leads or led."""
    if _is_its_number(identity):
        yield from (seen for seen in everyone() if seen.alive and seen.session == identity.pid)


def _is_its_number(identity: Identity) -> bool:
    """Whether the pid is not somebody else's by now; the kernel keeps it back while its session has a member."""
    seen = look(identity.pid)
    return seen is None or seen.start_ticks == identity.start_ticks


def _send(pid: int, number: signal.Signals) -> None:
    """Signal a process, or a group when negative; a stopped one is woken, so that it can follow."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)


def _identity_path(name: str, run_dir: Path) -> Path:
    return run_dir / f"{name}.pid.json"
