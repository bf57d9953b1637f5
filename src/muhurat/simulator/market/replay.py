"""A recorded journal played again: the very bytes, at the recorded pace, on the recorded day or another."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from muhurat.clock import NS_PER_S
from muhurat.errors import MuhuratError
from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.simulator.market.bars import candles_of
from muhurat.simulator.market.base import NO_BOOK, Candle, Frame, Quote, Series, SimInstrument, UnknownToken
from muhurat.simulator.market.flow import Ticks
from muhurat.simulator.market.hours import DayHours, Exchange
from muhurat.simulator.market.journal_files import JournalHour, journal_hours, read_hour
from muhurat.simulator.market.listing import index_instruments
from muhurat.simulator.market.packets import Recorded, by_token, series_of, split

_DAY_NS: Final = 86_400 * NS_PER_S
_UNKNOWN: Final = Quote(exchange_s=0, last_price=0, open=0, high=0, low=0, close=0)
_INDEX_SEGMENT: Final = 9
_EXCHANGES: Final = {1: "NSE", 2: "NFO", 3: "CDS", 4: "BSE", 5: "BFO", 6: "BCD", 7: "MCX"}
"""By the segment, a token's low byte."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The hours of one recorded day of a feed."""

    feed: str
    day: date
    hours: tuple[JournalHour, ...]


class RecordedMarket:
    """A `Market` whose stream is `payloads()`; quotes and candles are read back out of those bytes on demand.

    `journal` is a feed's folder or one `.bin`. Of several recorded days the one asked for is played, or else the last
    one, moved to `day`; times inside the payloads stay as they were recorded. Instruments come from the feed's universe
    file: `universe`, or the one the recorder left beside the journal. Indices are known by name without one; any other
    token that was recorded is listed by its number.
    """

    source = "journal"

    def __init__(
        self, journal: Path, day: date | None = None, universe: Path | None = None, overlays: Sequence[Path] = ()
    ) -> None:
        self.recording = _choose(journal, day)
        self._day = day or self.recording.day
        self._shift_ns = (self._day - self.recording.day).days * _DAY_NS
        self._universe = universe or _beside(self.recording)
        self._overlays = overlays
        self._series: dict[int, Series] = {}

    @property
    def day(self) -> date:
        return self._day

    def payloads(self, from_ns: int = 0) -> Iterator[tuple[int, bytes]]:
        """Every recorded message, heartbeats included, with the instant to send it at; instants never go back.

        Whole hours that end before `from_ns` are left out.
        """
        latest_ns = 0
        for hour in self.recording.hours:
            if hour.end_ns + self._shift_ns <= from_ns:
                continue
            for received_ns, payload in read_hour(hour.path):
                latest_ns = max(latest_ns, received_ns)
                yield latest_ns + self._shift_ns, payload

    def instruments(self) -> Sequence[SimInstrument]:
        return self._listing

    def series(self, token: int) -> Series:
        if token not in self._series:
            listed = next((entry for entry in self._listing if entry.token == token), None)
            if listed is None:
                raise UnknownToken(f"the journal of {self.recording.day} has no token {token}")
            packets = self._recorded.get(token)
            self._series[token] = series_of(token, packets) if packets else Series.of(token, listed.tradable, [])
        return self._series[token]

    def state(self, token: int, at_ns: int) -> Quote:
        """See `Market`; of an instrument without packets in full mode nothing is known, and all of it is 0."""
        series = self.series(token)
        if not len(series):
            return _UNKNOWN
        sent = int(np.searchsorted(series.send_ns, at_ns, side="right"))
        if sent:
            return series.quote(sent - 1)
        first = series.quote(0)
        return replace(first, last_price=first.close, open=0, high=0, low=0, volume=0, bids=NO_BOOK, asks=NO_BOOK)

    def candles(
        self, token: int, interval_minutes: int, from_ns: int, to_ns: int, *, at_ns: int | None = None
    ) -> list[Candle]:
        series = self.series(token)
        hours = self._hours
        last_s = (min(to_ns, to_ns if at_ns is None else at_ns) - self._shift_ns) // NS_PER_S
        inside = (series.exchange_s >= hours.open_s) & (series.exchange_s < hours.close_s)
        kept = np.flatnonzero(inside & (series.exchange_s <= last_s))
        traded = np.maximum(np.diff(series.volume[kept], prepend=0), 0)
        ticks = Ticks(series.exchange_s[kept], series.last_price[kept], traded, series.oi[kept])
        shift_s = self._shift_ns // NS_PER_S
        found = candles_of(ticks, interval_minutes, hours.open_s, modelled=False)
        moved = [replace(candle, start_s=candle.start_s + shift_s) for candle in found]
        return [candle for candle in moved if from_ns <= candle.start_s * NS_PER_S <= to_ns]

    def frames(self, tokens: Iterable[int], from_ns: int, to_ns: int) -> Iterator[Frame]:
        """The recorded messages with a packet of one of `tokens`, and those without any packet, as they were."""
        wanted = frozenset(tokens)
        for at_ns, message in self.payloads(from_ns):
            if at_ns >= to_ns:
                return
            held = tuple(token for token, _ in split(message))
            if at_ns >= from_ns and (not held or not wanted.isdisjoint(held)):
                yield Frame(at_ns, held, message=message)

    @cached_property
    def _recorded(self) -> Recorded:
        return by_token(self.payloads())

    @cached_property
    def _hours(self) -> DayHours:
        return Exchange(self._overlays).hours(self.recording.day)

    @cached_property
    def _listing(self) -> tuple[SimInstrument, ...]:
        named = _read_universe(self._universe) if self._universe else tuple(map(SimInstrument, index_instruments()))
        unnamed = sorted(self._recorded.keys() - {entry.token for entry in named})
        return (*named, *(SimInstrument(_nameless(token)) for token in unnamed))


