"""The desk's feeds as the gap repair sees them, and the quality report of a day."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from muhurat.app.desk import calendar_of, clock_of, tick_store
from muhurat.capture.quality import quality_path
from muhurat.clock import Clock
from muhurat.config import Desk

if TYPE_CHECKING:
    from muhurat.calendars.session import Session
    from muhurat.capture.quality.hours import RecordedFeed, RecordedFeeds, TradingHours

_CASH: Final = "CM"


def recorded_feeds(desk: Desk, clock: Clock) -> RecordedFeeds:
    return DeskFeeds(desk)


def quality_report(desk: Desk, day: date, progress: Callable[[str], None] = lambda feed: None) -> dict[str, Any]:
    """How good the day's recording is, as far as the day has come."""
    from muhurat.capture.quality.report import quality_of

    clock = clock_of(desk)
    with tick_store(desk, clock) as store:
        return quality_of(DeskFeeds(desk).on(day), store, day, clock.now_ns(), progress=progress)


def write_quality(desk: Desk, report: dict[str, Any]) -> Path:
    """Keep a quality report; returns its path. Raises `DiskTrouble`, and then leaves an earlier one."""
    from muhurat.venues.part_file import part_of

    path = quality_path(desk.data_dir, date.fromisoformat(report["date"]))
    with part_of(path) as part:
        part.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


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
