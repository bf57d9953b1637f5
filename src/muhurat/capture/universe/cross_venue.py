"""`sso_xvenue`: stock futures and options of NSE, index derivatives and shares of BSE (MISSION C1).

Names go by turnover. Futures: the near and the next month of each name. Options: of the near month, the legs nearest to
the money first, one of each name in turn. Every group says how many it was to have and how many it has; what a name
lacks is made up for by the names that follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice, zip_longest
from typing import Final

import msgspec

from muhurat.capture.universe.kinds import Market, Order, modelled_among
from muhurat.capture.universe.model import Entry, Group, Universe, UniverseError, entry_of
from muhurat.capture.universe.turnover import rank
from muhurat.clock import ist
from muhurat.model.instrument import INDEX_UNDERLYINGS, Instrument, InstrumentType

FUTURES, OPTIONS, INDEX_DERIVATIVES, CASH = (
    "nse_stock_futures",
    "nse_stock_options",
    "bse_index_derivatives",
    "bse_cash",
)
_BSE_INDICES: Final = ("SENSEX", "BANKEX")
_MONTHS: Final = 2
_FUNDS: Final = (
    "NIFTYBEES",
    "GOLDBEES",
    "BANKBEES",
    "SENSEXETF",
    "LIQUIDBEES",
    "JUNIORBEES",
    "HDFCSENSEX",
    "UTISENSETF",
    "SENSEXIETF",
    "SETFNIF50",
)
"""Funds that BSE lists; the first of these that the dump has are recorded."""
_HINT: Final = "choose them again: `muhurat capture universe --again`"


@dataclass(frozen=True, slots=True)
class CrossVenueUniverse:
    """How many of what. `option_names` is how many names share the options, `funds` how many of the cash are funds."""

    name: str
    file: str = ""
    futures: int = 140
    options: int = 120
    option_names: int = 60
    index_derivatives: int = 30
    cash: int = 30
    funds: int = 5

    @property
    def exchanges(self) -> tuple[str, ...]:
        return ("NSE", "NFO", "BSE", "BFO")

    def choose(self, dump: Sequence[Instrument], order: Order, market: Market) -> Universe:
        """See `kinds.UniverseKind`."""
        listed = _Listed(dump, order.day)
        if not listed.stocks:
            raise UniverseError(f"the dump of {order.day} has no stock future that has not expired", hint=_HINT)
        near = {name: futures[0] for name, futures in listed.stocks.items()}
        ranking = rank(near, market.quotes, market.reference, order.day)
        spots = _spots(market, listed, ranking.names)
        parts = (
            self._futures(listed, ranking.names),
            self._options(listed, ranking.names, spots),
            self._index_derivatives(listed, spots),
            self._cash(listed, ranking.names),
        )
        entries = {entry.symbol: entry for part in parts for entry in part.entries}
        made_up = modelled_among(entries.values(), market.quotes)
        return Universe(
            kind=self.name,
            feed=order.feed,
            date=order.day.isoformat(),
            venue=order.venue,
            mode=order.mode,
            built_at=ist(order.built_at_ns).isoformat(timespec="seconds"),
            source=ranking.source,
            missing=[text for part in parts for text in part.told()],
            groups={part.name: Group(part.wanted, len(part.entries)) for part in parts},
            instruments={
                symbol: msgspec.structs.replace(entry, modelled=symbol in made_up) for symbol, entry in entries.items()
            },
        )

    def _futures(self, listed: _Listed, names: Sequence[str]) -> _Part:
        rows = (row for name in names for row in listed.stocks[name][:_MONTHS])
        chosen = list(islice(rows, self.futures))
        used = dict.fromkeys(row.name for row in chosen)
        short = [f"{name} has no future of the next month" for name in used if len(listed.stocks[name]) < _MONTHS]
        return _Part(FUTURES, self.futures, [_stock(row, "equity_futures") for row in chosen], short)

    def _options(self, listed: _Listed, names: Sequence[str], spots: Mapping[str, Decimal]) -> _Part:
        most = names[: self.option_names]
        without = [name for name in most if name not in spots or not listed.options.get(name)]
        short = [
            f"{name} has no {'last price' if listed.options.get(name) else 'option'}; the next name takes its place"
            for name in without
        ]
        able = (name for name in names if name in spots and listed.options.get(name))
        legs = [nearest_first(listed.options[name], spots[name]) for name in islice(able, self.option_names)]
        chosen = list(islice(in_turn(legs), self.options))
        return _Part(OPTIONS, self.options, [_stock(row, "equity_options") for row in chosen], short)

    def _index_derivatives(self, listed: _Listed, spots: Mapping[str, Decimal]) -> _Part:
        futures = [row for index in _BSE_INDICES for row in listed.index_futures.get(index, ())[:_MONTHS]]
        short = [f"{index} has no future" for index in _BSE_INDICES if not listed.index_futures.get(index)]
        short += [f"{index} has no option" for index in _BSE_INDICES if not listed.index_options.get(index)]
        short += [f"{index} has no last price" for index in _BSE_INDICES if index not in spots]
        able = [index for index in _BSE_INDICES if index in spots and listed.index_options.get(index)]
        legs = [nearest_first(listed.index_options[index], spots[index]) for index in able]
        chosen = list(islice((*futures, *in_turn(legs)), self.index_derivatives))
        return _Part(
            INDEX_DERIVATIVES, self.index_derivatives, [_entry(row, row.name, "indices") for row in chosen], short
        )

    def _cash(self, listed: _Listed, names: Sequence[str]) -> _Part:
        funds = [listed.bse[symbol] for symbol in _FUNDS if symbol in listed.bse][: self.funds]
        shares = (listed.bse[name] for name in names if name in listed.bse)
        chosen = [*funds, *islice(shares, self.cash - len(funds))]
        short = [f"{len(funds)} of {self.funds} funds are listed; shares take their place"]
        entries = [_entry(row, row.symbol, "equity_cash") for row in chosen]
        return _Part(CASH, self.cash, entries, short if len(funds) < self.funds else [])


SSO_XVENUE: Final = CrossVenueUniverse("sso_xvenue", "config/crawlers/crawler3_sso_xvenue/crawler3_sso_xvenue.json")


def nearest_first(options: Iterable[Instrument], spot: Decimal) -> list[Instrument]:
    """The legs of one expiry by their distance from the money; of equals the lower strike, and the call, first."""
    return sorted(options, key=lambda row: (abs(row.strike - spot), row.strike, row.type.value))


def in_turn(queues: Iterable[Sequence[Instrument]]) -> Iterator[Instrument]:
    """The first of each queue, then the second of each, until all are empty."""
    return (row for turn in zip_longest(*queues) for row in turn if row is not None)


@dataclass(frozen=True, slots=True)
class _Part:
    """One group of the universe, and what its rule could not find."""

    name: str
    wanted: int
    entries: list[Entry]
    short: list[str]

    def told(self) -> Iterator[str]:
        if len(self.entries) < self.wanted:
            yield f"{self.name}: {self.wanted - len(self.entries)} of {self.wanted}: the dump has no more that fit"
        yield from (f"{self.name}: {text}" for text in self.short)


class _Listed:
    """The dump, sorted by what the rule asks for: contracts that have not expired, by name and expiry."""

    def __init__(self, dump: Sequence[Instrument], day: date) -> None:
        shares = {row.symbol for row in dump if row.exchange == "NSE" and row.type is InstrumentType.EQUITY}
        alive = [row for row in dump if row.expiry is not None and row.expiry >= day]
        self.stocks = _futures_of(alive, "NFO", lambda name: name in shares and name not in INDEX_UNDERLYINGS)
        self.options = _near_options_of(alive, "NFO", self.stocks.__contains__)
        self.index_futures = _futures_of(alive, "BFO", _BSE_INDICES.__contains__)
        self.index_options = _near_options_of(alive, "BFO", _BSE_INDICES.__contains__)
        self.bse = {row.symbol: row for row in dump if row.exchange == "BSE" and row.type is InstrumentType.EQUITY}


def _futures_of(
    rows: Iterable[Instrument], exchange: str, wanted: Callable[[str], bool]
) -> dict[str, list[Instrument]]:
    """Futures by name, the near month first."""
    found: dict[str, list[Instrument]] = {}
    for row in rows:
        if row.exchange == exchange and row.type is InstrumentType.FUTURE and wanted(row.name):
            found.setdefault(row.name, []).append(row)
    return {name: sorted(futures, key=_expiry) for name, futures in found.items()}


def _near_options_of(
    rows: Iterable[Instrument], exchange: str, wanted: Callable[[str], bool]
) -> dict[str, list[Instrument]]:
    """The options of the nearest expiry, by name."""
    found: dict[str, list[Instrument]] = {}
    for row in rows:
        if row.exchange == exchange and row.type.is_option and wanted(row.name):
            found.setdefault(row.name, []).append(row)
    nearest = {name: min(map(_expiry, options)) for name, options in found.items()}
    return {name: [row for row in options if row.expiry == nearest[name]] for name, options in found.items()}


def _spots(market: Market, listed: _Listed, names: Sequence[str]) -> dict[str, Decimal]:
    """Where each underlying stands; a stock without a last price of its own stands where its near future does."""
    own = {name: f"NSE:{name}" for name in names} | {index: f"BSE:{index}" for index in _BSE_INDICES}
    futures = {name: listed.stocks[name][0].key for name in names}
    told = market.quotes.last_prices([*own.values(), *futures.values()])
    spots = {name: told.get(key) or told.get(futures.get(name, "")) for name, key in own.items()}
    return {name: spot for name, spot in spots.items() if spot}


def _expiry(row: Instrument) -> date:
    return row.expiry or date.max


def _stock(row: Instrument, asset_class: str) -> Entry:
    return entry_of(row, row.name, asset_class)


def _entry(row: Instrument, underlying: str, asset_class: str) -> Entry:
    return entry_of(row, underlying, asset_class)
