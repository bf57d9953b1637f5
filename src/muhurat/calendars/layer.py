"""A calendar file: what one TOML file says about an exchange's days, checked line by line.

The package has one file per exchange; a desk adds its own as overlays of the same form (docs/calendars.md). Reading is
strict: an unknown key, a date twice, a window that ends before it begins or a line without its source is refused, and
every problem of a file is reported at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from muhurat.calendars.session import SessionKind
from muhurat.errors import CalendarError

HOLIDAY: Final = "holiday"
Span = tuple[time, time]
Named = tuple[tuple[str, Span], ...]

_FILE_KEYS: Final = frozenset({"mic", "zone", "segments", "covers", "hours", "holidays", "regular", "special"})
_LINE_KEYS: Final = frozenset({"day", "name", "source", "segments", "replaces"})
_HOURS_KEYS: Final = frozenset({"segment", "since", "trading", "named", "source"})
_WEEKDAYS_OFF: Final = (5, 6)


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of ordinary days of a segment from a date on."""

    since: date
    trading: tuple[Span, ...]
    named: Named
    source: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What a file says about one day of one segment.

    `kind` is a holiday or a kind of session. `trading` is None when the hours are the ordinary ones (kind regular) or
    not known yet (any other session). `replaces` marks a line that knowingly contradicts what is known already.
    """

    kind: str
    name: str
    source: str
    trading: tuple[Span, ...] | None = None
    named: Named = ()
    replaces: bool = False

    @property
    def is_open(self) -> bool:
        return self.kind != HOLIDAY

    @property
    def hours_unknown(self) -> bool:
        return self.is_open and self.kind != SessionKind.REGULAR and self.trading is None

    def same_as(self, other: Entry) -> bool:
        """Whether both say the same about the day, whoever says it."""
        return (self.kind, self.trading, self.named) == (other.kind, other.trading, other.named)


@dataclass(frozen=True, slots=True)
class Layer:
    """One file. `zone` and `segments` are the base file's; overlays may extend `covers` and add days and hours."""

    origin: str
    mic: str
    zone: str | None = None
    segments: tuple[str, ...] = ()
    covers: tuple[date, date] | None = None
    hours: Mapping[str, tuple[Hours, ...]] = field(default_factory=dict)
    days: Mapping[tuple[str, date], Entry] = field(default_factory=dict)


def read_overlay(path: Path, base: Layer) -> Layer | None:
    """Read a desk's file for the exchange of `base`; None when it is about another exchange."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CalendarError(f"the calendar file {path} cannot be read: {error}") from error
    return parse_overlay(text, str(path), base)


def parse_overlay(text: str, origin: str, base: Layer) -> Layer | None:
    """Make a layer of a desk's TOML text; None when it is about another exchange."""
    document = _document(text, origin)
    if str(document.get("mic", base.mic)).upper() != base.mic:
        return None
    return _Reader(document, origin, base.segments).layer()


def mic_of(text: str, origin: str) -> str:
    """The exchange that a calendar file is about. Raises `CalendarError` when it does not say."""
    mic = _document(text, origin).get("mic")
    if not isinstance(mic, str):
        raise CalendarError(f"{origin} does not say which exchange it is about", hint='add a line: mic = "XNSE"')
    return mic


def parse_base(text: str, origin: str) -> Layer:
    """Make a layer of an exchange's own file. Raises `CalendarError` with every problem found."""
    return _Reader(_document(text, origin), origin, ()).layer()


