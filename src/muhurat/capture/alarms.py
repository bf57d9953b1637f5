"""What should reach a person, kept until it could be told: a disk that takes no records takes no alerts either."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

Level = Literal["warning", "critical"]
Tell = Callable[[Level, str, str], bool]
"""(level, what, hint); false when it could not be told now."""

_MOST: Final = 100


class Alarms:
    """Hands alerts on in order; the newest hundred wait while they cannot be told."""

    def __init__(self, tell: Tell | None = None) -> None:
        """Without `tell` nobody listens."""
        self._tell = tell
        self._waiting: deque[tuple[Level, str, str]] = deque(maxlen=_MOST)

    def raise_(self, level: Level, what: str, hint: str) -> None:
        """Tell a person what went wrong and what to do."""
        if self._tell is not None:
            self._waiting.append((level, what, hint))
            self.tell()

    def tell(self) -> None:
        """Try again with what could not be told before."""
        while self._waiting and self._tell is not None and self._tell(*self._waiting[0]):
            self._waiting.popleft()
