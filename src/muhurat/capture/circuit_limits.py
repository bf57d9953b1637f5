"""The price bands of the day, which no packet carries: asked of quotes at the start and every quarter of an hour (C8).

They are kept beside the universe, `<feed>_<YYYYMMDD>.limits.jsonl`: a line for each time that something was new, with
the instant and the bands of what was, in rupees. `ticks_full_named` and the quality report read them from there.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from muhurat.capture.universe import UniverseError, load_universe, universe_path
from muhurat.clock import NS_PER_S, Clock, ist
from muhurat.errors import VenueError
from muhurat.heartbeat import Heartbeat
from muhurat.log import get_logger
from muhurat.venues.base import Quotes

Bands = dict[str, tuple[float, float]]
"""Lowest and highest allowed price by symbol."""

_EVERY_NS: Final = 900 * NS_PER_S
_AGAIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.5


class Seen(msgspec.Struct, frozen=True):
    """The bands that were new at an instant of desk time."""

    at_ns: int
    limits: Bands


def limits_path(universe: Path, feed: str, day: date) -> Path:
    """Where a feed's bands of a day are kept; `universe` is the folder of the universe files."""
    return universe_path(universe, feed, day).with_suffix(".limits.jsonl")


def read_limits(path: Path) -> Iterator[Seen]:
    """What was seen on a day, oldest first; a line cut short by a crash is left out."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=Seen)
        except msgspec.DecodeError:
            continue


def widest(seen: Iterator[Seen]) -> Bands:
    """The band of each instrument that covers all of the day's: outside of it a price was never allowed."""
    found: Bands = {}
    for one in seen:
        for symbol, (lower, upper) in one.limits.items():
            known = found.get(symbol, (lower, upper))
            found[symbol] = (min(known[0], lower), max(known[1], upper))
    return found


def run(
    feeds: Sequence[str], universe: Path, quotes: Quotes, clock: Clock, heartbeat: Heartbeat, stop: threading.Event
) -> None:
    """Ask for every feed's bands until `stop` is set; a venue or a disk that refuses is tried again."""
    watch = LimitsWatch(feeds, universe, quotes, clock)
    heartbeat.ready()
    while not stop.is_set():
        watch.look()
        heartbeat.beat(watch.detail, instruments=watch.instruments)
        stop.wait(_LOOK_EVERY_S)


class LimitsWatch:
    """Asks when a quarter of an hour of desk time has passed, or half a real minute after a failure of that feed's."""

    def __init__(self, feeds: Sequence[str], universe: Path, quotes: Quotes, clock: Clock) -> None:
        self.detail = "has not asked yet"
        self.instruments = 0
        self._feeds = feeds
        self._universe = universe
        self._quotes = quotes
        self._clock = clock
        self._due_ns: dict[str, int] = {}
        self._known: dict[str, int] = {}
        self._again_at = float("-inf")
        self._log = get_logger(__name__)

    def look(self) -> None:
        """Ask and keep what is new, when it is time."""
        now_ns = self._clock.now_ns()
        due = [feed for feed in self._feeds if now_ns >= self._due_ns.get(feed, 0)]
        if not due or self._clock.monotonic() < self._again_at:
            return
        changed, troubles = 0, []
        for feed in due:
            try:
                self._known[feed], fresh = self._ask(feed, now_ns)
            except (VenueError, UniverseError, OSError) as error:
                troubles.append(str(error))
                continue
            self._due_ns[feed] = now_ns + _EVERY_NS
            changed += fresh
        self.instruments = sum(self._known.values())
        if troubles:
            self._put_off("; ".join(dict.fromkeys(troubles)))
        else:
            self.detail = f"bands of {self.instruments:,} instruments, {changed:,} new at {ist(now_ns):%H:%M:%S}"

    def _put_off(self, trouble: str) -> None:
        if self.detail != trouble:
            self._log.warning("the price bands are not known", error=trouble)
        self.detail, self._again_at = trouble, self._clock.monotonic() + _AGAIN_S

    def _ask(self, feed: str, now_ns: int) -> tuple[int, int]:
        """How many bands a feed has now, and how many of them are new."""
        day = ist(now_ns).date()
        entries = load_universe(universe_path(self._universe, feed, day)).instruments
        symbols = {f"{entry.exchange}:{entry.symbol or symbol}": symbol for symbol, entry in entries.items()}
        quotes = self._quotes.quotes(list(symbols))
        bands: Bands = {
            symbols[key]: (float(quote.lower_limit), float(quote.upper_limit))
            for key, quote in quotes.items()
            if quote.lower_limit is not None and quote.upper_limit is not None
        }
        path = limits_path(self._universe, feed, day)
        fresh = _new(bands, path)
        if fresh:
            _append(path, msgspec.json.encode(Seen(now_ns, fresh)))
        return len(bands), len(fresh)


def _append(path: Path, line: bytes) -> None:
    """Add a line, behind one that a crash or a full disk cut short too."""
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
        file.write(b"\n" * torn + line + b"\n")


def _new(bands: Mapping[str, tuple[float, float]], path: Path) -> Bands:
    """What differs from the last that is kept."""
    known: Bands = {}
    for seen in read_limits(path):
        known |= seen.limits
    return {symbol: band for symbol, band in bands.items() if known.get(symbol) != band}
