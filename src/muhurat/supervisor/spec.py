"""What a service is to the supervisor: a command, its hours and the patience to have with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from muhurat.calendars.calendar import Calendar
from muhurat.calendars.session import at
from muhurat.clock import NS_PER_S


class Window(Protocol):
    """The hours of a service."""

    def edges(self, day: date) -> tuple[int, int] | None:
        """Start and stop of the day in UTC ns, None on a day without a session; raises `CalendarError`."""


@dataclass(frozen=True, slots=True)
class SessionWindow:
    """Hours told by a calendar: `lead_s` before the earliest of `starts` to `linger_s` after the latest of `stops`.

    An edge is text that the calendar understands: `09:05`, `open-10m`, `close+5m`.
    """

    calendar: Calendar
    starts: tuple[str, ...]
    stops: tuple[str, ...]
    lead_s: int = 0
    linger_s: int = 0

    def edges(self, day: date) -> tuple[int, int] | None:
        session = self.calendar.session(day)
        if session is None:
            return None
        first = min(at(session, edge) for edge in self.starts)
        return first - self.lead_s * NS_PER_S, max(at(session, edge) for edge in self.stops) + self.linger_s * NS_PER_S


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to try again; real seconds.

    A service has `start_s` to say that it is ready and `stop_s` to end. It is tried again after `first_delay_s`, then
    twice as long each time up to `longest_delay_s`, until it has run for `healthy_after_s`; more than `burst` failures
    of any cause within `burst_window_s` end the trying. One that has spoken and then says nothing for `silent_s` hangs.
    """

    start_s: float = 60
    stop_s: float = 15
    first_delay_s: float = 0.5
    longest_delay_s: float = 60
    burst: int = 5
    burst_window_s: float = 120
    healthy_after_s: float = 30
    silent_s: float = 60


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One service: `command` runs in a session of its own; without a window it runs all day, every day.

    `stays` says that it must run until it is told to end: exit code 0 inside its window is a failure then, too.
    """

    name: str
    command: tuple[str, ...]
    window: Window | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    patience: Patience = Patience()
    memory_limit_mb: int = 2048
    stays: bool = False

    def fingerprint(self) -> str:
        """Changes when a running process of this service would no longer be what the desk asks for."""
        told = json.dumps([self.name, self.command, sorted(self.environment.items())])
        return hashlib.sha256(told.encode()).hexdigest()[:16]
