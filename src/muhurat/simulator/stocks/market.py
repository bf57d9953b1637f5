"""A `Market` of stocks and their derivatives, and a way to offer two markets as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np

from muhurat.clock import NS_PER_S
from muhurat.model.instrument import Instrument
from muhurat.simulator.market.bars import candles_of
from muhurat.simulator.market.base import (
    NO_BOOK,
    Candle,
    Floats,
    Frame,
    Market,
    Quote,
    Series,
    SimInstrument,
    UnknownToken,
)
from muhurat.simulator.market.flow import Ticks
from muhurat.simulator.market.frames import merge
from muhurat.simulator.market.hours import Exchange
from muhurat.simulator.market.seeds import Purpose, stream
from muhurat.simulator.reference.prices import Prices
from muhurat.simulator.reference.sessions import Sessions
from muhurat.simulator.stocks.listing import Basis, Listed, list_stocks
from muhurat.simulator.stocks.packets import PacketMaker

_GAP_SHARE = 0.45
_DAILY = 0.004


class StockMarket:
    """The stocks' day. `modelled` marks every price as made up, beside a market of real candles."""

    def __init__(self, day: date, seed: int, overlays: Sequence[Path] = (), *, modelled: bool = False) -> None:
        self._day = day
        self._seed = seed
        self._modelled = modelled
        self._nse, self._bse = (Prices(seed, Sessions(mic)) for mic in ("XNSE", "XBOM"))
        exchange = Exchange(overlays)
        self._hours, self._before = exchange.hours(day), exchange.previous_hours(day)
        self._maker = PacketMaker(seed, self._hours, lambda row: exchange.expiry_close_s(row.expiry or day))
        self._listed = {each.instrument.token: each for each in list_stocks(self._nse, self._bse, day)}
        self._series: dict[int, Series] = {}
        self._paths: dict[Basis, Floats] = {}

    @property
    def day(self) -> date:
        return self._day

    @property
    def source(self) -> str:
        return "synthetic"

    def instruments(self) -> Sequence[SimInstrument]:
        return self._instruments

    def series(self, token: int) -> Series:
        if token not in self._series:
            listed = self._row(token)
            self._series[token] = self._maker.series(listed.instrument, self._path(listed.basis), self._close(listed))
        return self._series[token]

    def state(self, token: int, at_ns: int) -> Quote:
        listed = self._row(token)
        if at_ns < self._hours.open_s * NS_PER_S:
            return self._before_open(listed)
        series = self.series(token)
        sent = int(np.searchsorted(series.send_ns, at_ns, side="right"))
        if sent == 0:
            return self._before_open(listed)
        quote = series.quote(sent - 1)
        return quote if at_ns <= int(series.send_ns[-1]) else replace(quote, bids=NO_BOOK, asks=NO_BOOK)

    def candles(
        self, token: int, interval_minutes: int, from_ns: int, to_ns: int, *, at_ns: int | None = None
    ) -> list[Candle]:
        """See `Market`; there are none of sessions before."""
        series = self.series(token)
        known_s = (to_ns if at_ns is None else at_ns) // NS_PER_S
        kept = int(np.searchsorted(series.exchange_s, known_s, side="right"))
        traded = np.diff(series.volume[:kept], prepend=0)
        ticks = Ticks(series.exchange_s[:kept], series.last_price[:kept], traded, series.oi[:kept])
        found = candles_of(ticks, interval_minutes, self._hours.open_s, modelled=self._modelled)
        return [candle for candle in found if from_ns <= candle.start_s * NS_PER_S <= to_ns]

    def frames(self, tokens: Iterable[int], from_ns: int, to_ns: int) -> Iterator[Frame]:
        return merge(self.series, tokens, from_ns, to_ns)

    def has(self, token: int) -> bool:
        """Whether an instrument is one of these."""
        return token in self._listed

    @cached_property
    def _instruments(self) -> tuple[SimInstrument, ...]:
        return tuple(SimInstrument(each.instrument, self._modelled, each.late) for each in self._listed.values())

    def _row(self, token: int) -> Listed:
        try:
            return self._listed[token]
        except KeyError:
            raise UnknownToken(f"no instrument of {self.day} has the token {token}") from None

    def _path(self, basis: Basis) -> Floats:
        """Where an underlying stands in each of the day's seconds: from near the close before to the day's own."""
        if basis not in self._paths:
            before, after = (float(self._closes(day, basis)[basis.row]) for day in (self._before.day, self.day))
            opens = before * (after / before) ** _GAP_SHARE
            steps = len(self._hours.seconds)
            number = basis.row + (100_000 if basis.index_of else 0)
            random = stream(self._seed, self.day, number, Purpose.PATH)
            walk = np.cumsum(random.standard_normal(steps)) * (_DAILY / np.sqrt(steps))
            through = np.linspace(0.0, 1.0, steps)
            self._paths[basis] = opens * (after / opens) ** through * np.exp(walk - walk[-1] * through)
        return self._paths[basis]

    def _closes(self, day: date, basis: Basis) -> Floats:
        prices = self._bse if basis.index_of == "XBOM" else self._nse
        return prices.index_closes(day) if basis.index_of else prices.cash_closes(day)

    def _close(self, listed: Listed) -> int:
        """Its close of the session before, in paise."""
        spot = self._closes_before[listed.basis.index_of][listed.basis.row]
        at = np.array([self._before.close_s])
        worth = self._maker.worth(listed.instrument, np.array([spot]), at)
        return max(5, round(float(worth[0]) * 20.0) * 5)

    @cached_property
    def _closes_before(self) -> dict[str, Floats]:
        return {mic: self._closes(self._before.day, Basis(0, mic)) for mic in ("", "XNSE", "XBOM")}

    def _before_open(self, listed: Listed) -> Quote:
        close, interest = self._close(listed), self._opening_interest(listed.instrument)
        return Quote(
            exchange_s=self._before.close_s,
            last_price=close,
            open=0,
            high=0,
            low=0,
            close=close,
            last_trade_time=self._before.close_s,
            oi=interest,
            oi_day_high=interest,
            oi_day_low=interest,
        )

    def _opening_interest(self, row: Instrument) -> int:
        return self._maker.opening_interest(row)


class WithStocks:
    """A market, and the stocks beside it, as one `Market`."""

    def __init__(self, first: Market, stocks: StockMarket) -> None:
        self._first = first
        self._stocks = stocks

    @property
    def day(self) -> date:
        return self._first.day

    @property
    def source(self) -> str:
        return self._first.source

    @cached_property
    def _all(self) -> tuple[SimInstrument, ...]:
        return (*self._first.instruments(), *self._stocks.instruments())

    def instruments(self) -> Sequence[SimInstrument]:
        return self._all

    def series(self, token: int) -> Series:
        return self._of(token).series(token)

    def state(self, token: int, at_ns: int) -> Quote:
        return self._of(token).state(token, at_ns)

    def candles(
        self, token: int, interval_minutes: int, from_ns: int, to_ns: int, *, at_ns: int | None = None
    ) -> list[Candle]:
        return self._of(token).candles(token, interval_minutes, from_ns, to_ns, at_ns=at_ns)

    def frames(self, tokens: Iterable[int], from_ns: int, to_ns: int) -> Iterator[Frame]:
        return merge(self.series, tokens, from_ns, to_ns)

    def _of(self, token: int) -> Market:
        return self._stocks if self._stocks.has(token) else self._first
