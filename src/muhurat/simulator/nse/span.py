"""NSE Clearing's SPAN parameter files: XML of six moments of a day, facts/nse.md §8.

Elements and their order are those of the 2017 file, expiries are written YYYYMMDD as in equity derivatives today. The
extreme scenarios are twice the range, weighted 0.35: what the values of the 2017 file say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

import numpy as np

from muhurat.clock import IST, ist_ns
from muhurat.simulator.market.base import Floats
from muhurat.simulator.market.pricing import RATE
from muhurat.simulator.nse.span_xml import document, future, option, physical, portfolio, series
from muhurat.simulator.reference.contracts import Contracts, spots
from muhurat.simulator.reference.derivatives import Derivatives, option_prices
from muhurat.simulator.reference.listing import Underlying
from muhurat.simulator.reference.sessions import Sessions

LOOK_AHEAD: Final = 1.0 / 365.0
_THIRDS: Final = np.array([0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3, 6, -6]) / 3.0
_VOL_MOVES: Final = np.array([1, -1] * 7 + [0, 0])
_WEIGHTS: Final = np.array([1.0] * 14 + [0.35] * 2)
_INDEX_SCAN, _STOCK_SCAN, _DEVIATIONS = 0.093, 0.142, 6.0
_INDEX_VOL_SCAN, _STOCK_VOL_SCAN = 0.04, 0.10
_SESSION_MINUTES: Final = 375.0
_OPEN_MINUTE: Final = 9 * 60 + 15


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the day's six files: its name outside and inside the archive, when it is made and when it is out.

    `evening_before` is so of the first: it is made after the session before, from that session's closes.
    """

    name: str
    inner: str
    made: time
    out: time
    evening_before: bool = False

    def out_ns(self, sessions: Sessions, day: date) -> int:
        """When the file of a session is published."""
        return ist_ns(sessions.before(day) if self.evening_before else day, self.out)

    def through(self) -> float:
        """How much of the session has passed when the file is made."""
        minutes = self.made.hour * 60 + self.made.minute - _OPEN_MINUTE
        return min(1.0, max(0.0, minutes / _SESSION_MINUTES))


