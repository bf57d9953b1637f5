"""How long the disk will do: what is free, what an hour writes, whether the session ends before the room does."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any, Final, NamedTuple

from muhurat.clock import NS_PER_S, Clock

_HOUR_NS: Final = 3600 * NS_PER_S
_LOOK_EVERY_S: Final = 5.0
_WINDOW_NS: Final = 900 * NS_PER_S
_LEAST_NS: Final = 60 * NS_PER_S
_REAL_WINDOW_S: Final = 300.0
_MOST_SAMPLES: Final = 400
_MARGIN_HOURS: Final = 1.0
_HINT: Final = "make room on it: move old days away, or what else lies there"


def free_bytes(directory: Path) -> int:
    """What an ordinary user may still write on the disk of a directory; raises `OSError`."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


class _Sample(NamedTuple):
    at_ns: int
    monotonic: float
    written: int
    free: int


class DiskForecast:
    """Looks at the disk every few seconds and says when it would be full at the present rate.

    The rate is in desk hours over the last quarter of one: what the recorder wrote, or what became of the free space
    where that shrinks faster, as when other programs write there too. The latter counts only after five minutes of
    real time, since in a rehearsal hours pass in seconds for the desk but not for its neighbours.
    """

    def __init__(
        self, directory: Path, clock: Clock, *, least_free_bytes: float = 0, closes_ns: int | None = None
    ) -> None:
        """`closes_ns`: until when recording goes on today; one more hour has to fit as well."""
        self._directory = directory
        self._clock = clock
        self._least_free_bytes = least_free_bytes
        self._closes_ns = closes_ns
        self._samples: deque[_Sample] = deque(maxlen=_MOST_SAMPLES)
        self._looked_at = float("-inf")
        self._free: int | None = None
        self._unknown = ""

    def look(self, written: int) -> None:
        """Ask the disk when it is time to; `written` is what the recorder has written so far."""
        at = self._clock.monotonic()
        if at - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = at
        try:
            self._free = free_bytes(self._directory)
        except OSError as error:
            self._free, self._unknown = None, error.strerror or str(error)
            return
        self._unknown = ""
        self._samples.append(_Sample(self._clock.now_ns(), at, written, self._free))
        self._forget(self._samples[-1])

    def facts(self) -> dict[str, Any]:
        """The forecast in numbers; None is "not known (yet)", never endless."""
        return {
            "directory": str(self._directory),
            "free_bytes": self._free,
            "bytes_per_hour": self._rate(),
            "hours_left": self._hours_left(),
            "error": self._unknown,
            "trouble": self.trouble(),
        }

    def trouble(self) -> dict[str, str] | None:
        """What a person should know before it happens, as heartbeats carry it; None while the room will do."""
        if self._unknown:
            what = f"the free space of {self._directory} cannot be asked: {self._unknown}"
            return _trouble("disk unknown", "critical", what, "look at its disk, its owner and its permissions")
        if self._free is None:
            return None
        left = self._hours_left()
        if left is not None and left < self._hours_wanted():
            level = "critical" if left < _MARGIN_HOURS else "warning"
            what = f"the disk of {self._directory} will be full in about {left:.1f} h at the present rate"
            return _trouble(f"disk {level}", level, what, _HINT)
        if self._free < self._least_free_bytes:
            what = f"only {self._free / 1e9:.1f} GB are free on the disk of {self._directory}"
            return _trouble("disk low", "warning", what, _HINT)
        return None

    def _forget(self, now: _Sample) -> None:
        """Drop what is too old on both clocks."""
        samples = self._samples
        while (
            now.at_ns - samples[0].at_ns > _WINDOW_NS
            and now.monotonic - samples[0].monotonic > _REAL_WINDOW_S + _LOOK_EVERY_S
        ):
            samples.popleft()

    def _rate(self) -> float | None:
        """Bytes per desk hour; None until there is something to go by."""
        if not self._samples:
            return None
        now = self._samples[-1]
        begin = next(one for one in self._samples if now.at_ns - one.at_ns <= _WINDOW_NS)
        if now.at_ns - begin.at_ns < _LEAST_NS:
            return None
        rate = _per_hour(now.written - begin.written, begin, now)
        oldest = self._samples[0]
        if now.monotonic - oldest.monotonic >= _REAL_WINDOW_S and now.at_ns > oldest.at_ns:
            rate = max(rate, _per_hour(oldest.free - now.free, oldest, now))
        return max(0.0, rate)

    def _hours_left(self) -> float | None:
        rate = self._rate()
        return None if not rate or self._free is None else self._free / rate

    def _hours_wanted(self) -> float:
        rest_ns = 0 if self._closes_ns is None else max(0, self._closes_ns - self._clock.now_ns())
        return rest_ns / _HOUR_NS + _MARGIN_HOURS


def _per_hour(amount: int, begin: _Sample, now: _Sample) -> float:
    return amount * _HOUR_NS / (now.at_ns - begin.at_ns)


def _trouble(name: str, level: str, what: str, hint: str) -> dict[str, str]:
    return {"name": name, "level": level, "what": what, "hint": hint}
