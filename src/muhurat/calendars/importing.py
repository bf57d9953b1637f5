"""Taking dated facts into a desk's overlay: from a calendar file of its own, or from NSE's holiday master.

What is taken in is compared with what is known. A day that both have and say differently is a contradiction: the import is
refused with every such line, unless the line says `replaces = true`. Hours for a session whose hours were unknown, days of
a new year and further holidays are news, not contradictions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

from muhurat.calendars.calendar import base_layer, stack
from muhurat.calendars.layer import HOLIDAY, Entry, Hours, Layer, Named, Span, parse_overlay, read_overlay
from muhurat.calendars.session import SessionKind
from muhurat.errors import CalendarError

Days = Mapping[tuple[str, date], Entry]

_TABLES: Final = {HOLIDAY: "holidays", SessionKind.REGULAR.value: "regular"}


@dataclass(frozen=True, slots=True)
class Change:
    """One day that an import says something new about, in words."""

    day: date
    segment: str
    before: str
    after: str
    source: str


@dataclass(frozen=True, slots=True)
class Imported:
    """The overlay that results, and what it changes."""

    layer: Layer
    changes: tuple[Change, ...]


def import_file(path: Path, overlay: Path | None, mic: str | None = None) -> Imported:
    """Read a TOML calendar file or a holiday-master body and lay it over what the desk knows already.

    `overlay` is the desk's file so far, None when it has none; `mic` the exchange when the file does not say. Raises
    `CalendarError` for a file that is not sound or contradicts what is known.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CalendarError(f"{path} cannot be read: {error}") from error
    if text.lstrip().startswith("{"):
        base = base_layer(mic or "XNSE")
        layers = [base] + _existing(overlay, base)
        news = _from_master(text, path.name, layers)
    else:
        base = base_layer(mic or _mic_of(text, path))
        layers = [base] + _existing(overlay, base)
        news = _own(text, path, base)
    return _laid_over(layers, news)


def _existing(overlay: Path | None, base: Layer) -> list[Layer]:
    if overlay is None or not overlay.exists():
        return []
    layer = read_overlay(overlay, base)
    if layer is None:
        raise CalendarError(f"{overlay} is the overlay of another exchange than {base.mic}")
    return [layer]


def _own(text: str, path: Path, base: Layer) -> Layer:
    layer = parse_overlay(text, str(path), base)
    if layer is None:
        raise CalendarError(f"{path} is about another exchange than {base.mic}")
    return layer


def _mic_of(text: str, path: Path) -> str:
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "mic":
            return value.split("#")[0].strip().strip("\"'")
    raise CalendarError(f"{path} does not say which exchange it is about", hint='add a line such as mic = "XNSE"')


def _laid_over(layers: Sequence[Layer], news: Layer) -> Imported:
    base, overlays = layers[0], list(layers[1:])
    known: dict[tuple[str, date], Entry] = {}
    for layer in layers:
        known |= layer.days
    contradictions = [
        f"{day} {segment}: known as {_words(known[segment, day])} ({known[segment, day].source}), "
        f"{news.origin} says {_words(entry)}"
        for (segment, day), entry in sorted(news.days.items(), key=lambda item: (item[0][1], item[0][0]))
        if (segment, day) in known and _contradicts(known[segment, day], entry)
    ]
    if contradictions:
        lines = "\n".join(f"  {line}" for line in contradictions)
        raise CalendarError(
            f"{news.origin} contradicts what is known:\n{lines}",
            hint="when the newer source is right, write the line in a calendar file with replaces = true",
        )
    fresh = {key: entry for key, entry in news.days.items() if key not in known or not entry.same_as(known[key])}
    merged = _merge(overlays, news, fresh)
    calendars = {segment: stack(base, [merged], segment) for segment in base.segments}
    changes = [
        Change(day, segment, _before(calendars[segment].first, known, layers, segment, day), _words(entry), entry.source)
        for (segment, day), entry in fresh.items()
    ]
    changes += _hours_changes(layers, news)
    return Imported(merged, tuple(sorted(changes, key=lambda change: (change.day, change.segment))))
