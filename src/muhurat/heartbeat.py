"""What a service says of itself so that others can watch it: that it is ready, and its gauges.

Readiness is a newline on the file descriptor named by `MUHURAT_READY_FD` (as in s6); gauges are a small JSON file,
`<run_dir>/<service>.status.json`, replaced as a whole. Neither ever goes to a database.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from muhurat.clock import Clock

READY_FD: Final = "MUHURAT_READY_FD"
_SUFFIX: Final = ".status.json"
_LEAST_INTERVAL_S: Final = 0.5


class Heartbeat:
    """One service's own word about its state, written at most twice a second of real time."""

    def __init__(self, service: str, run_dir: Path, clock: Clock) -> None:
        self.service = service
        self.run_dir = run_dir
        self._path = run_dir / f"{service}{_SUFFIX}"
        self._clock = clock
        self._written_at = float("-inf")
        run_dir.mkdir(parents=True, exist_ok=True)

    def ready(self) -> None:
        """Tell the supervisor, once, that the service does its work from now on."""
        named = os.environ.pop(READY_FD, None)
        if named is None:
            return
        fd = int(named)
        try:
            os.write(fd, b"\n")
        except BrokenPipeError:
            pass  # the supervisor that started us has died; its successor adopts us by our lock
        finally:
            os.close(fd)

    def beat(self, detail: str, *, now: bool = False, **gauges: Any) -> None:
        """Publish a sentence and the gauges; skipped when the last one is younger than half a second, unless `now`.

        A disk that takes not even that ends no service: who looks sees how old the last word is.
        """
        at = self._clock.monotonic()
        if not now and at - self._written_at < _LEAST_INTERVAL_S:
            return
        self._written_at = at
        document = {
            "service": self.service,
            "pid": os.getpid(),
            "at_ns": self._clock.now_ns(),
            "monotonic": at,
            "detail": detail,
            "gauges": gauges,
        }
        self._write(msgspec.json.encode(document))

    def _write(self, document: bytes) -> None:
        """Replace the file; on a full disk, overwrite it where it is, so that we do not look dead."""
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(document)
            fresh.replace(self._path)
        except OSError:
            with suppress(OSError), self._path.open("r+b") as file:
                file.write(document)
                file.truncate()


def read_heartbeats(run_dir: Path) -> dict[str, dict[str, Any]]:
    """The last word of every service that ever spoke in this run directory, by service name."""
    spoken = {}
    for path in sorted(run_dir.glob(f"*{_SUFFIX}")):
        try:
            spoken[path.name.removesuffix(_SUFFIX)] = msgspec.json.decode(path.read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):  # just going, or half written on a full disk
            continue
    return spoken
