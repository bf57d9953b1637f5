"""A day from real candles: packets that reproduce them exactly, and a modelled market around them.

Where a folder has candles, packets visit each candle's open, high, low and close and add up to its volume. Every other
instrument follows the real index, priced by Black-76 at the volatility the real options imply, and is marked
`modelled`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

import numpy as np

from muhurat.clock import IST
from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.simulator.market.bars import CandleBars
from muhurat.simulator.market.base import Floats, Ints
from muhurat.simulator.market.calibration import implied_carry, implied_index, implied_level, real_options
from muhurat.simulator.market.candle_files import (
    CandleError,
    CandleFile,
    Row,
    bars_of,
    candle_days,
    candle_files,
    files_for,
    read_rows,
)
from muhurat.simulator.market.daymodel import DayModel
from muhurat.simulator.market.hours import BAR_S, DayHours, Exchange
from muhurat.simulator.market.listing import SENSEX, TICK_PAISE, ExpiryRule, index_instruments, list_day, parse_symbol
from muhurat.simulator.market.modelled import ModelledMarket, Source
from muhurat.simulator.market.paths import DayPath, closing_vol, wander
from muhurat.simulator.market.seeds import Purpose, stream

_OVERNIGHT: Final = 0.002
_DAILY: Final = 0.004


@dataclass(frozen=True, slots=True)
class Folder:
    """The candles of two sessions: instruments by token, bars by date and token, symbols nobody here lists."""

    rows: Mapping[int, Instrument]
    bars: Mapping[date, Mapping[int, CandleBars]]
    skipped: tuple[str, ...]


class CandleMarket(ModelledMarket):
    """The market of `day` as the candles in `folder` have it.

    `skipped` names the symbols in the folder that this exchange does not list. Raises `CandleError` naming file, line
    and column of a candle that cannot be, and when nothing tells where the index stood.
    """

    def __init__(self, folder: Path, day: date, seed: int, overlays: Sequence[Path] = ()) -> None:
        exchange = Exchange(overlays)
        rule = ExpiryRule(exchange)
        hours, before = exchange.hours(day), exchange.previous_hours(day)
        found = read_folder(folder, (before, hours), exchange, rule)
        builder = _Builder(seed, exchange, found)
        today = builder.today(hours, folder)
        previous = builder.previous(before, today)
        real = [row for row in found.rows.values() if today.real(row.token)]
        spots = (float(today.path.spot.min()), float(today.path.spot.max()), float(previous.path.spot[-1]))
        super().__init__(Source("candles", list_day(rule, day, spots, real), today, previous))
        self.skipped = found.skipped


def read_folder(folder: Path, sessions: tuple[DayHours, DayHours], exchange: Exchange, rule: ExpiryRule) -> Folder:
    """The candles of the two sessions; the same candle in two files must be the same in both."""
    previous, today = sessions
    rows: dict[int, Instrument] = {}
    skipped: set[str] = set()
    merged: dict[tuple[date, int], dict[int, tuple[Row, Path]]] = {}
    for file in files_for(candle_files(folder), previous.day, today.day):
        instrument = parse_symbol(file.symbol, rule)
        if instrument is None:
            skipped.add(file.symbol)
            continue
        rows[instrument.token] = instrument
        _check_expiry(file, instrument, exchange)
        rows_of_file = read_rows(file.path, tick_paise=1 if _is_index(instrument) else TICK_PAISE)
        for hours in sessions:
            into = merged.setdefault((hours.day, instrument.token), {})
            _merge(into, file.path, _rows_within(file.path, rows_of_file, instrument, hours))
    bars: dict[date, dict[int, CandleBars]] = {previous.day: {}, today.day: {}}
    for (day, token), by_start in merged.items():
        if by_start:
            bars[day][token] = bars_of(row for _, (row, _) in sorted(by_start.items()))
    return Folder(rows, bars, tuple(sorted(skipped)))


class _Builder:
    """Puts the models of the day and of the session before it together."""

    def __init__(self, seed: int, exchange: Exchange, found: Folder) -> None:
        self._seed = seed
        self._exchange = exchange
        self._found = found

    def today(self, hours: DayHours, folder: Path) -> DayModel:
        bars = dict(self._found.bars[hours.day])
        implied = self._add_implied_index(bars)
        if SENSEX not in bars:
            days = ", ".join(map(str, candle_days(folder))) or "none"
            raise CandleError(
                f"{folder} has neither candles of SENSEX for {hours.day} nor a call and a put that imply them",
                hint=f"days with index candles: {days}",
            )
        default_vol = closing_vol(self._seed, hours.day)
        return self._on_candles(hours, bars, implied, default_vol)

    def previous(self, hours: DayHours, today: DayModel) -> DayModel:
        """The session before: from its own candles, or a made-up way to near where today opens."""
        bars = dict(self._found.bars[hours.day])
        implied = self._add_implied_index(bars)
        first_vol = float(today.path.vol[0])
        if SENSEX in bars:
            return self._on_candles(hours, bars, implied, first_vol)
        random = stream(self._seed, hours.day, SENSEX, Purpose.LEVEL)
        closes = float(today.path.spot[0]) * math.exp(_OVERNIGHT * random.standard_normal())
        opens = closes * math.exp(_DAILY * random.standard_normal())
        path = wander(self._seed, hours, (opens, closes), (first_vol, first_vol))
        return self._model(hours, path, bars, implied)

    def _add_implied_index(self, bars: dict[int, CandleBars]) -> frozenset[int]:
        if SENSEX in bars:
            return frozenset()
        options = real_options(self._found.rows.values(), bars)
        index = implied_index(options, self._exchange.expiry_close_s)
        if index is None:
            return frozenset()
        bars[SENSEX] = index
        return frozenset({SENSEX})

    def _on_candles(
        self, hours: DayHours, bars: Mapping[int, CandleBars], implied: frozenset[int], default_vol: float
    ) -> DayModel:
        """The packets of the index are drawn first; everything else then follows the very path they make."""
        flat = np.ones(len(hours.seconds))
        draft = self._model(hours, DayPath(hours.seconds, flat, flat), bars, implied)
        index = draft.ticks(next(row for row in index_instruments() if row.token == SENSEX))
        spot_at = _interpolation(index.exchange_s, index.last_price / 100.0)
        expiry_close = self._exchange.expiry_close_s
        options = real_options(self._found.rows.values(), bars)
        carry = implied_carry(options, spot_at, expiry_close)
        ends, levels = implied_level(options, carry, spot_at, expiry_close)
        vol = np.interp(hours.seconds, ends, levels) if len(ends) else np.full(len(hours.seconds), default_vol)
        return self._model(hours, DayPath(hours.seconds, spot_at(hours.seconds), vol, carry), bars, implied)

    def _model(
        self, hours: DayHours, path: DayPath, bars: Mapping[int, CandleBars], implied: frozenset[int]
    ) -> DayModel:
        return DayModel(self._seed, hours, path, self._exchange, bars, implied)


def _interpolation(seconds: Ints, values: Floats) -> Callable[[Ints], Floats]:
    def at(wanted: Ints) -> Floats:
        between: Floats = np.interp(wanted, seconds, values)
        return between

    return at


def _check_expiry(file: CandleFile, row: Instrument, exchange: Exchange) -> None:
    if row.expiry is None:
        return
    if not exchange.trades(row.expiry):
        raise CandleError(f"{file.path}: {row.symbol} would expire on {row.expiry}, when the exchange is closed")


def _rows_within(path: Path, candles: Iterable[Row], row: Instrument, hours: DayHours) -> Iterator[Row]:
    quoted = set(hours.quoted(index=_is_index(row), expiring=row.expiry == hours.day)[::BAR_S].tolist())
    for candle in candles:
        when = datetime.fromtimestamp(candle.start_s, IST)
        if when.date() != hours.day:
            continue
        if row.expiry is not None and row.expiry < hours.day:
            raise CandleError(
                f"{path}: {row.symbol} expired on {row.expiry}, before its candle of {when:%Y-%m-%d %H:%M}"
            )
        if candle.start_s not in quoted:
            raise CandleError(f"{path}: the candle of {when:%Y-%m-%d %H:%M} lies outside the session")
        yield candle


def _is_index(row: Instrument) -> bool:
    return row.type is InstrumentType.INDEX


def _merge(into: dict[int, tuple[Row, Path]], path: Path, rows: Iterable[Row]) -> None:
    for row in rows:
        known = into.setdefault(row.start_s, (row, path))
        if known[0] != row:
            when = datetime.fromtimestamp(row.start_s, IST)
            raise CandleError(f"{known[1]} and {path} differ about the candle of {when:%Y-%m-%d %H:%M}")
