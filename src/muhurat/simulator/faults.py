"""Faults on command: what a tester asked a simulated venue to do wrong, for how long, and to whom.

A fault lasts for real seconds (`for_s`) or for a number of occasions (`count`). It may be meant for one connection of a
streaming venue, or for the routes below one path of an HTTP venue. Venues ask the board; the board knows no venue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import msgspec

from muhurat.errors import UsageError


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /_sim/faults`."""

    fault: str
    for_s: float | None = None
    count: int | None = None
    connection: int | None = None
    path: str | None = None
    delay_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault a venue knows: whether it lasts (`for_s`) or happens (`count`) when a request names neither."""

    meaning: str
    default_for_s: float | None = None
    default_count: int | None = None


@dataclass(slots=True)
class Fault:
    """A fault that has been asked for. `until` is real monotonic time, `left` the occasions to come."""

    number: int
    request: Request
    until: float | None
    left: int | None
    hits: int = 0

    def concerns(self, connection: int | None, path: str | None) -> bool:
        wanted = self.request
        return wanted.connection in (None, connection) and (wanted.path is None or (path or "").startswith(wanted.path))

    def over(self, now: float) -> bool:
        return (self.until is not None and now >= self.until) or self.left == 0

    def described(self, now: float) -> dict[str, Any]:
        left_s = None if self.until is None else round(max(0.0, self.until - now), 3)
        asked = self.request
        scope = {"connection": asked.connection, "path": asked.path}
        return {
            "id": self.number,
            "fault": asked.fault,
            "for_s": left_s,
            "count": self.left,
            "hits": self.hits,
            **scope,
        }


class FaultBoard:
    """The faults a venue is to show at present. False when there are none, so that a hot path can ask cheaply."""

    def __init__(self, known: Mapping[str, Kind], monotonic: Callable[[], float]) -> None:
        self.known: Final = known
        self._monotonic = monotonic
        self._faults: list[Fault] = []
        self._numbers = count(1)

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, body: bytes) -> Fault:
        """Take a request as JSON; raises `UsageError` naming what is wrong with it."""
        try:
            request = msgspec.json.decode(body, type=Request)
        except msgspec.MsgspecError as error:
            raise UsageError(f"no fault: {error}", hint='send for example {"fault": "drop", "count": 1}') from error
        kind = self.known.get(request.fault)
        if kind is None:
            raise UsageError(f"unknown fault {request.fault!r}; known: {', '.join(self.known)}")
        unsaid = request.for_s is None and request.count is None
        for_s = kind.default_for_s if unsaid else request.for_s
        occasions = kind.default_count if unsaid else request.count
        until = None if for_s is None else self._monotonic() + for_s
        fault = Fault(next(self._numbers), request, until, occasions)
        self._faults.append(fault)
        return fault

    def clear(self) -> int:
        """Forget all faults; says how many there were."""
        cleared = len(self._faults)
        self._faults.clear()
        return cleared

    def showing(self, name: str, connection: int | None = None, path: str | None = None) -> Fault | None:
        """The fault of that name to show now, if any, without using up an occasion."""
        if not self._faults:
            return None
        now = self._monotonic()
        self._faults = [fault for fault in self._faults if not fault.over(now)]
        fitting = (f for f in self._faults if f.request.fault == name and f.concerns(connection, path))
        return next(fitting, None)

    def take(self, name: str, connection: int | None = None, path: str | None = None) -> Fault | None:
        """Like `showing`, and counts the occasion."""
        fault = self.showing(name, connection, path)
        if fault is not None:
            fault.hits += 1
            if fault.left is not None:
                fault.left -= 1
        return fault

    def described(self) -> list[dict[str, Any]]:
        now = self._monotonic()
        return [fault.described(now) for fault in self._faults if not fault.over(now)]
