"""One instrument's packets of a day, made quickly: a listener of hundreds of instruments asks for all of them at once.

What can be shared is: the seconds in which instruments of one liveliness are quoted, and the shapes of books. A book is
drawn when a packet is encoded, from the last price and a shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np

from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.simulator.market.base import LEVELS, Depth, Floats, Ints, Prices, Series
from muhurat.simulator.market.flow import Ticks, index_series
from muhurat.simulator.market.hours import DayHours
from muhurat.simulator.market.pricing import RATE, SECONDS_PER_YEAR, black76
from muhurat.simulator.market.seeds import Purpose, stream
from muhurat.simulator.market.timing import packet_seconds, send_instants

TICK_PAISE: Final = 5
PACKETS_PER_BAR: Final = {
    InstrumentType.INDEX: 160.0,
    InstrumentType.EQUITY: 140.0,
    InstrumentType.FUTURE: 130.0,
    InstrumentType.CALL: 100.0,
    InstrumentType.PUT: 100.0,
}
"""Of three minutes. About 1,091 instruments gave 730 packets a second on a real account (facts/kite.md, section 8)."""

_PATTERNS: Final = 8
_SHAPES: Final = 1024
_VOL: Final = 0.28
_OPEN_LOTS: Final = 9_000


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """The seconds of the day in which an instrument is quoted, and the instants at which that is sent."""

    exchange_s: Ints
    send_ns: Ints


class PacketMaker:
    """Makes packets for the session of `hours`; the same ones for the same seed, whatever was asked for before."""

    def __init__(self, seed: int, hours: DayHours, expiry_close_s: Callable[[Instrument], int]) -> None:
        self._seed = seed
        self._hours = hours
        self._expiry_close_s = expiry_close_s
        self._times: dict[tuple[InstrumentType, int], Times] = {}

    def series(self, row: Instrument, path: Floats, close: int) -> Series:
        """The packets of an instrument whose underlying takes `path` (rupees at each of the day's seconds); `close` is
        its own close of the session before, in paise."""
        times = self._times_of(row)
        at = np.searchsorted(self._hours.seconds, times.exchange_s)
        worth = self.worth(row, path[at], times.exchange_s)
        length = len(worth)
        if row.type is InstrumentType.INDEX:
            points = np.rint(worth * 100.0).astype(np.int32)
            nothing = np.zeros(length, dtype=np.int64)
            return index_series(row.token, times.send_ns, Ticks(times.exchange_s, points, nothing, nothing), close)
        random = stream(self._seed, self._hours.day, row.token, Purpose.TRADES)
        ticks = np.rint(worth * (100.0 / TICK_PAISE) + random.normal(0.0, 0.6, length))
        prices = (np.maximum(ticks, 1.0) * TICK_PAISE).astype(np.int32)
        lots = random.poisson(1.1, length)
        return self._dressed(row, times, Ticks(times.exchange_s, prices, lots * row.lot_size, lots), close)

    def worth(self, row: Instrument, spot: Floats, exchange_s: Ints) -> Floats:
        """What an instrument is worth, in rupees or points, where its underlying stands at `spot`."""
        if row.expiry is None:
            return spot
        years = (self._expiry_close_s(row) - exchange_s) / SECONDS_PER_YEAR
        forward: Floats = spot * np.exp(RATE * years)
        if row.type is InstrumentType.FUTURE:
            return forward
        return black76(row.type is InstrumentType.CALL, forward, float(row.strike), _VOL, years)

    def opening_interest(self, row: Instrument) -> int:
        """The open interest that a day begins with, in units; none of a share."""
        if row.expiry is None:
            return 0
        random = stream(self._seed, self._hours.day, row.token, Purpose.OPEN_INTEREST)
        return int(_OPEN_LOTS * random.lognormal(0.0, 0.6)) * row.lot_size

    def _dressed(self, row: Instrument, times: Times, ticks: Ticks, close: int) -> Series:
        """Volumes, open interest and a book around the prices."""
        length = len(ticks.exchange_s)
        volume = np.cumsum(ticks.traded)
        turnover = np.cumsum(ticks.traded * ticks.last_price.astype(np.int64))
        standing = np.resize(_standing() * row.lot_size, length)
        opening = self.opening_interest(row)
        interest = np.full(length, opening) if row.expiry is None else opening + (volume // 40)
        return replace(
            index_series(row.token, times.send_ns, ticks, close),
            tradable=True,
            last_quantity=np.where(ticks.traded > 0, ticks.traded, row.lot_size),
            average_price=np.where(volume > 0, turnover // np.maximum(volume, 1), close).astype(np.int32),
            volume=volume,
            buy_quantity=standing,
            sell_quantity=standing[::-1],
            last_trade_time=times.exchange_s,
            oi=interest,
            oi_day_high=interest,
            oi_day_low=np.full(1, opening).repeat(length),
            depth=DrawnBook(ticks.last_price, row.lot_size),
        )

    def _times_of(self, row: Instrument) -> Times:
        key = (row.type, row.token // 256 % _PATTERNS)
        if key not in self._times:
            kind, number = key
            cash = kind in (InstrumentType.INDEX, InstrumentType.EQUITY)
            seconds = self._hours.quoted(index=cash, expiring=False)
            random = stream(self._seed, self._hours.day, number + 1, Purpose.TIMES)
            chosen = packet_seconds(random, seconds, PACKETS_PER_BAR[kind], 1)
            self._times[key] = Times(chosen, send_instants(random, chosen))
        return self._times[key]


class DrawnBook:
    """The books of an instrument's packets, drawn when they are looked at."""

    def __init__(self, last_price: Prices, lot: int) -> None:
        self._last_price = last_price
        self._lot = lot

    def __getitem__(self, rows: slice | int) -> Depth:
        places = np.atleast_1d(np.arange(len(self._last_price))[rows])
        depth = _shapes()[places % _SHAPES].copy()
        depth[:, :, 0] = depth[:, :, 0] * TICK_PAISE + self._last_price[places, None]
        depth[:, :, 1] *= self._lot
        depth[depth[:, :, 0] < TICK_PAISE] = 0
        return depth if isinstance(rows, slice) else depth[0]


@cache
def _shapes() -> Depth:
    """Books as (ticks from the last price, lots, orders), five bids and five asks."""
    random = np.random.default_rng(7)
    steps = 1 + random.integers(0, 3, (_SHAPES, 2, LEVELS))
    away = np.cumsum(steps, axis=2)
    shapes = np.empty((_SHAPES, 2 * LEVELS, 3), dtype=np.int32)
    shapes[:, :LEVELS, 0] = 1 - away[:, 0]
    shapes[:, LEVELS:, 0] = away[:, 1]
    shapes[:, :, 1] = 1 + np.floor(random.standard_exponential((_SHAPES, 2 * LEVELS)) * 6.0)
    shapes[:, :, 2] = 1 + np.floor(random.random((_SHAPES, 2 * LEVELS)) * np.minimum(shapes[:, :, 1], 9))
    return shapes


@cache
def _standing() -> Ints:
    """Lots that are bid or offered in all, behind the five levels too."""
    return np.random.default_rng(8).integers(150, 900, _SHAPES)
