"""From prices and times to full packets: trades, open interest, totals and the five-level book."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from muhurat.simulator.market.activity import Activity
from muhurat.simulator.market.base import LEVELS, Depth, Flags, Floats, Ints, Prices, Series

_TRADING_SHARE: Final = 0.72
_BIGGEST_LAST_LOTS: Final = 25


@dataclass(frozen=True, slots=True, eq=False)
class Ticks:
    """One instrument's packets before they are dressed: second, last price, units traded since the one before, and the
    open interest after it."""

    exchange_s: Ints
    last_price: Prices
    traded: Ints
    oi: Ints


@dataclass(frozen=True, slots=True)
class Opening:
    """What a day inherits from the session before it: close in paise, open interest, second of its last trade."""

    close: int
    oi: int
    last_trade_s: int
    exchange_s: int


def random_trades(random: np.random.Generator, busy: Floats, mean_lots: float, lot: int) -> Ints:
    """Units traded per packet: nothing in about a quarter of them, most in busy times, whole lots always."""
    lots = 1 + np.floor(random.standard_exponential(len(busy)) * mean_lots * busy).astype(np.int64)
    return np.where(random.random(len(busy)) < _TRADING_SHARE, lots * lot, 0)


def open_interest(random: np.random.Generator, opening: int, traded: Ints, lot: int) -> Ints:
    """Open interest after each packet: part of what trades opens or closes positions; it never falls below a lot."""
    changed = traded * random.normal(0.04, 0.3, len(traded))
    walk = opening + np.cumsum(changed)
    whole: Ints = np.maximum(np.floor(walk / lot), 1.0).astype(np.int64) * lot
    return whole


def index_series(token: int, send_ns: Ints, ticks: Ticks, close: int) -> Series:
    """The packets of an index: prices alone."""
    length = len(ticks.exchange_s)
    nothing = np.broadcast_to(np.int64(0), length)
    return Series(
        token=token,
        tradable=False,
        send_ns=send_ns,
        exchange_s=ticks.exchange_s,
        last_price=ticks.last_price,
        open=_constant(ticks.last_price[0], length),
        high=np.maximum.accumulate(ticks.last_price),
        low=np.minimum.accumulate(ticks.last_price),
        close=_constant(close, length),
        last_quantity=nothing,
        average_price=_constant(0, length),
        volume=nothing,
        buy_quantity=nothing,
        sell_quantity=nothing,
        last_trade_time=nothing,
        oi=nothing,
        oi_day_high=nothing,
        oi_day_low=nothing,
        depth=np.broadcast_to(np.int32(0), (length, 2 * LEVELS, 3)),
    )


@dataclass(frozen=True, slots=True)
class Contract:
    """What the flow of a tradable instrument depends on."""

    token: int
    lot: int
    tick_paise: int
    activity: Activity


def contract_series(
    contract: Contract,
    send_ns: Ints,
    ticks: Ticks,
    opening: Opening,
    volume_random: np.random.Generator,
    book_random: np.random.Generator,
) -> Series:
    """The packets of a tradable instrument."""
    bare = index_series(contract.token, send_ns, ticks, opening.close)
    depth = five_levels(book_random, ticks.last_price, contract)
    volume = np.cumsum(ticks.traded)
    return replace(
        bare,
        tradable=True,
        last_quantity=_last_quantities(volume_random, ticks.traded, contract.lot),
        average_price=_average_prices(ticks, volume, opening.close),
        volume=volume,
        buy_quantity=_standing(volume_random, depth[:, :LEVELS, 1], contract),
        sell_quantity=_standing(volume_random, depth[:, LEVELS:, 1], contract),
        last_trade_time=_last_trade_times(ticks, opening.last_trade_s),
        oi=ticks.oi,
        oi_day_high=np.maximum(np.maximum.accumulate(ticks.oi), opening.oi),
        oi_day_low=np.minimum(np.minimum.accumulate(ticks.oi), opening.oi),
        depth=depth,
    )


def spread_in_ticks(last_price: Prices, contract: Contract) -> Floats:
    """The mean spread at each price, in ticks, one at least."""
    activity = contract.activity
    ticks = activity.spread_ticks + activity.spread_share * last_price / contract.tick_paise
    return np.maximum(ticks, 1.0)


def five_levels(random: np.random.Generator, last_price: Prices, contract: Contract) -> Depth:
    """Books whose best bid or best ask is the last price; below one tick there are no bids."""
    rows, tick = len(last_price), contract.tick_paise
    mean = spread_in_ticks(last_price, contract)
    spread = np.maximum(np.rint(mean * random.uniform(0.5, 1.6, rows)), 1.0).astype(np.int64) * tick
    best_bid = np.where(random.random(rows) < 0.5, last_price, last_price - spread)
    steps = 1.0 + np.floor(random.random((rows, 2, LEVELS)) ** 2 * (1.0 + mean / 4.0)[:, None, None])
    steps[:, :, 0] = 0.0
    away = np.cumsum(steps, axis=2).astype(np.int64) * tick
    lots = 1.0 + np.floor(random.standard_exponential((rows, 2 * LEVELS)) * contract.activity.book_lots)
    depth = np.empty((rows, 2 * LEVELS, 3), dtype=np.int32)
    depth[:, :LEVELS, 0] = best_bid[:, None] - away[:, 0]
    depth[:, LEVELS:, 0] = (best_bid + spread)[:, None] + away[:, 1]
    depth[:, :, 1] = lots * contract.lot
    depth[:, :, 2] = 1.0 + np.floor(random.random((rows, 2 * LEVELS)) * np.minimum(lots, 9.0))
    depth[depth[:, :, 0] < tick] = 0
    return depth


def _constant(value: int | np.int32, length: int) -> Prices:
    return np.broadcast_to(np.int32(value), length)


def _last_quantities(random: np.random.Generator, traded: Ints, lot: int) -> Ints:
    pieces = np.minimum(traded // lot, _BIGGEST_LAST_LOTS)
    drawn = (1 + np.floor(random.random(len(traded)) * pieces).astype(np.int64)) * lot
    return _carried_on(np.minimum(drawn, traded), traded > 0, 0)


def _average_prices(ticks: Ticks, volume: Ints, close: int) -> Prices:
    turnover = np.cumsum(ticks.traded * ticks.last_price.astype(np.int64))
    return np.where(volume > 0, turnover // np.maximum(volume, 1), close).astype(np.int32)


def _standing(random: np.random.Generator, in_book: Depth, contract: Contract) -> Ints:
    """All that is bid or offered: the five levels and what stands behind them."""
    behind = np.floor(random.uniform(8.0, 14.0, len(in_book)) * (1.0 + contract.activity.book_lots)) * contract.lot
    total: Ints = in_book.sum(axis=1, dtype=np.int64) + behind.astype(np.int64)
    return total


def _last_trade_times(ticks: Ticks, before: int) -> Ints:
    return _carried_on(ticks.exchange_s, ticks.traded > 0, before)


def _carried_on(values: Ints, valid: Flags, before: int) -> Ints:
    """Each value, or the last valid one before it, or `before`."""
    latest = np.maximum.accumulate(np.where(valid, np.arange(len(values)), -1))
    carried: Ints = np.where(latest >= 0, values[np.maximum(latest, 0)], before)
    return carried
