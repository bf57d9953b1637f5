"""How fast a file has to come: a server that drips is as good as one that hangs."""

from __future__ import annotations

from typing import Final

from muhurat.clock import Clock

SLOWEST_BYTES_PER_S: Final = 1_000
"""A download that stays below this for its time-out has failed."""


class Pace:
    """Whether a download comes fast enough; measured in real time by the clock that was handed in.

    `timeout_s` is the stretch over which it may be slow, `total_s` how long all of it may take.
    """

    def __init__(self, clock: Clock, timeout_s: float, total_s: float) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._total_s = total_s
        self._began = self._since = clock.monotonic()
        self._bytes = 0

    def complaint(self, received: int) -> str | None:
        """Take note of bytes; what is wrong with the pace, None when nothing is."""
        self._bytes += received
        now = self._clock.monotonic()
        if now - self._began > self._total_s:
            return f"was not done within {self._total_s:g} s"
        if (passed := now - self._since) >= self._timeout_s:
            if self._bytes < SLOWEST_BYTES_PER_S * passed:
                return f"only drips, less than {SLOWEST_BYTES_PER_S} bytes a second for {passed:.1f} s"
            self._since, self._bytes = now, 0
        return None
