"""The registry while the day runs: a changed file counts from then on, a wrong one changes nothing but is told."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from muhurat.clock import Clock
from muhurat.errors import ConfigError
from muhurat.jobs.process import Registry
from muhurat.log import get_logger
from muhurat.supervisor.alerts import Alerts

_LOOK_EVERY_S: Final = 0.5


class RegistrySource(Protocol):
    """A registry that follows its file, as `jobs.registry.RegistryFile` does."""

    source: Path
    problem: ConfigError | None
    """What is wrong with the file as it lies there; None when that is the one in force."""

    def current(self) -> Registry:
        """The newest valid registry. Raises `ConfigError` only while there never was one."""


class LiveRegistry:
    """The registry in force, looked at twice a second at most.

    A file that has become wrong is told once, to `alerts`: by the runner, and not by each who follows the file.
    """

    def __init__(self, source: RegistrySource, clock: Clock, alerts: Alerts | None = None) -> None:
        self._source = source
        self._clock = clock
        self._alerts = alerts
        self._registry: Registry | None = None
        self._look_at = float("-inf")
        self._told = ""
        self._log = get_logger("jobs")

    @property
    def problem(self) -> str:
        """What is wrong with the file as it lies there; empty when it is the registry in force."""
        return self._told

    def current(self) -> Registry:
        """The registry in force. Raises `ConfigError` as long as there was no valid one."""
        now = self._clock.monotonic()
        if self._registry is not None and now < self._look_at:
            return self._registry
        fresh = self._source.current()
        self._look_at = now + _LOOK_EVERY_S
        if self._registry is not None and fresh.digest != self._registry.digest:
            self._log.info("registry changed", file=str(fresh.source), processes=len(fresh.processes))
        self._registry = fresh
        self._tell(self._source.problem)
        return fresh

    def _tell(self, problem: ConfigError | None) -> None:
        told = str(problem) if problem is not None else ""
        if told and told != self._told and self._alerts is not None:
            what = f"{self._source.source.name} was changed and is wrong; what it said before stays in force: {told}"
            self._alerts.raise_("critical", what, "correct the places named; the file is read again by itself")
        self._told = told
