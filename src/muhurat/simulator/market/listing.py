"""Which contracts the simulated exchange lists on a day, how Kite writes them, and how such a symbol is read.

Weekly SENSEX options are written `SENSEX` YY M DD strike CE|PE with M one of 1-9, O, N, D; the month's last expiry,
and futures, are written with YY MMM instead. Rules and the tokens of indices: facts/kite.md §6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from typing import Final

from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.simulator.market.base import SimInstrument
from muhurat.simulator.market.hours import Exchange

UNDERLYING: Final = "SENSEX"
LOT: Final = 20
TICK_PAISE: Final = 5
STRIKE_STEP: Final = 100
STRIKES_EACH_SIDE: Final = 30
SENSEX, NIFTY, VIX = 265, 256265, 264969

_BFO, _INDICES = 5, 9
_WEEKDAY_SINCE: Final = ((date(1, 1, 1), 4), (date(2025, 1, 4), 1), (date(2025, 9, 1), 3))
"""Weekday of the weekly expiry (Monday is 0) from a date on: Friday, then Tuesday, since September 2025 Thursday."""
_MONTH_LETTERS: Final = "123456789OND"
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKLY: Final = re.compile(rf"{UNDERLYING}(\d\d)([1-9OND])(\d\d)(\d+)(CE|PE)")
_MONTHLY: Final = re.compile(rf"{UNDERLYING}(\d\d)({'|'.join(_MONTHS)})(?:(\d+)(CE|PE)|FUT)")
_WEEKS_LISTED: Final = 60
_WEEK: Final = timedelta(days=7)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Expiry:
    """The day contracts expire on; `monthly` when it is its month's last, which is written differently."""

    day: date
    monthly: bool


class ExpiryRule:
    """SENSEX expiries: one a week, on the trading day before when that weekday is a holiday."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def upcoming(self, day: date) -> Iterator[Expiry]:
        """The weekly expiries from `day` on, `day` included."""
        monday = day - timedelta(days=day.weekday())
        while True:
            nominal = monday + timedelta(days=_expiry_weekday(monday + 4 * _DAY))
            actual = self._shifted(nominal)
            if actual >= day:
                yield Expiry(actual, monthly=(nominal + _WEEK).month != nominal.month)
            monday += _WEEK

    def monthlies(self, day: date) -> Iterator[Expiry]:
        """The monthly expiries from `day` on."""
        return (expiry for expiry in self.upcoming(day) if expiry.monthly)

    def of_month(self, year: int, month: int) -> Expiry:
        """The last expiry of a month."""
        return next(self.monthlies(date(year, month, 15)))

    def _shifted(self, nominal: date) -> date:
        while not self._exchange.trades(nominal):
            nominal -= _DAY
        return nominal


def index_instruments() -> tuple[Instrument, ...]:
    """The three indices of the day: SENSEX, NIFTY 50, INDIA VIX."""
    rows = ((SENSEX, "SENSEX", "BSE"), (NIFTY, "NIFTY 50", "NSE"), (VIX, "INDIA VIX", "NSE"))
    return tuple(
        Instrument(
            token=token,
            exchange_token=token >> 8,
            symbol=symbol,
            name=symbol,
            exchange=exchange,
            segment="INDICES",
            type=InstrumentType.INDEX,
            expiry=None,
            strike=Decimal(0),
            tick_size=Decimal(0),
            lot_size=0,
        )
        for token, symbol, exchange in rows
    )


def future(expiry: Expiry) -> Instrument:
    """The SENSEX future of a month."""
    return _contract(expiry, InstrumentType.FUTURE, 0)


def option(expiry: Expiry, strike: int, kind: InstrumentType) -> Instrument:
    """A SENSEX option; `strike` in points."""
    return _contract(expiry, kind, strike)


def symbol_of(expiry: Expiry, strike: int, kind: InstrumentType) -> str:
    """Kite's trading symbol of a SENSEX contract."""
    day = expiry.day
    year = f"{UNDERLYING}{day:%y}"
    if kind is InstrumentType.FUTURE:
        return f"{year}{_MONTHS[day.month - 1]}FUT"
    when = _MONTHS[day.month - 1] if expiry.monthly else f"{_MONTH_LETTERS[day.month - 1]}{day:%d}"
    return f"{year}{when}{strike}{kind}"


def expiry_of(row: Instrument) -> date:
    """The expiry of a contract; raises `ValueError` for an instrument that has none."""
    if row.expiry is None:
        raise ValueError(f"{row.symbol} does not expire")
    return row.expiry


