"""Which instruments a feed records on a day, kept in `data/universe/<feed>_<YYYYMMDD>.json`.

`sensex_atm`: the index, its volatility index, its near future, and the strikes around the money of the current week's
expiry. The other strikes of that expiry stand in `reserve`: known, not recorded, and taken in when the trader asks for
them through `<feed>_<YYYYMMDD>.want.json`. Expiries, strikes and lots come from the day's dump, never from symbols.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from muhurat.clock import ist
from muhurat.errors import MuhuratError
from muhurat.model.instrument import Instrument, InstrumentType, nearest_strike


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


class Universe(msgspec.Struct, frozen=True):
    """The instruments of a feed on a day, by symbol; a file made elsewhere needs to have no more than these.

    `centre` is the strike at the money, `strikes` how many are recorded on either side of it.
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

    def tokens(self) -> list[int]:
        """What to subscribe."""
        return sorted(entry.token for entry in self.instruments.values())


class Wanted(msgspec.Struct, frozen=True):
    """Symbols that another service needs recorded too."""

    symbols: list[str]


@dataclass(frozen=True, slots=True)
class IndexUniverse:
    """A universe around one index, by the names the dump has for it."""

    index: str
    exchange: str
    derivatives: str
    volatility: tuple[str, str] | None
    step: int
    futures: int = 1

    @property
    def spot_key(self) -> str:
        """Whose last price centres the strikes, as quote calls take it."""
        return f"{self.exchange}:{self.index}"


SENSEX_ATM: Final = IndexUniverse("SENSEX", "BSE", "BFO", ("NSE", "INDIA VIX"), step=100)
UNIVERSES: Final[Mapping[str, IndexUniverse]] = {"sensex_atm": SENSEX_ATM}
"""The universes a desk file may name; any other is the path of a universe file."""


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
        feed=feed,
        date=day.isoformat(),
        venue=venue,
        mode=mode,
        built_at=ist(built_at_ns).isoformat(timespec="seconds"),
        missing=missing,
        instruments={row.symbol: _entry(kind, row, modelled) for row in (*fixed, *chosen)},
        reserve={row.symbol: _entry(kind, row, modelled) for row in aside},
        centre=centre,
        strikes=strikes,
    )


def with_wanted(universe: Universe, symbols: Iterable[str]) -> tuple[Universe, list[str]]:
    """The universe with these symbols taken in from its reserve, and those it does not know."""
    asked = [symbol for symbol in dict.fromkeys(symbols) if symbol not in universe.instruments]
    taken = {symbol: universe.reserve[symbol] for symbol in asked if symbol in universe.reserve}
    unknown = [symbol for symbol in asked if symbol not in universe.reserve]
    if not taken:
        return universe, unknown
    left = {symbol: entry for symbol, entry in universe.reserve.items() if symbol not in taken}
    return msgspec.structs.replace(universe, instruments=universe.instruments | taken, reserve=left), unknown


def universe_path(folder: Path, feed: str, day: date) -> Path:
    """Where a feed's universe of a day is kept."""
    return folder / f"{feed}_{day:%Y%m%d}.json"


def want_path(folder: Path, feed: str, day: date) -> Path:
    """Where the trader says which further symbols it needs recorded."""
    return folder / f"{feed}_{day:%Y%m%d}.want.json"


def file_stamp(path: Path) -> tuple[int, int] | None:
    """Differs whenever a file was written anew; None while there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino


def load_universe(path: Path) -> Universe:
    """Read a universe file; raises `UniverseError` naming what is wrong with it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Universe)
    except FileNotFoundError:
        raise UniverseError(
            f"there is no universe file {path}", hint="choose the day's instruments: `muhurat capture universe`"
        ) from None
    except msgspec.DecodeError as error:
        raise UniverseError(
            f"the universe file {path} is spoilt: {error}", hint="remove it; it is built anew"
        ) from error


def save_universe(path: Path, universe: Universe) -> None:
    """Replace a universe file as a whole."""
    _replace(path, msgspec.json.format(msgspec.json.encode(universe), indent=1))


def load_wanted(path: Path) -> list[str]:
    """The symbols somebody wants recorded; none without a file. Raises `UniverseError` when it is spoilt."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Wanted).symbols
    except FileNotFoundError:
        return []
    except msgspec.DecodeError as error:
        raise UniverseError(f"the file of wanted symbols {path} is spoilt: {error}") from error


def save_wanted(path: Path, symbols: Iterable[str]) -> None:
    """Ask for symbols to be recorded; replaces what was asked for before."""
    _replace(path, msgspec.json.encode(Wanted(sorted(set(symbols)))))


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


def _entry(kind: IndexUniverse, row: Instrument, modelled: Collection[str]) -> Entry:
    return Entry(
        token=row.token,
        exchange_token=row.exchange_token,
        symbol=row.symbol,
        name=row.name,
        exchange=row.exchange,
        segment=row.segment,
        type=row.type.value,
        underlying=kind.index,
        expiry=row.expiry.isoformat() if row.expiry else None,
        strike=format(row.strike.normalize(), "f") if row.type.is_option else None,
        tick_size=format(row.tick_size, "f"),
        lot=row.lot_size,
        asset_class="indices",
        modelled=row.symbol in modelled,
    )


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise UniverseError(
            f"{path} cannot be written: {error.strerror}",
            hint=f"free space on the disk of {path.parent}, or look at its owner and its permissions",
        ) from error
