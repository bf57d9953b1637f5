"""One service's process: spawned in its own session under a lock it inherits, adopted by the next supervisor.

The lock file `<run_dir>/<service>.lock` is open in the service and whatever it spawns; it stays locked exactly as long
as one of them lives, whoever started them. Beside it, `<service>.pid.json` says who: pid and the kernel's start time of
that pid together name a process for good.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from muhurat.errors import MuhuratError
from muhurat.heartbeat import READY_FD
from muhurat.supervisor.spec import ServiceSpec


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs: pid, the kernel's start time of that pid (clock ticks since boot), and what it was started as."""

    pid: int
    start_ticks: int
    fingerprint: str
    since_ns: int


class ServiceProcess:
    """A living service, our child or an adopted one."""

    def __init__(
        self, spec: ServiceSpec, identity: Identity, child: subprocess.Popen[bytes] | None, ready: int
    ) -> None:
        self.spec = spec
        self.identity = identity
        self.adopted = child is None
        self._child = child
        self._ready = ready
        self._pidfd = os.pidfd_open(identity.pid) if child is None else -1

    @property
    def pid(self) -> int:
        return self.identity.pid

    def said_ready(self) -> bool:
        """Whether the service wrote its newline; an adopted one said it to our predecessor."""
        if self._ready < 0:
            return True
        with suppress(BlockingIOError):
            if os.read(self._ready, 1):
                self._close_ready()
                return True
        return False

    def ended(self) -> bool:
        """Whether the main process is gone (its group may not be)."""
        if self._child is not None:
            return self._child.poll() is not None
        return bool(select.select([self._pidfd], [], [], 0)[0])

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while running and for an adopted process."""
        return self._child.returncode if self._child is not None else None

    def ask(self, number: signal.Signals) -> None:
        """Send a signal to every process of the service."""
        signal_group(self.pid, number)

    def memory_mb(self) -> float:
        """Resident memory of the service and its descendants."""
        try:
            main = psutil.Process(self.pid)
            return sum(part.memory_info().rss for part in (main, *main.children(recursive=True))) / 2**20
        except psutil.Error:
            return 0.0

    def close(self) -> None:
        """Let go of the file descriptors; the process must have ended."""
        self._close_ready()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _close_ready(self) -> None:
        if self._ready >= 0:
            os.close(self._ready)
            self._ready = -1


def spawn(spec: ServiceSpec, run_dir: Path, logs_dir: Path, now_ns: int) -> ServiceProcess:
    """Start the service; raises `MuhuratError` when its command cannot be run or another copy holds its lock."""
    lock = _take_lock(spec.name, run_dir)
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    environment = {**os.environ, **spec.environment, READY_FD: str(writable)}
    output = os.open(logs_dir / f"{spec.name}_output.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    try:
        child = subprocess.Popen(
            spec.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            pass_fds=(lock, writable),
            start_new_session=True,
        )
    except OSError as error:
        os.close(readable)
        raise MuhuratError(f"{spec.name}: cannot run {spec.command[0]!r}: {error}", hint="check the command") from error
    finally:
        for fd in (lock, writable, output):
            os.close(fd)
    identity = Identity(child.pid, _start_ticks(child.pid) or 0, spec.fingerprint(), now_ns)
    _identity_path(spec.name, run_dir).write_text(json.dumps(asdict(identity)))
    return ServiceProcess(spec, identity, child, readable)


def find(spec: ServiceSpec, run_dir: Path) -> ServiceProcess | None:
    """The process of this service that an earlier supervisor left running, if it is still the one on record."""
    identity = recorded(spec.name, run_dir)
    if identity is None or _start_ticks(identity.pid) != identity.start_ticks:
        return None
    try:
        return ServiceProcess(spec, identity, None, -1)
    except ProcessLookupError:
        return None


def recorded(name: str, run_dir: Path) -> Identity | None:
    """What the identity file of a service says, alive or not."""
    try:
        return Identity(**json.loads(_identity_path(name, run_dir).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def is_alive(identity: Identity) -> bool:
    """Whether that very process lives, and not another that got its number."""
    return identity.start_ticks != 0 and _start_ticks(identity.pid) == identity.start_ticks


def lock_is_held(name: str, run_dir: Path) -> bool:
    """Whether any process of the service, orphans included, still lives."""
    path = run_dir / f"{name}.lock"
    if not path.exists():
        return False
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def holders(name: str, run_dir: Path) -> Iterator[psutil.Process]:
    """Processes that have the service's lock file open: the service, its descendants, its orphans."""
    try:
        wanted = (run_dir / f"{name}.lock").stat()
    except FileNotFoundError:
        return
    for process in psutil.process_iter():
        with suppress(OSError):
            for entry in os.scandir(f"/proc/{process.pid}/fd"):
                with suppress(OSError):
                    found = entry.stat()
                    if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino) and process.pid != os.getpid():
                        yield process
                        break


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signal the process group that a service leads; nothing happens when it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _take_lock(name: str, run_dir: Path) -> int:
    fd = os.open(run_dir / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise MuhuratError(
            f"{name}: another copy of it still runs", permanent=False, hint="it is being ended; the next try follows"
        ) from None
    return fd


def _identity_path(name: str, run_dir: Path) -> Path:
    return run_dir / f"{name}.pid.json"


def _start_ticks(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    after_name = stat[stat.rindex(")") + 2 :].split()
    return None if after_name[0] in "ZX" else int(after_name[19])