SLOTS: Final = {
    slot.name: slot
    for slot in (
        Slot("i1", "i01", time(19, 31), time(19, 45), evening_before=True),
        Slot("i2", "i02", time(11, 0), time(11, 0)),
        Slot("i3", "i03", time(12, 30), time(12, 30)),
        Slot("i4", "i04", time(14, 0), time(14, 0)),
        Slot("i5", "i05", time(15, 30), time(15, 30)),
        Slot("s", "s", time(17, 45), time(18, 30)),
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class _Risk:
    """What the file says of every contract: price, delta, volatility, and the 16 losses of a long position."""

    price: Floats
    delta: Floats
    vol: Floats
    years: Floats
    losses: Floats


def span_file(derivatives: Derivatives, day: date, slot: Slot) -> bytes:
    """The XML of a slot."""
    sessions = derivatives.prices.sessions
    priced = sessions.before(day) if slot.evening_before else day
    through = 1.0 if slot.evening_before else slot.through()
    contracts = derivatives.contracts(day)
    cash, index = derivatives.prices.cash_at(priced, through), derivatives.prices.index_at(priced, through)
    spot = spots(derivatives.prices, derivatives.listed, cash, index)
    scan = _price_scan(derivatives, priced, spot)
    risk = _risk(derivatives, contracts, priced, through, spot, scan)
    made = datetime.combine(priced, slot.made, IST)
    body = _exchange(derivatives.listed, contracts, spot, scan, risk)
    return document(day, made, slot.name == "s", body, _combined(derivatives.listed, contracts))


def _price_scan(derivatives: Derivatives, day: date, spot: Floats) -> Floats:
    is_index = np.array([each.is_index for each in derivatives.listed])
    least = np.where(is_index, _INDEX_SCAN, _STOCK_SCAN)
    daily = derivatives.levels(day) / np.sqrt(252.0)
    scan: Floats = np.round(spot * np.maximum(least, _DEVIATIONS * daily), 2)
    return scan


def _risk(
    derivatives: Derivatives, contracts: Contracts, day: date, through: float, spot: Floats, scan: Floats
) -> _Risk:
    years = derivatives.years(contracts, day, through)
    own_spot, own_scan = spot[contracts.underlying], scan[contracts.underlying]
    forward = own_spot * np.exp(RATE * years)
    vol = derivatives.vols(contracts, day, forward, years)
    vol_scan = np.where(contracts.is_index, _INDEX_VOL_SCAN, _STOCK_VOL_SCAN)
    later = np.maximum(years - LOOK_AHEAD, 0.0)
    price = _worth(contracts, own_spot, vol, years)
    moved = [
        _worth(contracts, np.maximum(own_spot + third * own_scan, 0.01 * own_spot), vol + bump * vol_scan, later)
        for third, bump in zip(_THIRDS, _VOL_MOVES, strict=True)
    ]
    losses = np.round((price[:, None] - np.stack(moved, axis=1)) * _WEIGHTS, 2)
    delta = (moved[2] + moved[3] - moved[4] - moved[5]) / (4.0 * own_scan / 3.0)
    return _Risk(np.round(price, 2), np.round(delta, 4), vol, years, losses)


def _worth(contracts: Contracts, spot: Floats, vol: Floats, years: Floats) -> Floats:
    forward = spot * np.exp(RATE * years)
    worth = forward.copy()
    options = contracts.is_option
    args = (forward[options], contracts.strike[options], np.maximum(vol[options], 0.01), years[options])
    worth[options] = option_prices(contracts.call[options], *args)
    return worth


def _exchange(
    listed: tuple[Underlying, ...], contracts: Contracts, spot: Floats, scan: Floats, risk: _Risk
) -> Iterator[str]:
    """The portfolios: all spots, all futures, all options."""
    for place, underlying in enumerate(listed):
        losses = -_THIRDS * scan[place] * _WEIGHTS
        yield physical(place, underlying, float(spot[place]), float(scan[place]), losses.tolist())
    count = sum(each.future for each in contracts.series)
    rows = list(
        zip(risk.price.tolist(), risk.delta.tolist(), risk.vol.tolist(), risk.years.tolist(), risk.losses, strict=True)
    )
    futures: dict[int, list[str]] = {}
    for row, each in enumerate(each for each in contracts.series if each.future):
        price, delta, vol, years, losses = rows[row]
        made = futures.setdefault(each.underlying, [])
        range_ = float(scan[each.underlying])
        made.append(future(len(made) + 1, each, listed, (price, delta, vol, years, range_), losses.tolist()))
    for place, made in futures.items():
        yield portfolio("futPf", place, listed[place], "".join(made))
    options: dict[int, list[str]] = {}
    strikes, calls = contracts.strike.tolist(), contracts.call.tolist()
    for each in contracts.series:
        block = range(count, count + 2 * len(each.strikes))
        count = block.stop
        losses_of = risk.losses[block.start : block.stop].tolist()
        lines = [
            option(number, calls[row], strikes[row], *rows[row][:3], losses)
            for number, (row, losses) in enumerate(zip(block, losses_of, strict=True), 1)
        ]
        years, range_ = rows[block.start][3], float(scan[each.underlying])
        options.setdefault(each.underlying, []).append(series(each, listed, years, range_, "".join(lines)))
    for place, made in options.items():
        yield portfolio("oopPf", place, listed[place], "".join(made))


def _combined(listed: tuple[Underlying, ...], contracts: Contracts) -> list[tuple[int, Underlying, list[date]]]:
    months: dict[int, list[date]] = {place: [] for place in range(len(listed))}
    for each in contracts.series:
        if each.future:
            months[each.underlying].append(each.expiry)
    return [(place, listed[place], dates) for place, dates in months.items()]
