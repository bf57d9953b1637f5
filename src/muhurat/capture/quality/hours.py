"""When each instrument of a day trades, and which minutes of that a feed was to record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Protocol

from muhurat.calendars.session import Session, Window
from muhurat.capture.universe import Entry
from muhurat.clock import NS_PER_S
from muhurat.model.instrument import INDEX_UNDERLYINGS
from muhurat.model.tick import MessageDecoder

MINUTE_NS: Final = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class TradingHours:
    """The sessions of one day: that of derivatives, and that of shares and indices where the calendar has one."""

    derivatives: Session
    cash: Session | None = None

    def windows(self, entry: Entry) -> tuple[Window, ...]:
        """When an instrument trades continuously, or its value is spread.

        A share counts as one on which derivatives trade, and so may stop for the closing auction: minutes after that
        are not expected of it, which is no harm to one that trades on.
        """
        if entry.type == "INDEX" or entry.segment == "INDICES":
            return self._cash("index")
        if entry.type == "EQ" or entry.asset_class == "equity_cash":
            return self._cash("fo_stocks")
        expires_today = entry.expiry == self.derivatives.day.isoformat()
        last = self.derivatives.window("expiring_index")
        if expires_today and last and entry.underlying in INDEX_UNDERLYINGS:
            return (last,)
        return self.derivatives.windows

    def _cash(self, name: str) -> tuple[Window, ...]:
        if self.cash is None:
            return self.derivatives.windows
        named = self.cash.window(name)
        return (named,) if named else self.cash.windows


@dataclass(frozen=True, slots=True)
class RecordedFeed:
    """One feed of a venue on one day: its journal, its universe file, and from when until when it is recorded.

    `traded` says that the desk trades on it; `decode` understands its messages.
    """

    name: str
    venue: str
    journal: Path
    universe: Path
    hours: TradingHours
    opens_ns: int
    closes_ns: int
    decode: MessageDecoder
    traded: bool = False

    def minutes(self, entry: Entry, until_ns: int) -> Iterator[int]:
        """The starts of the minutes in which this instrument was to be recorded, as far as they have passed."""
        for window in self.hours.windows(entry):
            begin, end = max(window.open_ns, self.opens_ns), min(window.close_ns, self.closes_ns, until_ns)
            first = -(-begin // MINUTE_NS) * MINUTE_NS
            yield from range(first, end - MINUTE_NS + 1, MINUTE_NS)


class RecordedFeeds(Protocol):
    """The desk's feeds, as jobs ask for them."""

    def on(self, day: date) -> list[RecordedFeed]:
        """The feeds of a day, the traded one first; none on a closed day."""
