"""The day's tradable contracts and which of them a signal takes (MISSION T5)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

from muhurat.clock import ist
from muhurat.model.instrument import INDEX_UNDERLYINGS, Instrument, InstrumentType, nearest_strike
from muhurat.model.position import OptionSide

CALL: OptionSide = "CE"
PUT: OptionSide = "PE"


@dataclass(frozen=True, slots=True)
class Contract:
    """An option of the day's dump, as far as trading needs it; `modelled` when its prices are no market's, `on_stock`
    unless the underlying is an index that is known, or one of the dump's."""

    symbol: str
    token: int
    exchange: str
    side: OptionSide
    strike: Decimal
    expiry: date
    lot_size: int
    underlying: str = "SENSEX"
    modelled: bool = False
    on_stock: bool = False

    @property
    def display_symbol(self) -> str:
        """The desk's own way to write it, `SENSEX25091180500CE`; Kite's trading symbol is `symbol`."""
        return f"{self.underlying}{self.expiry:%y%m%d}{self.strike.normalize():f}{self.side}"


def current_week(instruments: Iterable[Instrument], day: date, name: str = "SENSEX") -> tuple[Contract, ...]:
    """The options on `name` that expire next, on `day` at the earliest; none when the dump has none."""
    named = [each for each in instruments if name in (each.name, each.symbol)]
    options = [each for each in named if each.type.is_option and each.strike]
    on_stock = name not in INDEX_UNDERLYINGS and all(each.type is not InstrumentType.INDEX for each in named)
    expiries = {each.expiry for each in options if each.expiry and each.expiry >= day}
    if not expiries:
        return ()
    nearest = min(expiries)
    return tuple(contract_of(each, nearest, on_stock=on_stock) for each in options if each.expiry == nearest)


def barred(contracts: Iterable[Contract], banned: Collection[str] | None) -> dict[str, str]:
    """Why no position may be opened in a contract today, by symbol (SEBI's market-wide position limit, MISSION B9).

    `banned` are the stocks of the exchange's list of the day, None without such a list: then no stock's contract may be
    entered. Indices cannot be banned.
    """
    if banned is None:
        return {each.symbol: "no ban list of the day" for each in contracts if each.on_stock}
    return {
        each.symbol: f"{each.underlying} is banned" for each in contracts if each.on_stock and each.underlying in banned
    }


def by_strike(contracts: Iterable[Contract]) -> dict[tuple[Decimal, str], Contract]:
    """Contracts by strike and side, as a signal asks for them."""
    return {(contract.strike, contract.side): contract for contract in contracts}


def signal_strike(spot: float, closed_ns: int, step: int, afternoon_from: time, afternoon_offset: float) -> int:
    """The strike that a bar's signal takes: at the money, or below it for bars that close at noon or later."""
    afternoon = ist(closed_ns).time() >= afternoon_from
    return nearest_strike(spot - afternoon_offset if afternoon else spot, step)


def watched(
    contracts: Mapping[tuple[Decimal, str], Contract], centre: int, step: int, either_side: int, keep: Iterable[str]
) -> tuple[str, ...]:
    """The symbols to watch around a strike, and those in `keep` whatever their strike, in order of strike."""
    low, high = centre - either_side * step, centre + either_side * step
    kept = frozenset(keep)
    wanted = [each for each in contracts.values() if low <= each.strike <= high or each.symbol in kept]
    return tuple(each.symbol for each in sorted(wanted, key=lambda each: (each.strike, each.side)))


def contract_of(instrument: Instrument, expiry: date, *, on_stock: bool = False) -> Contract:
    """An option row of the dump as a contract."""
    return Contract(
        symbol=instrument.symbol,
        token=instrument.token,
        exchange=instrument.exchange,
        side=CALL if instrument.type is InstrumentType.CALL else PUT,
        strike=instrument.strike,
        expiry=expiry,
        lot_size=instrument.lot_size,
        underlying=instrument.name,
        on_stock=on_stock,
    )
