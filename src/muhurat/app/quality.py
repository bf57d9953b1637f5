"""The desk's feeds as the gap repair and the quality report see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from muhurat.app.desk import calendar_of
from muhurat.clock import Clock
from muhurat.config import Desk

if TYPE_CHECKING:
    from muhurat.calendars.session import Session
    from muhurat.capture.quality.hours import RecordedFeed, RecordedFeeds, TradingHours

_CASH: Final = "CM"


def recorded_feeds(desk: Desk, clock: Clock) -> RecordedFeeds:
    return DeskFeeds(desk)


@dataclass(frozen=True, slots=True)
class DeskFeeds:
    """See `capture.quality.hours.RecordedFeeds`."""

    desk: Desk

    def on(self, day: date) -> list[RecordedFeed]:
        from muhurat.capture.quality.hours import TradingHours

        session = calendar_of(self.desk).session(day)
        if session is None:
            return []
        hours = TradingHours(session, self._cash(day))
        found = [self._feed(name, hours) for name in self.desk.feeds]
        return sorted(found, key=lambda feed: not feed.traded)

    def _cash(self, day: date) -> Session | None:
        """The hours of shares and index values, from the same exchange and the same overlays."""
        from muhurat.calendars.calendar import calendar_for, desk_overlays

        chosen = self.desk.calendar
        overlays = tuple(self.desk.path(path) for path in chosen.overlays) or desk_overlays(
            self.desk.folder, chosen.mic
        )
        return calendar_for(chosen.mic, _CASH, overlays).session(day)

    def _feed(self, name: str, hours: TradingHours) -> RecordedFeed:
        from muhurat.calendars.session import at
        from muhurat.capture.quality.hours import RecordedFeed
        from muhurat.capture.universe import universe_path
        from muhurat.venues.kite.decode import decode_message

        desk, session = self.desk, hours.derivatives
        return RecordedFeed(
            name=name,
            venue=desk.feeds[name].venue,
            journal=desk.data_dir / "raw_ticks" / name,
            universe=universe_path(desk.data_dir / "universe", name, session.day),
            hours=hours,
            opens_ns=at(session, desk.feeds[name].start),
            closes_ns=at(session, desk.feeds[name].stop),
            decode=decode_message,
            traded=desk.trading is not None and desk.trading.feed == name,
        )
