"""`sensex_atm`: an index, its volatility index, its near future, and the strikes around the money of the current week.

The other strikes of that expiry stand in `reserve`: known, not recorded, and taken in when the trader asks for them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final

from muhurat.capture.universe.kinds import Market, Order, modelled_among
from muhurat.capture.universe.model import Universe, UniverseError, entry_of
from muhurat.clock import ist
from muhurat.model.instrument import Instrument, InstrumentType, nearest_strike


@dataclass(frozen=True, slots=True)
class IndexUniverse:
    """A universe around one index, by the names the dump has for it."""

    name: str
    index: str
    exchange: str
    derivatives: str
    volatility: tuple[str, str] | None
    step: int
    futures: int = 1
    file: str = ""

    @property
    def spot_key(self) -> str:
        """Whose last price centres the strikes, as quote calls take it."""
        return f"{self.exchange}:{self.index}"

    @property
    def exchanges(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.exchange, self.derivatives, *(self.volatility or ())[:1])))

    def choose(self, dump: Sequence[Instrument], order: Order, market: Market) -> Universe:
        """See `kinds.UniverseKind`: around the present spot; a simulator's made-up prices are noted."""
        spot = market.quotes.last_prices([self.spot_key]).get(self.spot_key)
        if spot is None:
            raise UniverseError(
                f"{order.venue.capitalize()} gives no last price of {self.spot_key}", hint="try again in a minute"
            )
        chosen = partial(
            build,
            self,
            dump,
            spot,
            order.day,
            feed=order.feed,
            venue=order.venue,
            mode=order.mode,
            strikes=order.strikes,
            built_at_ns=order.built_at_ns,
        )
        universe = chosen()
        made_up = modelled_among([*universe.instruments.values(), *universe.reserve.values()], market.quotes)
        return chosen(modelled=made_up) if made_up else universe


SENSEX_ATM: Final = IndexUniverse("sensex_atm", "SENSEX", "BSE", "BFO", ("NSE", "INDIA VIX"), step=100)


def build(
    kind: IndexUniverse,
    instruments: Iterable[Instrument],
    spot: Decimal,
    day: date,
    *,
    feed: str,
    venue: str,
    mode: str,
    strikes: int,
    built_at_ns: int,
    modelled: Collection[str] = (),
) -> Universe:
    """Choose a day's instruments from its dump; what the dump lacks stands in `missing`.

    Raises `UniverseError` when there is no index or no option to choose from.
    """
    rows = [row for row in instruments if row.name == kind.index or kind.volatility == (row.exchange, row.symbol)]
    centre = nearest_strike(spot, kind.step)
    wanted = _around(centre, strikes, kind.step)
    fixed, missing = _fixed(kind, rows, day)
    week = {(int(row.strike), row.type.value): row for row in _current_week(kind, rows, day)}
    expiry = next(iter(week.values())).expiry
    missing += [f"{kind.index} {expiry} {strike} {side}" for strike, side in wanted if (strike, side) not in week]
    chosen = [week.pop(key) for key in wanted if key in week]
    aside = [row for _, row in sorted(week.items())]
    return Universe(
        kind=kind.name,
        feed=feed,
        date=day.isoformat(),
        venue=venue,
        mode=mode,
        built_at=ist(built_at_ns).isoformat(timespec="seconds"),
        missing=missing,
        instruments={row.symbol: entry_of(row, kind.index, "indices", modelled) for row in (*fixed, *chosen)},
        reserve={row.symbol: entry_of(row, kind.index, "indices", modelled) for row in aside},
        centre=centre,
        strikes=strikes,
    )


def _fixed(kind: IndexUniverse, rows: list[Instrument], day: date) -> tuple[list[Instrument], list[str]]:
    """The index, its volatility index and its futures, and which of the last two the dump lacks."""
    index = _index(rows, kind.exchange, kind.index)
    if index is None:
        raise UniverseError(
            f"the dump of {day} has no {kind.spot_key}", hint="choose them again: `muhurat capture universe --again`"
        )
    volatility = _index(rows, *kind.volatility) if kind.volatility else None
    futures = _near_futures(kind, rows, day)
    missing = [kind.volatility[1]] if kind.volatility and volatility is None else []
    missing += [] if futures else [f"{kind.index} future"]
    return [row for row in (index, volatility, *futures) if row], missing


def _index(rows: list[Instrument], exchange: str, symbol: str) -> Instrument | None:
    found = (row for row in rows if (row.exchange, row.symbol) == (exchange, symbol))
    return next((row for row in found if row.type is InstrumentType.INDEX), None)


def _near_futures(kind: IndexUniverse, rows: list[Instrument], day: date) -> list[Instrument]:
    dated = [row for row in rows if row.type is InstrumentType.FUTURE and row.expiry and row.expiry >= day]
    return sorted((row for row in dated if row.exchange == kind.derivatives), key=lambda row: row.expiry or day)[
        : kind.futures
    ]


def _current_week(kind: IndexUniverse, rows: list[Instrument], day: date) -> list[Instrument]:
    """All options of the nearest expiry that has not passed."""
    options = [row for row in rows if row.type.is_option and row.exchange == kind.derivatives and row.expiry]
    ahead = [row for row in options if row.expiry and row.expiry >= day]
    if not ahead:
        raise UniverseError(
            f"the dump has no {kind.index} option that expires on {day} or later",
            hint="choose them again: `muhurat capture universe --again`",
        )
    nearest = min(row.expiry for row in ahead if row.expiry)
    return [row for row in ahead if row.expiry == nearest]


def _around(centre: int, strikes: int, step: int) -> list[tuple[int, str]]:
    return [(centre + n * step, side) for n in range(-strikes, strikes + 1) for side in ("CE", "PE")]
