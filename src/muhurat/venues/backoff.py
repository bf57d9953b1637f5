"""How long to wait before knocking again."""

from __future__ import annotations

from random import Random


class Backoff:
    """Pauses that grow with each failure: evenly spread between nothing and a limit that doubles up to a cap.

    The spread ("full jitter") keeps clients that failed together from coming back together.
    """

    def __init__(self, first_s: float, cap_s: float, chance: Random) -> None:
        self.failures = 0
        self._first_s = first_s
        self._cap_s = cap_s
        self._chance = chance

    def next_s(self) -> float:
        """The pause after one more failure, in seconds."""
        limit_s = min(self._cap_s, self._first_s * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return self._chance.uniform(0.0, limit_s)

    def reset(self) -> None:
        """Things went well; start again from short pauses."""
        self.failures = 0
