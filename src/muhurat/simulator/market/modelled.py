"""The market that two of the three sources share: today's and the previous session's model, read lazily."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from muhurat.clock import NS_PER_S
from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.simulator.market.bars import candles_of
from muhurat.simulator.market.base import (
    NO_BOOK,
    Candle,
    Frame,
    Quote,
    Series,
    SimInstrument,
    UnknownToken,
)
from muhurat.simulator.market.daymodel import DayModel
from muhurat.simulator.market.flow import Opening, Ticks
from muhurat.simulator.market.frames import merge


@dataclass(frozen=True, slots=True)
class Source:
    """What a day is made of: the dump, and a model of the day and of the session before it."""

    name: str
    listing: tuple[SimInstrument, ...]
    today: DayModel
    previous: DayModel


class ModelledMarket:
    """A `Market` over two `DayModel`s. Nothing is computed for an instrument before it is asked for."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._rows = {entry.token: entry for entry in source.listing}
        self._series: dict[int, Series] = {}
        self._past: dict[int, Ticks] = {}

    @property
    def day(self) -> date:
        return self._source.today.hours.day

    @property
    def source(self) -> str:
        return self._source.name

    def instruments(self) -> Sequence[SimInstrument]:
        return self._source.listing

    def series(self, token: int) -> Series:
        if token not in self._series:
            row = self._row(token)
            self._series[token] = self._source.today.series(row, self._opening(row))
        return self._series[token]

    def state(self, token: int, at_ns: int) -> Quote:
        row = self._row(token)
        if at_ns < self._source.today.hours.open_s * NS_PER_S:
            return self._before_open(row)
        series = self.series(token)
        sent = int(np.searchsorted(series.send_ns, at_ns, side="right"))
        if sent == 0:
            return self._before_open(row)
        quote = series.quote(sent - 1)
        return quote if self._open_at(row, at_ns) else replace(quote, bids=NO_BOOK, asks=NO_BOOK)

    def candles(
        self, token: int, interval_minutes: int, from_ns: int, to_ns: int, *, at_ns: int | None = None
    ) -> list[Candle]:
        row = self._row(token)
        known_s = (to_ns if at_ns is None else at_ns) // NS_PER_S
        found: list[Candle] = []
        for model in (self._source.previous, self._source.today):
            ticks = self._today(row) if model is self._source.today else self._yesterday(row)
            modelled = self._source.name == "candles" and not model.real(token)
            found += candles_of(_until(ticks, known_s), interval_minutes, model.hours.open_s, modelled=modelled)
        return [candle for candle in found if from_ns <= candle.start_s * NS_PER_S <= to_ns]

    def frames(self, tokens: Iterable[int], from_ns: int, to_ns: int) -> Iterator[Frame]:
        return merge(self.series, tokens, from_ns, to_ns)

    def _row(self, token: int) -> Instrument:
        try:
            return self._rows[token].instrument
        except KeyError:
            raise UnknownToken(f"no instrument of {self.day} has the token {token}") from None

    def _yesterday(self, row: Instrument) -> Ticks:
        if row.token not in self._past:
            self._past[row.token] = self._source.previous.ticks(row)
        return self._past[row.token]

    def _today(self, row: Instrument) -> Ticks:
        series = self.series(row.token)
        traded = np.diff(series.volume, prepend=0)
        return Ticks(series.exchange_s, series.last_price, traded, series.oi)

    def _opening(self, row: Instrument) -> Opening:
        past = self._yesterday(row)
        trades = np.flatnonzero(past.traded)
        return Opening(
            close=int(past.last_price[-1]),
            oi=int(past.oi[-1]),
            last_trade_s=int(past.exchange_s[trades[-1]]) if len(trades) else 0,
            exchange_s=int(past.exchange_s[-1]),
        )

    def _before_open(self, row: Instrument) -> Quote:
        opening = self._opening(row)
        return Quote(
            exchange_s=opening.exchange_s,
            last_price=opening.close,
            open=0,
            high=0,
            low=0,
            close=opening.close,
            last_trade_time=opening.last_trade_s,
            oi=opening.oi,
            oi_day_high=opening.oi,
            oi_day_low=opening.oi,
        )

    def _open_at(self, row: Instrument, at_ns: int) -> bool:
        hours = self._source.today.hours
        seconds = hours.quoted(index=row.type is InstrumentType.INDEX, expiring=row.expiry == hours.day)
        return at_ns <= (int(seconds[-1]) + 1) * NS_PER_S


def _until(ticks: Ticks, last_s: int) -> Ticks:
    kept = int(np.searchsorted(ticks.exchange_s, last_s, side="right"))
    return Ticks(ticks.exchange_s[:kept], ticks.last_price[:kept], ticks.traded[:kept], ticks.oi[:kept])
