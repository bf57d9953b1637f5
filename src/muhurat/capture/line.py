"""One of the connections that a feed comes by, and what is known of it."""

from __future__ import annotations

from typing import Final, Protocol

from muhurat.capture.journal.format import connection_flags
from muhurat.venues.base import ConnectionEvent, ConnectionKind

LOST: Final = frozenset(
    {ConnectionKind.DISCONNECTED, ConnectionKind.STALE, ConnectionKind.REFUSED, ConnectionKind.UNREACHABLE}
)
SETTLED: Final = frozenset({ConnectionKind.CONNECTED, ConnectionKind.REFUSED, ConnectionKind.UNREACHABLE})
ATTEMPTS: Final = frozenset({ConnectionKind.REFUSED, ConnectionKind.UNREACHABLE})

_GRAVITY: Final = ("connected", "subscribed", "connecting", "stale", "disconnected", "unreachable", "refused")
"""States from the best to the worst."""


class LineOwner(Protocol):
    """Who is told what comes by a line."""

    def received(self, line: Line, payload: bytes) -> None: ...

    def told(self, line: Line, text: str) -> None: ...

    def happened(self, line: Line, event: ConnectionEvent) -> None: ...


class Line:
    """A `venues.base.StreamListener`. `connection` is the feed's number for its present or last connection (counted
    over all lines, so that no two connections of a feed share one), `flags` the same as a record carries it.

    `login_needed` says that the venue refuses the session, `settled` that the first attempt to connect is over, `gap`
    since when data may be missing, why, and of which connection (0: none yet).
    """

    def __init__(self, owner: LineOwner, number: int) -> None:
        self.number = number
        self.connection = 0
        self.flags = 0
        self.last_frame_ns = self.last_data_ns = 0
        self.gap: tuple[int, str, int] | None = None
        self.state, self.why = "connecting", ""
        self.settled = self.login_needed = False
        self._owner = owner

    def connect(self, number: int) -> None:
        """A connection begins that has this number."""
        self.connection, self.flags = number, connection_flags(number)

    def on_binary(self, payload: bytes) -> None:
        """See `StreamListener`."""
        self._owner.received(self, payload)

    def on_text(self, text: str) -> None:
        """See `StreamListener`."""
        self._owner.told(self, text)

    def on_event(self, event: ConnectionEvent) -> None:
        """See `StreamListener`."""
        self._owner.happened(self, event)


def worst(lines: list[Line]) -> tuple[str, str]:
    """The state of the line that is worst off, and why it is."""
    return max(((line.state, line.why) for line in lines), key=lambda told: _gravity(told[0]))


def _gravity(state: str) -> int:
    return _GRAVITY.index(state)