def _choose(journal: Path, day: date | None) -> Recording:
    hours = journal_hours(journal)
    feeds = sorted({hour.feed for hour in hours})
    if len(feeds) > 1:
        raise MuhuratError(f"{journal} holds several feeds: {', '.join(feeds)}", hint="name the folder of one feed")
    days = {hour.day for hour in hours}
    chosen = day if day in days else max(days)
    return Recording(feeds[0], chosen, tuple(hour for hour in hours if hour.day == chosen))


def _beside(recording: Recording) -> Path | None:
    """The universe file of a desk whose journal lies in `<data>/raw_ticks/<feed>`."""
    data = recording.hours[0].path.resolve().parent.parent.parent
    path = data / "universe" / f"{recording.feed}_{recording.day:%Y%m%d}.json"
    return path if path.is_file() else None


def _read_universe(path: Path) -> tuple[SimInstrument, ...]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["instruments"].values()
        return tuple(_instrument(entry) for entry in entries)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, InvalidOperation) as error:
        raise MuhuratError(f"the universe file {path} cannot be read: {error!r}") from error


def _instrument(entry: dict[str, Any]) -> SimInstrument:
    row = Instrument(
        token=int(entry["token"]),
        exchange_token=int(entry["exchange_token"]),
        symbol=entry["symbol"],
        name=entry["name"],
        exchange=entry["exchange"],
        segment=entry["segment"],
        type=InstrumentType(entry["type"]),
        expiry=date.fromisoformat(entry["expiry"]) if entry["expiry"] else None,
        strike=Decimal(entry["strike"] or 0),
        tick_size=Decimal(entry["tick_size"]),
        lot_size=int(entry["lot"]),
    )
    return SimInstrument(row, modelled=bool(entry.get("modelled", False)))


def _nameless(token: int) -> Instrument:
    """What a token alone tells of its instrument."""
    segment = token & 0xFF
    index = segment == _INDEX_SEGMENT
    exchange = _EXCHANGES.get(segment, str(segment))
    return Instrument(
        token=token,
        exchange_token=token >> 8,
        symbol=str(token),
        name="",
        exchange=exchange,
        segment="INDICES" if index else exchange,
        type=InstrumentType.INDEX if index else InstrumentType.EQUITY,
        expiry=None,
        strike=Decimal(0),
        tick_size=Decimal(0) if index else Decimal("0.05"),
        lot_size=0 if index else 1,
    )