def _document(text: str, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CalendarError(f"{origin} is not TOML: {error}") from error


class _Reader:
    """Walks one document, keeping the problems it meets."""

    def __init__(self, document: dict[str, Any], origin: str, segments: tuple[str, ...]) -> None:
        self._document = document
        self._origin = origin
        self._problems: list[str] = []
        self._segments = segments or tuple(map(str, document.get("segments", ())))

    def layer(self) -> Layer:
        self._keys(self._document, _FILE_KEYS, "the file")
        mic = self._document.get("mic")
        if not isinstance(mic, str) or not mic:
            self._problems.append("mic: the exchange's four letters are missing, such as XNSE")
        layer = Layer(
            origin=self._origin,
            mic=str(mic).upper(),
            zone=self._document.get("zone"),
            segments=self._segments,
            covers=self._covers(),
            hours=self._hours(),
            days=self._days(),
        )
        if self._problems:
            lines = "\n".join(f"  {problem}" for problem in self._problems)
            raise CalendarError(f"{self._origin} is not a sound calendar file:\n{lines}", hint="see docs/calendars.md")
        return layer

    def _covers(self) -> tuple[date, date] | None:
        covers = self._document.get("covers")
        if covers is None:
            return None
        match covers:
            case {"from": date() as first, "to": date() as last} if first <= last and len(covers) == 2:
                return first, last
        self._problems.append(
            f"covers: {covers!r} is no span of days, such as {{ from = 2027-01-01, to = 2027-12-31 }}"
        )
        return None

    def _hours(self) -> dict[str, tuple[Hours, ...]]:
        found: dict[str, list[Hours]] = {}
        for number, line in enumerate(self._lines("hours"), 1):
            where = f"hours {number}"
            self._keys(line, _HOURS_KEYS, where)
            segment, since = line.get("segment"), line.get("since")
            if segment not in self._segments or type(since) is not date:
                self._problems.append(f"{where}: needs a segment of {list(self._segments)} and a date `since`")
                continue
            rows = found.setdefault(segment, [])
            if rows and rows[-1].since >= since:
                self._problems.append(f"{where}: {since} does not come after {rows[-1].since}; keep them in order")
            named, source = self._named(line, where), self._source(line, where)
            trading = self._trading(line, where)
            if trading is None:
                self._problems.append(f"{where}: trading is missing")
            rows.append(Hours(since, trading or (), named, source))
        return {segment: tuple(rows) for segment, rows in found.items()}

    def _days(self) -> dict[tuple[str, date], Entry]:
        days: dict[tuple[str, date], Entry] = {}
        for where, line, entry in self._entries():
            day = line.get("day")
            if type(day) is not date:
                self._problems.append(f"{where}: day {day!r} is no date, such as 2026-11-08")
                continue
            for segment in line.get("segments", self._segments):
                if segment not in self._segments:
                    self._problems.append(f"{where}: unknown segment {segment!r}; known: {list(self._segments)}")
                if (segment, day) in days:
                    self._problems.append(f"{where}: {day} is already {days[segment, day].kind} for {segment}")
                days[segment, day] = entry
            if entry.kind == HOLIDAY and day.weekday() in _WEEKDAYS_OFF:
                self._problems.append(f"{where}: {day} is a weekend, which needs no holiday")
        return days

    def _entries(self) -> Iterator[tuple[str, dict[str, Any], Entry]]:
        for line in self._lines("holidays"):
            yield self._entry("holidays", line, HOLIDAY, frozenset())
        for line in self._lines("regular"):
            yield self._entry("regular", line, SessionKind.REGULAR.value, frozenset())
        for line in self._lines("special"):
            yield self._entry("special", line, self._kind(line), frozenset({"kind", "trading", "named"}))

    def _lines(self, table: str) -> Iterator[dict[str, Any]]:
        lines = self._document.get(table, [])
        for line in lines if isinstance(lines, list) else [lines]:
            if isinstance(line, dict):
                yield line
            else:
                self._problems.append(f"{table}: {line!r} is no line; write {{ day = ..., name = ..., source = ... }}")

    def _entry(
        self, table: str, line: dict[str, Any], kind: str, further: frozenset[str]
    ) -> tuple[str, dict[str, Any], Entry]:
        where = f"{table} {line.get('day')}"
        self._keys(line, _LINE_KEYS | further, where)
        entry = Entry(
            kind=kind,
            name=str(line.get("name", "")),
            source=self._source(line, where),
            trading=self._trading(line, where),
            named=self._named(line, where),
            replaces=line.get("replaces") is True,
        )
        if not entry.name:
            self._problems.append(f"{where}: name is missing")
        return where, line, entry

    def _kind(self, line: dict[str, Any]) -> str:
        kinds = [kind.value for kind in SessionKind if kind is not SessionKind.REGULAR]
        kind = line.get("kind")
        if kind not in kinds:
            self._problems.append(f"special {line.get('day')}: unknown kind {kind!r}; known: {', '.join(kinds)}")
        return str(kind)

    def _source(self, line: dict[str, Any], where: str) -> str:
        source = line.get("source")
        if not isinstance(source, str) or not source.strip():
            self._problems.append(f"{where}: source is missing; name the circular")
        return str(source)

    def _trading(self, line: dict[str, Any], where: str) -> tuple[Span, ...] | None:
        if "trading" not in line:
            return None
        pairs = line["trading"]
        if not isinstance(pairs, list):
            pairs = [pairs]
        spans = tuple(span for pair in pairs if (span := self._span(pair, where)) is not None)
        for before, after in pairwise(spans):
            if before[1] >= after[0]:
                self._problems.append(f"{where}: the window {show_span(after)} does not come after {show_span(before)}")
        if not spans:
            self._problems.append(f"{where}: trading has no window; leave it out when the hours are not known")
        return spans

    def _named(self, line: dict[str, Any], where: str) -> Named:
        named = line.get("named", {})
        if not isinstance(named, dict):
            self._problems.append(f"{where}: named {named!r} has no names; write {{ pre_open = ['09:00', '09:08'] }}")
            return ()
        spans = ((name, self._span(pair, f"{where} {name}")) for name, pair in named.items())
        return tuple((name, span) for name, span in spans if span is not None)

    def _span(self, pair: Any, where: str) -> Span | None:
        match pair:
            case [str() as start, str() as end]:
                try:
                    span = time.fromisoformat(start), time.fromisoformat(end)
                except ValueError:
                    span = time.max, time.min
                if span[0] < span[1]:
                    return span
        self._problems.append(f"{where}: {pair!r} is no window; write ['09:15', '15:30']")
        return None

    def _keys(self, line: dict[str, Any], known: frozenset[str], where: str) -> None:
        for key in sorted(line.keys() - known):
            near = get_close_matches(key, known, 1)
            self._problems.append(f"{where}: unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


def show_span(span: Span) -> str:
    """A window as people write it: `09:15-15:30`."""
    return f"{span[0]:%H:%M}-{span[1]:%H:%M}"
