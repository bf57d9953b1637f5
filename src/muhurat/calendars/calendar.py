"""Which days an exchange trades, when, and who said so.

A calendar is made of the package's file for an exchange and a desk's overlays. It answers only for the days its files
cover: a question beyond them raises `CalendarError`, because a calendar that guesses opens on holidays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib import resources
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from muhurat.calendars.layer import Entry, Hours, Layer, Span, parse_base, read_overlay
from muhurat.calendars.session import Session, SessionKind, Window
from muhurat.clock import to_ns
from muhurat.errors import CalendarError

WEEKEND: Final = "weekend"
_ONE_DAY: Final = timedelta(days=1)
_IMPORT_HINT: Final = "add them with their source: muhurat calendar import FILE"


@dataclass(frozen=True, slots=True)
class DayStatus:
    """What is known of one date: `kind` is `weekend`, `holiday` or a `SessionKind`; `name` and `source` say why.

    `hours_known` is false for a session that is announced and whose hours are not.
    """

    day: date
    open: bool
    kind: str
    name: str
    source: str
    hours_known: bool = True


class Calendar:
    """The trading days of one segment of one exchange. Days are the exchange's local dates."""

    def __init__(
        self,
        mic: str,
        segment: str,
        zone: str,
        covers: tuple[date, date],
        hours: Sequence[Hours],
        days: Mapping[date, Entry],
    ) -> None:
        self.mic = mic
        self.segment = segment
        self.zone = zone
        self.first, self.last = covers
        self._zone = ZoneInfo(zone)
        self._hours = tuple(hours)
        self._days = dict(days)

    def horizon(self) -> date:
        """The last day that the data cover."""
        return self.last

    def ends_soon(self, today: date) -> str | None:
        """A warning from 1 December of the last covered year on, None before."""
        if today < date(self.last.year, 12, 1):
            return None
        return f"the calendar of {self.mic} {self.segment} ends on {self.last}; {_IMPORT_HINT}"

    def status(self, day: date) -> DayStatus:
        """Whether and why a day trades; needs no hours. Raises `CalendarError` beyond the data."""
        self._check(day)
        entry = self._days.get(day)
        if entry is not None:
            return DayStatus(day, entry.is_open, entry.kind, entry.name, entry.source, not entry.hours_unknown)
        if day.weekday() >= 5:
            return DayStatus(day, False, WEEKEND, day.strftime("%A"), "")
        return DayStatus(day, True, SessionKind.REGULAR.value, "", self._hours_on(day).source)

    def is_open(self, day: date) -> bool:
        """Whether the day has a session, be its hours known or not."""
        return self.status(day).open

    def why(self, day: date) -> str:
        """The reason in a word or two: `weekend`, a holiday's name, or the kind of session, such as `muhurat`."""
        status = self.status(day)
        return status.kind if status.open or status.kind == WEEKEND else status.name

    def session(self, day: date) -> Session | None:
        """The day's session, None when the exchange is closed.

        Raises `CalendarError` beyond the data, and for a session whose hours the exchange has not published.
        """
        return self._session(day) if self.is_open(day) else None

    def open_days(self, first: date, last: date) -> Iterator[date]:
        """The trading days from `first` to `last`, both included; needs no hours."""
        day = first
        while day <= last:
            if self.is_open(day):
                yield day
            day += _ONE_DAY

    def sessions(self, first: date, last: date) -> Iterator[Session]:
        """The sessions from `first` to `last`, both included, in order."""
        for day in self.open_days(first, last):
            yield self._session(day)

    def previous_day(self, day: date) -> date:
        """The last trading day before `day`."""
        return self._search(day, -_ONE_DAY)

    def next_day(self, day: date) -> date:
        """The first trading day after `day`."""
        return self._search(day, _ONE_DAY)

    def previous_session(self, day: date) -> Session:
        """The last session before `day`. Raises `CalendarError` when the data end, or its hours are not known."""
        return self._session(self.previous_day(day))

    def next_session(self, day: date) -> Session:
        """The first session after `day`. Raises `CalendarError` when the data end, or its hours are not known."""
        return self._session(self.next_day(day))

    def expiring_index_close(self, day: date) -> int:
        """When index contracts that expire on `day` stop trading, UTC nanoseconds; raises on a closed day.

        From 2026-12-07 that is before the segment's own close (named window `expiring_index`); before, the same.
        """
        session = self.session(day)
        if session is None:
            raise CalendarError(f"{self.mic} {self.segment} is closed on {day} ({self.why(day)}): nothing expires")
        window = session.window("expiring_index")
        return session.close_ns if window is None else window.close_ns

    def _session(self, day: date) -> Session:
        status, entry = self.status(day), self._days.get(day)
        if not status.hours_known:
            raise CalendarError(
                f"{self.mic} {self.segment} trades on {day} ({status.name}), but its hours are not known",
                hint=_IMPORT_HINT,
            )
        hours: Entry | Hours = self._hours_on(day)
        if entry is not None and entry.trading is not None:
            hours = entry
        return Session(
            mic=self.mic,
            segment=self.segment,
            day=day,
            zone=self.zone,
            kind=SessionKind(status.kind),
            name=status.name,
            source=status.source,
            windows=tuple(self._window(day, span) for span in hours.trading or ()),
            named=tuple((name, self._window(day, span)) for name, span in hours.named),
        )

    def _search(self, day: date, step: timedelta) -> date:
        found = day + step
        while not self.is_open(found):
            found += step
        return found

    def _hours_on(self, day: date) -> Hours:
        return next(hours for hours in reversed(self._hours) if hours.since <= day)

    def _window(self, day: date, span: Span) -> Window:
        return Window(self._instant(day, span[0]), self._instant(day, span[1]))

    def _instant(self, day: date, when: time) -> int:
        return to_ns(datetime.combine(day, when, self._zone))

    def _check(self, day: date) -> None:
        if not self.first <= day <= self.last:
            raise CalendarError(
                f"the calendar of {self.mic} {self.segment} knows {self.first} to {self.last}, not {day}",
                hint=_IMPORT_HINT,
            )


