"""Whether a stream that looks connected is alive."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from muhurat.clock import NS_PER_S, Clock


class Condition(StrEnum):
    """What a look at a connection finds: all well, nothing at all, or frames without market data."""

    ALIVE = "alive"
    SILENT = "silent"
    MUTE = "mute"


class Pulse:
    """Judges one connection by two counters, looked at a few times a second; so the hot path only has to count.

    `silence_s` is real. `data_s` is desk time from the moment data became due, and `data_floor_s` of real time must
    have passed as well: a rehearsal runs a hundred times faster than the machine schedules its processes.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        silence_s: float,
        data_s: float,
        data_floor_s: float,
        data_due: Callable[[int], bool],
    ) -> None:
        self._clock = clock
        self._silence_s = silence_s
        self._data_ns = round(data_s * NS_PER_S)
        self._data_floor_s = data_floor_s
        self._data_due = data_due
        self._frames = self._messages = 0
        self._frame_at = clock.monotonic()
        self._wait_for_data()

    def look(self, frames: int, messages: int) -> Condition:
        """The condition now, given how many frames have come so far, and how many of them held market data."""
        now = self._clock.monotonic()
        if frames != self._frames:
            self._frames, self._frame_at = frames, now
        if messages != self._messages or not self._data_due(self._clock.now_ns()):
            self._messages = messages
            self._wait_for_data()
        if now - self._frame_at > self._silence_s:
            return Condition.SILENT
        return Condition.MUTE if self._mute(now) else Condition.ALIVE

    def _wait_for_data(self) -> None:
        self._data_at, self._data_at_ns = self._clock.monotonic(), self._clock.now_ns()

    def _mute(self, now: float) -> bool:
        waited_ns = self._clock.now_ns() - self._data_at_ns
        return waited_ns > self._data_ns and now - self._data_at > self._data_floor_s
