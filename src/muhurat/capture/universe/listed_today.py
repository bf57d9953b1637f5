"""Contracts that an exchange lists during the day, which it does after a large move (facts/kite.md, section 4.2).

What is recorded stays recorded. A new contract of an underlying and expiry that a feed watches is taken in when it is
as near to the money as those that are recorded; of the others the universe keeps the name, and `sensex_atm` keeps them
in reserve.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec

from muhurat.capture.universe.model import Entry, Universe, entry_of
from muhurat.model.instrument import Instrument
from muhurat.venues.base import Quotes

Watched = tuple[str, str, date]
"""Exchange, underlying and expiry."""


def new_contracts(universe: Universe, before: Iterable[Instrument], now: Iterable[Instrument]) -> list[Instrument]:
    """The contracts of what the universe watches that are in a dump and were not in the one before."""
    watched, known = set(_recorded_strikes(universe)), {_identity(row) for row in before}
    named = universe.instruments.keys() | universe.reserve.keys()
    return [
        row
        for row in now
        if row.type.is_option and _watched(row) in watched and _identity(row) not in known and row.symbol not in named
    ]


def with_new(universe: Universe, found: Iterable[Instrument], quotes: Quotes) -> Universe:
    """The universe with these contracts: recorded where they are as near to the money as others that are recorded,
    else in reserve where the universe keeps one. Raises `VenueError` when the venue tells no prices."""
    rows = list(found)
    if not rows:
        return universe
    told = quotes.quotes([row.key for row in rows])
    spots = _spots(universe, rows, quotes)
    strikes = _recorded_strikes(universe)
    entries = {row.symbol: _entry(universe, row, told[row.key].modelled if row.key in told else False) for row in rows}
    near = {row.symbol for row in rows if _is_near(row, strikes[_watched(row)], spots.get(row.name))}
    taken = {symbol: entry for symbol, entry in entries.items() if symbol in near}
    aside = {symbol: entry for symbol, entry in entries.items() if symbol not in near} if universe.reserve else {}
    return msgspec.structs.replace(
        universe,
        instruments=universe.instruments | taken,
        reserve=universe.reserve | aside,
        new=[*universe.new, *entries],
        missing=[text for text in universe.missing if text not in _found_now(universe, rows)],
    )


def _found_now(universe: Universe, rows: Iterable[Instrument]) -> set[str]:
    """How `sensex_atm` names in `missing` the strikes that are now there."""
    return {f"{row.name} {row.expiry} {row.strike} {row.type.value}" for row in rows}


def _recorded_strikes(universe: Universe) -> dict[Watched, list[Decimal]]:
    found: dict[Watched, list[Decimal]] = {}
    for entry in universe.instruments.values():
        if entry.is_option and entry.expiry and entry.strike:
            key = (entry.exchange, entry.underlying, date.fromisoformat(entry.expiry))
            found.setdefault(key, []).append(Decimal(entry.strike))
    return found


def _is_near(row: Instrument, recorded: list[Decimal], spot: Decimal | None) -> bool:
    """Whether its distance from the money is within half the width of the recorded strikes, or the least of all."""
    if spot is None:
        return False
    half_width = (max(recorded) - min(recorded)) / 2
    return abs(row.strike - spot) <= max(half_width, min(abs(strike - spot) for strike in recorded))


def _spots(universe: Universe, rows: Iterable[Instrument], quotes: Quotes) -> dict[str, Decimal]:
    """Where the underlyings of some contracts stand: an index or a share of the same name, on either exchange."""
    names = dict.fromkeys(row.name for row in rows)
    told = quotes.last_prices([f"{exchange}:{name}" for name in names for exchange in ("BSE", "NSE")])
    found = {name: told.get(f"NSE:{name}") or told.get(f"BSE:{name}") for name in names}
    return {name: spot for name, spot in found.items() if spot}


def _entry(universe: Universe, row: Instrument, modelled: bool) -> Entry:
    """Like the entries of the same underlying."""
    like = next(entry for entry in universe.instruments.values() if entry.underlying == row.name and entry.is_option)
    return entry_of(row, like.underlying, like.asset_class, {row.symbol} if modelled else ())


def _watched(row: Instrument) -> Watched:
    return row.exchange, row.name, row.expiry or date.max


def _identity(row: Instrument) -> tuple[str, str, date | None]:
    """Tokens are used again; this is not (facts/kite.md, section 4.2)."""
    return row.exchange, row.symbol, row.expiry
