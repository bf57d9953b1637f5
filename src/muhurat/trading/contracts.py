"""The day's tradable contracts and which of them a signal takes (MISSION T5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

from muhurat.clock import ist
from muhurat.model.instrument import Instrument, InstrumentType, nearest_strike
from muhurat.model.position import OptionSide

CALL: OptionSide = "CE"
PUT: OptionSide = "PE"


@dataclass(frozen=True, slots=True)
class Contract:
    """An option of the day's dump, as far as trading needs it; `modelled` when its prices are no market's."""

    symbol: str
    token: int
    exchange: str
    side: OptionSide
    strike: Decimal
    expiry: date
    lot_size: int
    underlying: str = "SENSEX"
    modelled: bool = False

    @property
    def display_symbol(self) -> str:
        """The desk's own way to write it, `SENSEX25091180500CE`; Kite's trading symbol is `symbol`."""
        return f"{self.underlying}{self.expiry:%y%m%d}{self.strike.normalize():f}{self.side}"


def current_week(instruments: Iterable[Instrument], day: date, name: str = "SENSEX") -> tuple[Contract, ...]:
    """The options on `name` that expire next, on `day` at the earliest; none when the dump has none."""
    options = [each for each in instruments if each.name == name and each.type.is_option and each.strike]
    expiries = {each.expiry for each in options if each.expiry and each.expiry >= day}
    if not expiries:
        return ()
    nearest = min(expiries)
    return tuple(contract_of(each, nearest) for each in options if each.expiry == nearest)


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


def contract_of(instrument: Instrument, expiry: date) -> Contract:
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
    )
