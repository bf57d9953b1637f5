"""A trading session: one day of one segment, its windows as instants, and times of day relative to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from muhurat.clock import IST, NS_PER_S, to_ns
from muhurat.errors import CalendarError

_WALL_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_RELATIVE: Final = re.compile(r"(open|close)(?:([+-])(\d+)(h|m|s))?")
_SECONDS: Final = {"h": 3600, "m": 60, "s": 1}


class SessionKind(StrEnum):
    """Why a day trades: an ordinary day, or one that an exchange announced by itself."""

    REGULAR = "regular"
    MUHURAT = "muhurat"
    BUDGET = "budget"
    DR_TEST = "dr_test"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time `[open_ns, close_ns)`, UTC nanoseconds."""

    open_ns: int
    close_ns: int

    def contains(self, instant_ns: int) -> bool:
        return self.open_ns <= instant_ns < self.close_ns


@dataclass(frozen=True, slots=True)
class Session:
    """One day's trading of one segment.

    `windows` are the stretches of continuous trading in order; they never overlap, and a disaster-recovery test has
    two. `named` are further stretches by name, such as `pre_open`, `closing_auction` or `fo_stocks`. `source` says who
    announced the hours.
    """

    mic: str
    segment: str
    day: date
    zone: str
    kind: SessionKind
    name: str
    source: str
    windows: tuple[Window, ...]
    named: tuple[tuple[str, Window], ...] = ()

    @property
    def open_ns(self) -> int:
        """The instant continuous trading begins."""
        return self.windows[0].open_ns

    @property
    def close_ns(self) -> int:
        """The instant continuous trading ends for good."""
        return self.windows[-1].close_ns

    def contains(self, instant_ns: int) -> bool:
        """Whether the segment trades continuously at an instant; false in the pause between two windows."""
        return any(window.contains(instant_ns) for window in self.windows)

    def window(self, name: str) -> Window | None:
        """The named stretch, None when this session has none of that name."""
        return dict(self.named).get(name)


def at(when: Session | date, text: str) -> int:
    """The instant, UTC nanoseconds, that `text` means on a day.

    `09:05` and `09:05:30` are wall-clock times: the session's own, or India's when only a date is given. `open-10m`,
    `close` and `close+5m` (units h, m, s) are relative to a session. Raises `CalendarError` naming any other text, and
    for a relative text without a session.
    """
    if wall := _WALL_TIME.fullmatch(text):
        return to_ns(datetime.combine(_day_of(when), _time_of_day(text, wall), _zone_of(when)))
    relative = _RELATIVE.fullmatch(text)
    if relative is None:
        raise CalendarError(f"{text!r} is no time of a session", hint="write 09:05, open-10m, close or close+5m")
    if not isinstance(when, Session):
        raise CalendarError(f"{text!r} needs a session, and {when} is only a date")
    edge, sign, amount, unit = relative.groups()
    edge_ns = when.open_ns if edge == "open" else when.close_ns
    if sign is None:
        return edge_ns
    return edge_ns + int(sign + amount) * _SECONDS[unit] * NS_PER_S


def _time_of_day(text: str, match: re.Match[str]) -> time:
    hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return time(hour, minute, second)
    except ValueError as error:
        raise CalendarError(f"{text!r} is no time of day: {error}") from error


def _day_of(when: Session | date) -> date:
    return when.day if isinstance(when, Session) else when


def _zone_of(when: Session | date) -> tzinfo:
    return ZoneInfo(when.zone) if isinstance(when, Session) else IST
