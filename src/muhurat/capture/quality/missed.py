"""The minutes of a day that are missing: those that a gap of the recorder touched, and those without any tick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from muhurat.capture.quality.hours import MINUTE_NS, RecordedFeed
from muhurat.capture.quality.journal_pass import Gap
from muhurat.capture.quality.stored import Minutes
from muhurat.capture.universe import Entry, load_universe

SILENT: Final = "no tick"
"""The reason of a minute in which nothing came although no gap is known; mostly nothing was traded."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One instrument of a feed's day: the minutes expected of it, those with ticks, and why others are missing."""

    symbol: str
    entry: Entry
    expected: tuple[int, ...]
    seen: Minutes
    missed: Mapping[int, str]

    @property
    def covered(self) -> int:
        """How many of the expected minutes have ticks."""
        return sum(minute in self.seen for minute in self.expected)

    @property
    def in_gaps(self) -> list[int]:
        """The missed minutes that a known gap touched."""
        return [minute for minute, reason in self.missed.items() if reason != SILENT]


def watched(feed: RecordedFeed, seen: Mapping[str, Minutes], gaps: Sequence[Gap], until_ns: int) -> list[Watched]:
    """Every instrument that was to be recorded, in the order of the universe; raises `UniverseError` without one."""
    reasons = _minutes_of(gaps)
    return [
        _watched(symbol, entry, minutes, seen.get(symbol, {}), reasons)
        for symbol, entry, minutes in _expected(feed, seen, until_ns)
    ]


def _expected(
    feed: RecordedFeed, seen: Mapping[str, Minutes], until_ns: int
) -> Iterator[tuple[str, Entry, tuple[int, ...]]]:
    """What the universe names, all day; and of its reserve what was taken in, from its first tick on."""
    universe = load_universe(feed.universe)
    for symbol, entry in universe.instruments.items():
        yield symbol, entry, tuple(feed.minutes(entry, until_ns))
    for symbol, entry in universe.reserve.items():
        if seen.get(symbol) and symbol not in universe.instruments:
            first = min(seen[symbol])
            yield symbol, entry, tuple(minute for minute in feed.minutes(entry, until_ns) if minute >= first)


def _watched(
    symbol: str, entry: Entry, expected: tuple[int, ...], seen: Minutes, reasons: Mapping[int, str]
) -> Watched:
    missed = {minute: reasons.get(minute, SILENT) for minute in expected if minute in reasons or minute not in seen}
    return Watched(symbol, entry, expected, seen, missed)


def _minutes_of(gaps: Sequence[Gap]) -> dict[int, str]:
    """Every minute that a gap touches, with the gap's reason."""
    found: dict[int, str] = {}
    for gap in gaps:
        first = int(gap["from_ns"]) // MINUTE_NS * MINUTE_NS
        for minute in range(first, int(gap["to_ns"]), MINUTE_NS):
            found[minute] = str(gap["reason"])
    return found
