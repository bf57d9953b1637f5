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
from muhurat.simulator.market.base import (
    LEVELS,
    Candle,
    Frame,
    Level,
    Quote,
    Series,
    SimInstrument,
    UnknownToken,
)
from muhurat.simulator.market.flow import Ticks
from muhurat.simulator.market.frames import merge
from muhurat.simulator.market.hours import DayHours, Exchange
from muhurat.simulator.market.journal_files import journal_hours, read_hour
from muhurat.simulator.market.listing import index_instruments
from muhurat.simulator.market.packets import Recorded, by_token, series_of

_DAY_NS: Final = 86_400 * NS_PER_S
_NO_BOOK: Final = (Level(0, 0, 0),) * LEVELS


@dataclass(frozen=True, slots=True)
class Recording:
    """The hours of one recorded day of a feed."""

    feed: str
    day: date
    paths: tuple[Path, ...]


class RecordedMarket:
    """A `Market` whose stream is `payloads()`; quotes and candles are read back out of those bytes on demand.

    `journal` is a feed's folder or one `.bin`. Of several recorded days the one asked for is played, or else the last
    one, moved to `day`; times inside the payloads stay as they were recorded. Instruments come from the feed's universe
    file: `universe`, or the one the recorder left beside the journal; without one only the indices are known by name.
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

    def payloads(self) -> Iterator[tuple[int, bytes]]:
        """Every recorded message, heartbeats included, with the instant to send it at; instants never go back."""
        latest_ns = 0
        for path in self.recording.paths:
            for received_ns, payload in read_hour(path):
                latest_ns = max(latest_ns, received_ns)
                yield latest_ns + self._shift_ns, payload

    def instruments(self) -> Sequence[SimInstrument]:
        return self._listing

    def series(self, token: int) -> Series:
        if token not in self._series:
            packets = self._recorded.get(token)
            if not packets:
                raise UnknownToken(f"the journal of {self.recording.day} has no full-mode packets of token {token}")
            self._series[token] = series_of(token, packets)
        return self._series[token]

    def state(self, token: int, at_ns: int) -> Quote:
        series = self.series(token)
        sent = int(np.searchsorted(series.send_ns, at_ns, side="right"))
        if sent:
            return series.quote(sent - 1)
        first = series.quote(0)
        return replace(first, last_price=first.close, open=0, high=0, low=0, volume=0, bids=_NO_BOOK, asks=_NO_BOOK)

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
        known = [token for token in tokens if token in self._recorded]
        return merge(self.series, known, from_ns, to_ns)

    @cached_property
    def _recorded(self) -> Recorded:
        return by_token(self.payloads())

    @cached_property
    def _hours(self) -> DayHours:
        return Exchange(self._overlays).hours(self.recording.day)

    @cached_property
    def _listing(self) -> tuple[SimInstrument, ...]:
        if self._universe is None:
            return tuple(SimInstrument(row) for row in index_instruments())
        return _read_universe(self._universe)


def _choose(journal: Path, day: date | None) -> Recording:
    hours = journal_hours(journal)
    feeds = sorted({hour.feed for hour in hours})
    if len(feeds) > 1:
        raise MuhuratError(f"{journal} holds several feeds: {', '.join(feeds)}", hint="name the folder of one feed")
    days = {hour.day for hour in hours}
    chosen = day if day in days else max(days)
    return Recording(feeds[0], chosen, tuple(hour.path for hour in hours if hour.day == chosen))


def _beside(recording: Recording) -> Path | None:
    """The universe file of a desk whose journal lies in `<data>/raw_ticks/<feed>`."""
    data = recording.paths[0].resolve().parent.parent.parent
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
