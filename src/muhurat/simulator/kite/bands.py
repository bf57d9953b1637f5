"""Price limits as Kite shows and applies them: the day's circuit, the exchange's protection band, market protection.

All prices are paise. The protection band is BSE's of 1 December 2025 (notice 20251128-56: options 40 % and at least 20
rupees, index futures 2 % and at least 200 rupees); market protection follows Kite's published steps (facts/kite.md §6,
§7). Circuits of options are set by the exchange each day; ours are wide and never in the way of the simulated prices.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.simulator.market.base import Quote

_Steps = tuple[tuple[int, Decimal], ...]
_OPTION_PROTECTION: Final[_Steps] = ((10_00, Decimal(5)), (100_00, Decimal(3)), (500_00, Decimal(2)))
_OTHER_PROTECTION: Final[_Steps] = ((100_00, Decimal(2)), (500_00, Decimal(1)))
_OPTION_BEYOND, _OTHER_BEYOND = Decimal(1), Decimal("0.5")
_FREEZE: Final = {"SENSEX": 1000, "BANKEX": 900}


class Band(NamedTuple):
    """The lowest and the highest price allowed; both zero when there is no band."""

    low: int
    high: int

    def allows(self, price: int) -> bool:
        return self.high == 0 or self.low <= price <= self.high


def tick_paise(instrument: Instrument) -> int:
    """The price step; one paisa for what has none, as an index."""
    return max(1, int(instrument.tick_size * 100))


def circuit(instrument: Instrument, quote: Quote) -> Band:
    """The day's circuit limits."""
    if instrument.type is InstrumentType.INDEX:
        return Band(0, 0)
    if instrument.type.is_option:
        return Band(tick_paise(instrument), 2 * max(quote.close, quote.high, quote.last_price) + 100_00)
    return _on_grid(instrument, quote.close * 9 // 10, quote.close * 11 // 10)


def protection_band(instrument: Instrument, quote: Quote) -> Band:
    """The exchange's limit-price protection around the last price."""
    reference = quote.last_price
    if instrument.type.is_option:
        width = max(reference * 40 // 100, 20_00)
    elif instrument.type is InstrumentType.FUTURE:
        width = max(reference * 2 // 100, 200_00)
    else:
        return Band(0, 0)
    return _on_grid(instrument, reference - width, reference + width)


def automatic_protection(instrument: Instrument, last_price: int) -> Decimal:
    """The percentage that `market_protection=-1` stands for."""
    steps, beyond = _OTHER_PROTECTION, _OTHER_BEYOND
    if instrument.type.is_option:
        steps, beyond = _OPTION_PROTECTION, _OPTION_BEYOND
    return next((percent for below, percent in steps if last_price < below), beyond)


def protected_price(instrument: Instrument, last_price: int, percent: Decimal, *, buying: bool) -> int:
    """The limit a market order becomes: the last price moved against the trader by `percent`, on the tick grid."""
    moved = last_price * (100 + (percent if buying else -percent)) / 100
    tick = tick_paise(instrument)
    steps = int(moved // tick)
    if buying and moved % tick:
        steps += 1
    return max(tick, steps * tick)


def freeze_quantity(instrument: Instrument) -> int | None:
    """The most units one order may have, None when we know of no limit."""
    return _FREEZE.get(instrument.name) if instrument.type is not InstrumentType.INDEX else None


def _on_grid(instrument: Instrument, low: int, high: int) -> Band:
    tick = tick_paise(instrument)
    return Band(max(tick, -(-low // tick) * tick), high // tick * tick)
