"""What the ledger is told of: executed orders, their fills, and the trade that an entry opens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from muhurat.trading.charges import Charges
from muhurat.trading.ledger_schema import LedgerError

CASH_SIGN: Final = {"BUY": -1, "SELL": 1}
"""What an order does to the account, by its side."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill: price in rupees, a whole number of paise; quantity in units."""

    price: Decimal
    quantity: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class ExecutedOrder:
    """An order that is done and filled at least once, with what it cost. `side` is `BUY` or `SELL`."""

    id: str
    side: str
    placed_ns: int
    fills: tuple[Execution, ...]
    charges: Charges
    reason: str = ""

    @property
    def quantity(self) -> int:
        return sum(fill.quantity for fill in self.fills)

    @property
    def value_paise(self) -> int:
        """The sum of price x quantity over the fills."""
        return sum(paise(fill.price) * fill.quantity for fill in self.fills)


@dataclass(frozen=True, slots=True)
class Opening:
    """A trade whose entry order is done. `side` is `CE` or `PE`; `modelled` marks prices that no market made."""

    trade_id: str
    symbol: str
    exchange: str
    side: str
    strike: Decimal
    expiry: date
    signal_ns: int
    signal_strength: float
    entry: ExecutedOrder
    modelled: bool = False


def check_executed(order: ExecutedOrder) -> None:
    """Raise `LedgerError` for an order that the ledger could not account for."""
    if order.side not in CASH_SIGN:
        raise LedgerError(f"order {order.id} has the unknown side {order.side!r}; known: BUY, SELL")
    if not order.fills or any(fill.quantity <= 0 for fill in order.fills):
        raise LedgerError(f"order {order.id} has no fill, or one of no quantity")


def paise(rupees: Decimal) -> int:
    """Rupees as integer paise. Raises `LedgerError` for a fraction of a paisa: money is never rounded in passing."""
    value = rupees * 100
    if value != value.to_integral_value():
        raise LedgerError(f"{rupees} rupees are no whole number of paise")
    return int(value)
