"""What services themselves say should reach a person: the `troubles` among the gauges of their heartbeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from muhurat.clock import Clock
from muhurat.supervisor.alerts import Alerts

_OVER_AFTER_S: Final = 600.0
"""A trouble that comes back sooner is the same one still; real seconds."""
_AGAIN_AFTER_S: Final = 30.0
"""What could not be told is tried again; real seconds."""


class Troubles:
    """Makes an alert of each trouble, once while it lasts.

    A trouble is `{name, level, what, hint}`; `what` may change from word to word, `name` says that it is the same one.
    """

    def __init__(self, alerts: Alerts, clock: Clock) -> None:
        self._alerts = alerts
        self._clock = clock
        self._heard: dict[tuple[str, str], float] = {}
        self._again: dict[tuple[str, str], float] = {}

    def hear(self, service: str, word: Mapping[str, Any]) -> None:
        """Listen to a service's last word."""
        now = self._clock.monotonic()
        for trouble in word.get("gauges", {}).get("troubles", ()):
            known = (service, trouble["name"])
            if now - self._heard.get(known, float("-inf")) <= _OVER_AFTER_S or self._tell(known, trouble, now):
                self._heard[known] = now

    def _tell(self, known: tuple[str, str], trouble: Mapping[str, Any], now: float) -> bool:
        """Tells whether it could be told now; a full disk takes no alerts."""
        if now < self._again.get(known, float("-inf")):
            return False
        self._again[known] = now + _AGAIN_AFTER_S
        return self._alerts.raise_(trouble["level"], trouble["what"], trouble["hint"])
