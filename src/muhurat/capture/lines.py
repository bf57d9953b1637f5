"""The lines that a feed comes by, and the gaps in what came by them; a gap of one line is a gap of the feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from muhurat.capture.backlog import gap_entry
from muhurat.capture.line import ATTEMPTS, LOST, SETTLED, Line, LineOwner, worst
from muhurat.capture.recorded_today import RecordedToday
from muhurat.clock import NS_PER_S, Clock
from muhurat.venues.base import ConnectionEvent, ConnectionKind

_LATE_NS: Final = 60 * NS_PER_S
_STATES: Final = {ConnectionKind.SUBSCRIBED: "connected", ConnectionKind.RESUMED: "connected"}

Span = tuple[int | None, int | None]
"""From when until when silence is a gap; None where nobody knows."""


class FeedLines:
    """A feed is as well as the worst of its lines: `state`, `why`, `login_needed`.

    `gaps` are today's that are over, `connections` counts today's; `settled` is set when the first attempt of every
    line to connect is over. Only the first line is there from the start.
    """

    def __init__(self, owner: LineOwner, clock: Clock, hours: Span, note: Callable[[dict[str, Any]], None]) -> None:
        """`owner` hears the lines; `note` takes what belongs into the `.ctl`, each gap among it."""
        self.settled = asyncio.Event()
        self.state, self.why = "connecting", ""
        self.login_needed = False
        self.connections = 0
        self.gaps: list[dict[str, Any]] = []
        self.first = Line(owner, 0)
        self._lines = {0: self.first}
        self._numbers = 0
        self._stopping = False
        self._owner = owner
        self._clock = clock
        self._opens_ns, self._closes_ns = hours
        self._note = note

    @property
    def gap_since_ns(self) -> int | None:
        """Since when something should have come that has not; None while all is well."""
        return min((line.gap[0] for line in self._lines.values() if line.gap), default=None)

    def open(self, number: int, *, heard: bool) -> Line:
        """The line of a number. One that is there before anything was heard has missed what the feed has missed."""
        if number not in self._lines:
            self._lines[number] = line = Line(self._owner, number)
            line.gap = None if heard else self.first.gap
            self._judge()
        return self._lines[number]

    def end(self, number: int) -> None:
        """A line's end is no gap; a gap it has ends here, for other lines carry what it carried."""
        line = self._lines.pop(number)
        self.end_gap(line, self._clock.now_ns())
        self._judge()

    def expect_end(self) -> None:
        """The lines are about to be closed on purpose."""
        self._stopping = True

    def close(self) -> None:
        """The recording ends, and with it every gap."""
        for line in self._lines.values():
            self.end_gap(line, self._clock.now_ns())
        self.state, self.login_needed = "closed", False

    def go_on_from(self, past: RecordedToday, now_ns: int) -> None:
        """What today's journal holds already; from its end on the recorder was down."""
        self.connections, self.gaps = past.connections, list(past.gaps)
        self.first.last_frame_ns = self.first.last_data_ns = past.last_ts_ns
        since_ns = past.heard_until_ns if past.last_ts_ns else self._missed_since(now_ns)
        self._begin_gap(self.first, since_ns, "the recorder was down")

    def number_of(self, line: Line, event: ConnectionEvent) -> int:
        """Which of the feed's connections an event is of. An attempt has the number its connection would have had."""
        if event.kind is ConnectionKind.CONNECTED:
            self._numbers += 1
            line.connect(self._numbers)
        return self._numbers + 1 if event.kind in ATTEMPTS else line.connection

    def follow(self, line: Line, event: ConnectionEvent) -> None:
        """Take note of what happened to a line's connection; a lost one begins a gap."""
        line.state, line.why = _STATES.get(event.kind, event.kind.value), event.reason
        self.connections += event.kind is ConnectionKind.CONNECTED
        line.login_needed = event.kind is ConnectionKind.REFUSED and event.permanent
        line.settled = line.settled or event.kind in SETTLED
        if event.kind in LOST and line in self._lines.values():
            since_ns = line.last_data_ns if event.kind is ConnectionKind.STALE else line.last_frame_ns
            self._begin_gap(line, since_ns or self._missed_since(event.at_ns), f"{event.kind.value} {event.reason}")
        self._judge()

    def end_gap(self, line: Line, now_ns: int) -> bool:
        """Data flow again, or the recording ends; tells whether there was a gap within the feed's hours."""
        if line.gap is None:
            return False
        (from_ns, reason, connection), line.gap = line.gap, None
        to_ns = now_ns if self._closes_ns is None else min(now_ns, self._closes_ns)
        if to_ns <= from_ns:
            return False
        entry = gap_entry(from_ns, to_ns, reason, **({"connection": connection} if connection else {}))
        self.gaps.append(entry)
        self._note(entry)
        return True

    def _judge(self) -> None:
        lines = list(self._lines.values())
        self.state, self.why = worst(lines) if lines else ("left out", "the venue's connections are all in use")
        self.login_needed = any(line.login_needed for line in lines)
        if all(line.settled for line in lines):
            self.settled.set()

    def _missed_since(self, now_ns: int) -> int:
        """Since when records should have come on a day that has none yet; 0 while it is early."""
        opens_ns = self._opens_ns
        return opens_ns if opens_ns is not None and now_ns > opens_ns + _LATE_NS else 0

    def _begin_gap(self, line: Line, since_ns: int, reason: str) -> None:
        """Since then records of a line may be missing; after the feed's hours none are."""
        after_hours = self._closes_ns is not None and self._clock.now_ns() >= self._closes_ns
        if line.gap is None and since_ns and not self._stopping and not after_hours:
            line.gap = (since_ns, reason.rstrip(), line.connection)
            if len(self._lines) > 1:  # the others' records would hide it from a recorder that comes after a crash
                self._note({"event": "gap_begins", "from_ns": since_ns, "connection": line.connection})
