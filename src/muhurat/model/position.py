"""What the desk holds, and what a finished holding earned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from muhurat.model.order import Action, ExitReason, Fill

OptionSide = Literal["CE", "PE"]


@dataclass(frozen=True, slots=True)
class Position:
    """One holding from its first fill on: money spent and received are sums of fills, in paise.

    `charges_paise` are those of every order that is done.
    """

    trade_id: str
    symbol: str
    side: OptionSide
    strike: Decimal
    signal_ns: int
    strength: float
    opened_ns: int
    bought: int = 0
    sold: int = 0
    spent_paise: int = 0
    received_paise: int = 0
    charges_paise: int = 0
    modelled: bool = False

    @property
    def open_quantity(self) -> int:
        return self.bought - self.sold

    @property
    def entry_paise(self) -> int:
        """The average price paid, to the paisa."""
        return _average(self.spent_paise, self.bought)

    @property
    def exit_paise(self) -> int:
        """The average price received, to the paisa."""
        return _average(self.received_paise, self.sold)

    def unrealised_paise(self, price_paise: int) -> int:
        """What the open quantity would earn before charges, sold at `price_paise`."""
        return self.open_quantity * (price_paise - self.entry_paise)


@dataclass(frozen=True, slots=True)
class Trade:
    """A holding that was opened and wholly closed; `net_paise` is after charges."""

    id: str
    symbol: str
    side: OptionSide
    strike: Decimal
    quantity: int
    signal_ns: int
    strength: float
    entry_ns: int
    entry_paise: int
    exit_ns: int
    exit_paise: int
    reason: ExitReason
    charges_paise: int
    net_paise: int
    modelled: bool


def with_fill(position: Position, fill: Fill) -> Position:
    """The position after one more fill; a sale of more than is open raises `ValueError`."""
    value = fill.quantity * fill.price_paise
    modelled = position.modelled or fill.modelled
    if fill.action is Action.BUY:
        bought, spent = position.bought + fill.quantity, position.spent_paise + value
        return replace(position, bought=bought, spent_paise=spent, modelled=modelled)
    if fill.quantity > position.open_quantity:
        raise ValueError(
            f"fill {fill.id} sells {fill.quantity} of {fill.symbol}, but {position.open_quantity} are open"
        )
    sold, received = position.sold + fill.quantity, position.received_paise + value
    return replace(position, sold=sold, received_paise=received, modelled=modelled)


def with_charges(position: Position, charges_paise: int) -> Position:
    """The position after an order's charges."""
    return replace(position, charges_paise=position.charges_paise + charges_paise)


def closed(position: Position, reason: ExitReason, at_ns: int) -> Trade:
    """The trade that a wholly sold position was."""
    if position.open_quantity:
        raise ValueError(f"{position.symbol} still has {position.open_quantity} open")
    return Trade(
        id=position.trade_id,
        symbol=position.symbol,
        side=position.side,
        strike=position.strike,
        quantity=position.bought,
        signal_ns=position.signal_ns,
        strength=position.strength,
        entry_ns=position.opened_ns,
        entry_paise=position.entry_paise,
        exit_ns=at_ns,
        exit_paise=position.exit_paise,
        reason=reason,
        charges_paise=position.charges_paise,
        net_paise=position.received_paise - position.spent_paise - position.charges_paise,
        modelled=position.modelled,
    )


def _average(value_paise: int, quantity: int) -> int:
    """Half up, so that a price shown can be checked by hand."""
    return (2 * value_paise + quantity) // (2 * quantity) if quantity else 0
