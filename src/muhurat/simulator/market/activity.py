"""How lively each instrument is: packets per bar, trades, spread, size of the book."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Final

from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.simulator.market.listing import STRIKE_STEP, VIX

LIQUID_PACKETS: Final = 20
"""The fewest packets a bar of a liquid instrument has."""

_LIQUID_STRIKES: Final = 10.0
_QUIET_PACKETS: Final = 6.5


@dataclass(frozen=True, slots=True)
class Activity:
    """Means for one instrument and day.

    `packets` per three-minute bar and the fewest there are; `lots` per packet in which something trades; the spread is
    `spread_ticks` plus `spread_share` of the price; `book_lots` stand at each level; `open_lots` is its open interest.
    """

    packets: float
    at_least: int
    lots: float = 0.0
    spread_ticks: float = 1.0
    spread_share: float = 0.0
    book_lots: float = 0.0
    open_lots: float = 0.0


def activity_of(row: Instrument, day: date, spot: float) -> Activity:
    """What to expect of an instrument when the index stands at `spot`."""
    if row.type is InstrumentType.INDEX:
        return Activity(14.0, 0) if row.token == VIX else Activity(54.0, 40)
    days = (row.expiry - day).days if row.expiry else 0
    if row.type is InstrumentType.FUTURE:
        near = days <= 31
        return Activity(40.0 if near else 12.0, LIQUID_PACKETS if near else 0, 2.0, 2.0, 0.00004, 3.0, 6_000.0)
    return _option_activity(abs(float(row.strike) - spot) / STRIKE_STEP, weekly_rank=days // 7)


def _option_activity(strikes_away: float, weekly_rank: int) -> Activity:
    """Options thin out with distance from the money and with every week to expiry."""
    popularity = math.exp(-((strikes_away / 10.0) ** 2))
    later = 0.75**weekly_rank
    liquid = strikes_away <= _LIQUID_STRIKES and weekly_rank == 0
    return Activity(
        packets=_QUIET_PACKETS + (26.0 + 6.0 * later) * popularity,
        at_least=LIQUID_PACKETS if liquid or strikes_away <= _LIQUID_STRIKES / 2 else 0,
        lots=1.5 + 40.0 * 0.15**weekly_rank * popularity,
        spread_ticks=1.0,
        spread_share=0.0012 + 0.0005 * strikes_away / 10.0 + 0.001 * weekly_rank,
        book_lots=2.0 + 30.0 * later * popularity,
        open_lots=400.0 + 24_000.0 * later * popularity,
    )
