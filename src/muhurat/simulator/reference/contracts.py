"""Which futures and options are listed on a date, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from muhurat.simulator.market.base import Floats, Ints
from muhurat.simulator.reference.expiries import Expiries
from muhurat.simulator.reference.listing import Underlying, underlyings
from muhurat.simulator.reference.prices import Prices

Flags = NDArray[np.bool_]

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_LETTERS: Final = "123456789OND"
_FIRST_FUTURE, _FIRST_OPTION = 35_000, 60_000
_WEEKS, _STRIKES = 64, 512


@dataclass(frozen=True)
class Series:
    """The contracts of one underlying and expiry: `options` strikes (a call and a put each), and perhaps a future."""

    underlying: int
    expiry: date
    monthly: bool
    strikes: tuple[float, ...]
    future: bool


@dataclass(frozen=True, eq=False)
class Contracts:
    """The contracts listed on a day, futures first, then options; within both by underlying, expiry, strike, CE, PE.

    `underlying` are places in `underlyings(mic)`; `expiry` are ordinals of dates; `strike` is 0 for futures.
    """

    day: date
    mic: str
    series: tuple[Series, ...]
    underlying: Ints
    expiry: Ints
    strike: Floats
    call: Flags
    monthly: Flags
    token: Ints

    def __len__(self) -> int:
        return len(self.token)

    @cached_property
    def is_option(self) -> Flags:
        flags: Flags = self.strike > 0
        return flags

    @cached_property
    def is_index(self) -> Flags:
        flags = np.array([each.is_index for each in underlyings(self.mic)])
        found: Flags = flags[self.underlying]
        return found

    @cached_property
    def lot(self) -> Ints:
        return np.array([each.lot for each in underlyings(self.mic)], dtype=np.int64)[self.underlying]

    @cached_property
    def symbol(self) -> list[str]:
        """The underlying's symbol of every contract."""
        names = [each.symbol for each in underlyings(self.mic)]
        return [names[place] for place in self.underlying.tolist()]

    @cached_property
    def name(self) -> list[str]:
        """Names as exchanges write them: `ABCAPITAL26OCT480PE`, `NIFTY26N2426000CE`, `SBIN26NOVFUT`."""
        when = {
            (ordinal, monthly): _when(date.fromordinal(ordinal), monthly)
            for ordinal, monthly in set(zip(self.expiry.tolist(), self.monthly.tolist(), strict=True))
        }
        keys = zip(self.expiry.tolist(), self.monthly.tolist(), strict=True)
        columns = zip(self.symbol, keys, self.strike.tolist(), self.call.tolist(), strict=True)
        return [
            f"{symbol}{when[key]}{strike:g}{'CE' if call else 'PE'}" if strike else f"{symbol}{when[key]}FUT"
            for symbol, key, strike, call in columns
        ]


def list_contracts(prices: Prices, day: date) -> Contracts:
    """The contracts of an exchange on a session.

    Strikes lie around every close since the month began, so that none vanishes before the month does.
    """
    mic = prices.sessions.mic
    listed = underlyings(mic)
    lowest, highest = _range(prices, day, listed)
    rule = Expiries(prices.sessions)
    series = [
        each
        for place, underlying in enumerate(listed)
        for each in _series(rule, day, place, underlying, (float(lowest[place]), float(highest[place])))
    ]
    return _columns(day, mic, tuple(series), listed)


def spots(prices: Prices, listed: tuple[Underlying, ...], cash: Floats, index: Floats) -> Floats:
    """One value per underlying out of a column of securities and one of indices."""
    return np.array([(index if each.is_index else cash)[each.row] for each in listed])


def _range(prices: Prices, day: date, listed: tuple[Underlying, ...]) -> tuple[Floats, Floats]:
    days = [day.replace(day=1) + timedelta(days=number) for number in range(day.day)]
    held = [of for of in days if of == day or prices.sessions.trades(of)]
    closes = np.array([spots(prices, listed, prices.cash_closes(of), prices.index_closes(of)) for of in held])
    return closes.min(axis=0), closes.max(axis=0)


def _series(rule: Expiries, day: date, place: int, underlying: Underlying, around: tuple[float, float]) -> list[Series]:
    months = rule.monthlies(day, len(underlying.strikes))
    made = [
        Series(place, expiry.day, True, _strikes(underlying, around, count), True)
        for expiry, count in zip(months, underlying.strikes, strict=True)
    ]
    weeks = (expiry for expiry in rule.weeklies(day, underlying.weeks) if not expiry.monthly)
    strikes = _strikes(underlying, around, underlying.weekly_strikes)
    made += [Series(place, expiry.day, False, strikes, False) for expiry in weeks]
    return sorted(made, key=lambda each: each.expiry)


def _strikes(underlying: Underlying, around: tuple[float, float], each_side: int) -> tuple[float, ...]:
    first = max(1, round(around[0] / underlying.step) - each_side)
    last = round(around[1] / underlying.step) + each_side
    return tuple(underlying.step * number for number in range(first, last + 1))


def _columns(day: date, mic: str, series: tuple[Series, ...], listed: tuple[Underlying, ...]) -> Contracts:
    futures = [each for each in series if each.future]
    strikes = [np.zeros(len(futures)), *(np.repeat(each.strikes, 2) for each in series)]
    calls = [np.zeros(len(futures), dtype=bool), *(np.tile([True, False], len(each.strikes)) for each in series)]
    owners = [*futures, *series]
    counts = [1] * len(futures) + [2 * len(each.strikes) for each in series]
    underlying = np.repeat([each.underlying for each in owners], counts)
    expiry = np.repeat([each.expiry.toordinal() for each in owners], counts)
    monthly = np.repeat([each.monthly for each in owners], counts)
    strike, call = np.concatenate(strikes), np.concatenate(calls)
    step = np.array([each.step for each in listed])[underlying]
    token = _tokens(underlying, expiry, np.round(strike / step).astype(np.int64), call)
    return Contracts(day, mic, series, underlying, expiry, strike, call, monthly, token)


def _tokens(underlying: Ints, expiry: Ints, number: Ints, call: Flags) -> Ints:
    """Numbers that stay with a contract for its life, below 2**24: underlying, week, strike, side in mixed radix."""
    slot = underlying * _WEEKS + expiry // 7 % _WEEKS
    option = _FIRST_OPTION + (slot * _STRIKES + number % _STRIKES) * 2 + np.where(call, 0, 1)
    tokens: Ints = np.where(number > 0, option, _FIRST_FUTURE + slot).astype(np.int64)
    return tokens


def _when(expiry: date, monthly: bool) -> str:
    if monthly:
        return f"{expiry:%y}{_MONTHS[expiry.month - 1]}"
    return f"{expiry:%y}{_LETTERS[expiry.month - 1]}{expiry:%d}"