def parse_symbol(symbol: str, rule: ExpiryRule) -> Instrument | None:
    """The index or SENSEX contract a symbol names, None when it names something this exchange does not list."""
    contract = _parse_contract(symbol, rule)
    if contract is not None and contract.strike % STRIKE_STEP:
        return None
    return contract


def list_day(
    rule: ExpiryRule, day: date, spots: Iterable[float], real: Iterable[Instrument] = ()
) -> tuple[SimInstrument, ...]:
    """The day's dump: indices, two futures, and options of two weekly expiries around the `spots` the day visits.

    `real` contracts are always listed and nothing else is marked as real; the earliest real option expiry is the first
    one listed, so that "the current expiry" of a day from real candles is the one the candles are of. Without any real
    instrument the whole day is synthetic and nothing is marked.
    """
    known = {instrument.token: instrument for instrument in real}
    expiries = _listed_expiries(rule, day, known.values())
    made = [*index_instruments(), *map(future, islice(rule.monthlies(day), 2)), *_chain(expiries, spots)]
    everything = {instrument.token: instrument for instrument in (*made, *known.values())}
    ordered = sorted(everything.values(), key=_dump_order)
    return tuple(SimInstrument(row, modelled=bool(known) and row.token not in known) for row in ordered)


def _parse_contract(symbol: str, rule: ExpiryRule) -> Instrument | None:
    for index in index_instruments():
        if symbol == index.symbol:
            return index
    if weekly := _WEEKLY.fullmatch(symbol):
        year, letter, day, strike, kind = weekly.groups()
        return _weekly_option(year, letter, day, int(strike), InstrumentType(kind))
    if monthly := _MONTHLY.fullmatch(symbol):
        year, month, strike, kind = monthly.groups()
        expiry = rule.of_month(2000 + int(year), _MONTHS.index(month) + 1)
        return option(expiry, int(strike), InstrumentType(kind)) if kind else future(expiry)
    return None


def _listed_expiries(rule: ExpiryRule, day: date, real: Iterable[Instrument]) -> list[Expiry]:
    dates = sorted({row.expiry for row in real if row.type.is_option and row.expiry})
    if not dates:
        return list(islice(rule.upcoming(day), 2))
    ruled = {expiry.day: expiry for expiry in islice(rule.upcoming(dates[0]), _WEEKS_LISTED)}
    following = next(expiry for expiry in ruled.values() if expiry.day > dates[0])
    wanted = {when: ruled.get(when, Expiry(when, monthly=False)) for when in dates}
    return sorted({**wanted, following.day: following}.values(), key=lambda expiry: expiry.day)


def _chain(expiries: Iterable[Expiry], spots: Iterable[float]) -> Iterator[Instrument]:
    spots = list(spots)
    lowest = round(min(spots) / STRIKE_STEP) - STRIKES_EACH_SIDE
    highest = round(max(spots) / STRIKE_STEP) + STRIKES_EACH_SIDE
    for expiry in expiries:
        for step in range(max(1, lowest), highest + 1):
            for kind in (InstrumentType.CALL, InstrumentType.PUT):
                yield option(expiry, step * STRIKE_STEP, kind)


def _contract(expiry: Expiry, kind: InstrumentType, strike: int) -> Instrument:
    exchange_token = _exchange_token(expiry.day, kind, strike)
    return Instrument(
        token=exchange_token << 8 | _BFO,
        exchange_token=exchange_token,
        symbol=symbol_of(expiry, strike, kind),
        name=UNDERLYING,
        exchange="BFO",
        segment="BFO-OPT" if kind.is_option else "BFO-FUT",
        type=kind,
        expiry=expiry.day,
        strike=Decimal(strike),
        tick_size=Decimal("0.05"),
        lot_size=LOT,
    )


def _exchange_token(expiry: date, kind: InstrumentType, strike: int) -> int:
    """Six digits like BSE's own, reused after a year like BSE's own: week, strike and side in mixed radix."""
    week = expiry.toordinal() // 7 % 48
    return 800_000 + week * 4096 + strike // STRIKE_STEP % 2048 * 2 + (kind is InstrumentType.PUT)


def _weekly_option(year: str, letter: str, day: str, strike: int, kind: InstrumentType) -> Instrument | None:
    try:
        expires = date(2000 + int(year), _MONTH_LETTERS.index(letter) + 1, int(day))
    except ValueError:
        return None
    return option(Expiry(expires, monthly=False), strike, kind)


def _expiry_weekday(day: date) -> int:
    return next(weekday for since, weekday in reversed(_WEEKDAY_SINCE) if since <= day)


def _dump_order(row: Instrument) -> tuple[bool, bool, date, Decimal, str]:
    return row.type.is_option, row.expiry is not None, row.expiry or date.min, row.strike, row.symbol