def calendar_for(mic: str, segment: str, overlays: Sequence[Path] = ()) -> Calendar:
    """The calendar of a segment, such as `XNSE` `FO`, with a desk's overlay files laid over it, later ones winning.

    Overlays of other exchanges are left aside. Raises `CalendarError` for an unknown exchange or segment and for a file
    that is not sound.
    """
    base = base_layer(mic)
    if segment not in base.segments:
        raise CalendarError(f"{base.mic} has no segment {segment!r}; known: {', '.join(base.segments)}")
    further = (read_overlay(path, base) for path in overlays)
    return stack(base, [layer for layer in further if layer is not None], segment)


def base_layer(mic: str) -> Layer:
    """The package's own file for an exchange, named by its market identifier code."""
    folder = resources.files("muhurat.calendars") / "data"
    file = folder / f"{mic.lower()}.toml"
    if not mic.isalnum() or not file.is_file():
        raise CalendarError(f"there is no calendar for {mic!r}; known: {', '.join(known_mics())}")
    return parse_base(file.read_text(encoding="utf-8"), file.name)


def known_mics() -> list[str]:
    """The exchanges that the package has a calendar for."""
    names = (file.name for file in (resources.files("muhurat.calendars") / "data").iterdir())
    return sorted(name.removesuffix(".toml").upper() for name in names if name.endswith(".toml"))


def desk_overlays(folder: Path, mic: str) -> tuple[Path, ...]:
    """The overlay that `muhurat calendar import` writes for a desk in `folder`, if it is there."""
    path = overlay_path(folder, mic)
    return (path,) if path.is_file() else ()


def overlay_path(folder: Path, mic: str) -> Path:
    """Where a desk in `folder` keeps its own lines for an exchange."""
    return folder / "calendars" / f"{mic.lower()}.toml"


def stack(base: Layer, overlays: Sequence[Layer], segment: str) -> Calendar:
    """One calendar out of a base file and overlays; later layers win day by day."""
    if base.zone is None or base.covers is None:
        raise CalendarError(f"{base.origin} lacks its zone or the days it covers")
    covers = base.covers
    days: dict[date, Entry] = {}
    hours: dict[date, Hours] = {}
    for layer in (base, *overlays):
        covers = _extended(covers, layer)
        days |= _days_within(covers, layer, segment)
        hours |= {row.since: row for row in layer.hours.get(segment, ())}
    if not hours or min(hours) > covers[0]:
        raise CalendarError(f"{base.origin}: the hours of {segment} on {covers[0]} are missing")
    return Calendar(base.mic, segment, base.zone, covers, [hours[since] for since in sorted(hours)], days)


def _days_within(covers: tuple[date, date], layer: Layer, segment: str) -> dict[date, Entry]:
    days = {day: entry for (of, day), entry in layer.days.items() if of == segment}
    outside = [day for day in days if not covers[0] <= day <= covers[1]]
    if outside:
        raise CalendarError(
            f"{layer.origin}: {min(outside)} lies outside the data, {covers[0]} to {covers[1]}",
            hint="when the file holds the whole year, say so: covers = { from = ..., to = ... }",
        )
    return days


def _extended(covers: tuple[date, date], layer: Layer) -> tuple[date, date]:
    if layer.covers is None:
        return covers
    first, last = layer.covers
    if first > covers[1] + _ONE_DAY or last < covers[0]:
        raise CalendarError(f"{layer.origin} covers {first} to {last}, which leaves a gap after {covers[1]}")
    return covers[0], max(covers[1], last)
