"""Taking dated facts into a desk's overlay: from a calendar file of its own, or from NSE's holiday master.

What is taken in is compared with what is known. A day that both speak of and say differently is a contradiction: the
import is refused with every such line, unless the line says `replaces = true`. Hours for a session whose hours were
unknown, days of a new year and further holidays are news, not contradictions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path

from muhurat.calendars.calendar import Calendar, base_layer, overlay_path, stack
from muhurat.calendars.holiday_master import is_holiday_master, layer_of_master
from muhurat.calendars.layer import HOLIDAY, Entry, Layer, mic_of, parse_overlay, read_overlay, show_span
from muhurat.errors import CalendarError

Days = dict[tuple[str, date], Entry]


@dataclass(frozen=True, slots=True)
class Change:
    """One day, or one date from which hours change, that an import says something new about."""

    day: date
    segment: str
    before: str
    after: str
    source: str


@dataclass(frozen=True, slots=True)
class Imported:
    """The overlay that results, where it belongs, and what it changes."""

    mic: str
    target: Path
    overlay: Layer
    changes: tuple[Change, ...]


def import_file(path: Path, target: Path | None = None, mic: str | None = None) -> Imported:
    """Lay a TOML calendar file or a holiday-master body over what the desk knows; writes nothing.

    `target` is the desk's own file, `calendars/<mic>.toml` by default, which need not exist yet; `mic` the exchange,
    when the file does not say (a holiday master is NSE's otherwise). Raises `CalendarError` for a file that is not
    sound or contradicts what is known.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CalendarError(f"{path} cannot be read: {error}") from error
    from_master = is_holiday_master(text)
    base = base_layer(mic or ("XNSE" if from_master else mic_of(text, str(path))))
    target = target or overlay_path(Path(), base.mic)
    known = [base, *_existing(target, base)]
    if from_master:
        news: Layer | None = layer_of_master(text, path.name, base, _known_days(known))
    else:
        news = parse_overlay(text, str(path), base)
    if news is None:
        raise CalendarError(f"{path} is about another exchange than {base.mic}")
    return _laid_over(known, news, target)


def _existing(overlay: Path, base: Layer) -> list[Layer]:
    if not overlay.exists():
        return []
    layer = read_overlay(overlay, base)
    if layer is None:
        raise CalendarError(f"{overlay} is the overlay of another exchange than {base.mic}")
    return [layer]


def _known_days(layers: Sequence[Layer]) -> Days:
    return dict(chain.from_iterable(layer.days.items() for layer in layers))


def _laid_over(layers: Sequence[Layer], news: Layer, target: Path) -> Imported:
    _refuse_contradictions(layers, news)
    base, overlays, known = layers[0], list(layers[1:]), _known_days(layers)
    before = {segment: stack(base, overlays, segment) for segment in base.segments}
    for segment in base.segments:
        stack(base, [*overlays, news], segment)  # refuses a gap before a new year, and days outside the data
    fresh = {key: entry for key, entry in news.days.items() if key not in known or _says_more(known[key], entry)}
    changes = [
        Change(day, segment, _before(before[segment], day, known), describe(entry), entry.source)
        for (segment, day), entry in fresh.items()
    ]
    changes += _hours_changes(layers, news)
    changes += _coverage_changes(before, news)
    changes.sort(key=lambda change: (change.day, change.segment))
    return Imported(base.mic, target, _merged(overlays, news, fresh), tuple(changes))


def _refuse_contradictions(layers: Sequence[Layer], news: Layer) -> None:
    known = _known_days(layers)
    contradictions = [
        f"{day} {segment}: {describe(entry)}, known as {describe(known[segment, day])}: {known[segment, day].source}"
        for (segment, day), entry in sorted(news.days.items(), key=lambda item: (item[0][1], item[0][0]))
        if (segment, day) in known and _contradicts(known[segment, day], entry)
    ] + _hours_contradictions(layers, news)
    if contradictions:
        lines = "\n".join(f"  {line}" for line in contradictions)
        raise CalendarError(
            f"{news.origin} contradicts what is known:\n{lines}",
            hint="when the newer source is right, write the line in a calendar file with replaces = true",
        )


def _contradicts(known: Entry, entry: Entry) -> bool:
    if entry.replaces or entry.same_as(known):
        return False
    same_session = known.is_open and entry.is_open and known.kind == entry.kind
    return not (known.hours_unknown and entry.is_open) and not (same_session and entry.hours_unknown)


def _says_more(known: Entry, entry: Entry) -> bool:
    if entry.same_as(known):
        return False
    return entry.replaces or not entry.hours_unknown


def _hours_contradictions(layers: Sequence[Layer], news: Layer) -> list[str]:
    return [
        f"{row.since} {segment}: hours from this date on are known ({known.source})"
        for segment, rows in news.hours.items()
        for row in rows
        for known in chain.from_iterable(layer.hours.get(segment, ()) for layer in layers)
        if known.since == row.since and (known.trading, known.named) != (row.trading, row.named)
    ]


def _hours_changes(layers: Sequence[Layer], news: Layer) -> list[Change]:
    return [
        Change(row.since, segment, "earlier hours", f"hours {', '.join(map(show_span, row.trading))}", row.source)
        for segment, rows in news.hours.items()
        for row in rows
        if not any(row.since == old.since for layer in layers for old in layer.hours.get(segment, ()))
    ]


def _coverage_changes(before: Mapping[str, Calendar], news: Layer) -> list[Change]:
    if news.covers is None:
        return []
    last = news.covers[1]
    return [
        Change(last, segment, f"data end {calendar.last}", f"data end {last}", news.origin)
        for segment, calendar in before.items()
        if last > calendar.last
    ]


def _before(calendar: Calendar, day: date, known: Days) -> str:
    entry = known.get((calendar.segment, day))
    if entry is not None:
        return describe(entry)
    return "not covered" if day > calendar.last else calendar.why(day)


def _merged(overlays: Sequence[Layer], news: Layer, fresh: Days) -> Layer:
    spans = [layer.covers for layer in (*overlays, news) if layer.covers is not None]
    hours = {
        segment: {row.since: row for layer in (*overlays, news) for row in layer.hours.get(segment, ())}
        for segment in news.segments
    }
    return Layer(
        origin=news.origin,
        mic=news.mic,
        segments=news.segments,
        covers=(min(span[0] for span in spans), max(span[1] for span in spans)) if spans else None,
        hours={segment: tuple(rows[since] for since in sorted(rows)) for segment, rows in hours.items() if rows},
        days=_known_days(overlays) | fresh,
    )


def describe(entry: Entry) -> str:
    """An entry in a few words: `holiday (Holi)`, `muhurat 18:00-19:00 (Diwali)`."""
    if entry.kind == HOLIDAY or entry.trading is None:
        hours = " at unknown hours" if entry.hours_unknown else ""
    else:
        hours = " " + ", ".join(map(show_span, entry.trading))
    return f"{entry.kind}{hours} ({entry.name})"
