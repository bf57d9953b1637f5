"""What a universe file says: the instruments of a feed on a day, and what could not be found for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from muhurat.errors import MuhuratError
from muhurat.model.instrument import Instrument


class UniverseError(MuhuratError):
    """A universe cannot be built from the day's dump, or its file is spoilt."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One instrument of a universe. `strike` and `tick_size` are decimal numbers in text, dates ISO."""

    token: int
    exchange_token: int = 0
    symbol: str = ""
    name: str = ""
    exchange: str = ""
    segment: str = ""
    type: str = ""
    underlying: str = ""
    expiry: str | None = None
    strike: str | None = None
    tick_size: str = "0"
    lot: int = 0
    asset_class: str = ""
    modelled: bool = False

    @property
    def is_option(self) -> bool:
        return self.type in ("CE", "PE")


class Group(msgspec.Struct, frozen=True):
    """How many instruments a part of a universe was to have, and how many it has."""

    wanted: int
    found: int


class Universe(msgspec.Struct, frozen=True):
    """The instruments of a feed on a day, by symbol; a file made elsewhere needs to have no more than these.

    They stand in the order of their importance. `kind` is the rule that chose them, `source` where its ranking came
    from, `missing` what it could not find and why, counted in `groups`. `centre` is the strike at the money, `strikes`
    how many are recorded on either side of it. `new` are the contracts that were listed during the day.
    """

    instruments: dict[str, Entry]
    feed: str = ""
    date: str = ""
    venue: str = ""
    mode: str = ""
    built_at: str = ""
    missing: list[str] = []
    reserve: dict[str, Entry] = {}
    centre: int = 0
    strikes: int = 0
    kind: str = ""
    source: str = ""
    groups: dict[str, Group] = {}
    new: list[str] = []

    def tokens(self) -> list[int]:
        """What to subscribe."""
        return sorted(entry.token for entry in self.instruments.values())


class Wanted(msgspec.Struct, frozen=True):
    """Symbols that another service needs recorded too."""

    symbols: list[str]


def with_wanted(universe: Universe, symbols: Iterable[str]) -> tuple[Universe, list[str]]:
    """The universe with these symbols taken in from its reserve, and those it does not know."""
    asked = [symbol for symbol in dict.fromkeys(symbols) if symbol not in universe.instruments]
    taken = {symbol: universe.reserve[symbol] for symbol in asked if symbol in universe.reserve}
    unknown = [symbol for symbol in asked if symbol not in universe.reserve]
    if not taken:
        return universe, unknown
    left = {symbol: entry for symbol, entry in universe.reserve.items() if symbol not in taken}
    return msgspec.structs.replace(universe, instruments=universe.instruments | taken, reserve=left), unknown


def entry_of(row: Instrument, underlying: str, asset_class: str, modelled: Collection[str] = ()) -> Entry:
    return Entry(
        token=row.token,
        exchange_token=row.exchange_token,
        symbol=row.symbol,
        name=row.name,
        exchange=row.exchange,
        segment=row.segment,
        type=row.type.value,
        underlying=underlying,
        expiry=row.expiry.isoformat() if row.expiry else None,
        strike=format(row.strike.normalize(), "f") if row.type.is_option else None,
        tick_size=format(row.tick_size, "f"),
        lot=row.lot_size,
        asset_class=asset_class,
        modelled=row.symbol in modelled,
    )
