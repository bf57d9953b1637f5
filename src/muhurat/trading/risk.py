"""The gate between a wish and an order (DESIGN §3 rule 6).

`check(intent, state, limits)` is the only source of the ticket that a broker accepts. An entry passes every limit or is
refused by name. An exit always obtains its ticket, cut to what is really open and not yet on its way out. Nothing here
can be forced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from muhurat.model.money import plain_rupees, to_paise
from muhurat.model.order import Order, Purpose
from muhurat.model.position import Trade
from muhurat.trading.parameters import Limits
from muhurat.trading.sizing import lots_for


class TradingState(StrEnum):
    """What the desk may do: trade, only reduce, or be closed down."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


@dataclass(frozen=True, slots=True)
class RiskState:
    """What risk remembers of the day.

    `open_quantity` and `broker_quantity` are our own and the broker's net position by symbol; `exiting` the quantity of
    working exits, `entering` the number of working entries; `seen` the ids of every intent that obtained a ticket.
    `barred` says by symbol why nothing may be entered in it today.
    """

    balance_paise: int
    trading: TradingState = TradingState.ACTIVE
    why: str = ""
    trades: int = 0
    realised_paise: int = 0
    losses_in_a_row: int = 0
    entering: int = 0
    open_quantity: Mapping[str, int] = field(default_factory=dict)
    broker_quantity: Mapping[str, int] = field(default_factory=dict)
    exiting: Mapping[str, int] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    barred: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """No ticket: the limit that said no, the value it saw and what it allows."""

    reason: str
    value: float | str
    limit: float | str


_SEAL: Final = object()


class Approved:
    """A ticket for one order. Only `check` makes one."""

    __slots__ = ("order",)

    def __init__(self, order: Order, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only risk.check approves an order")
        self.order = order


def check(intent: Order, state: RiskState, limits: Limits) -> Approved | Refused:
    """A ticket for the order, or the reason there is none; an exit's quantity may come back smaller."""
    if intent.purpose is Purpose.EXIT:
        return _check_exit(intent, state)
    refused = _check_entry(intent, state, limits)
    return refused or Approved(intent, _SEAL)


def size(premium_paise: int, lot_size: int, state: RiskState, limits: Limits) -> int:
    """The quantity in units that the day's balance and its losses allow at a premium."""
    halved = state.losses_in_a_row >= limits.max_consecutive_losses
    lots = lots_for(state.balance_paise, limits.risk_per_trade_percent, premium_paise, lot_size, halved=halved)
    return lots * lot_size


def after_trade(state: RiskState, trade: Trade, limits: Limits) -> RiskState:
    """What risk remembers after a trade is closed; at the daily loss entries are off for the day."""
    losses = state.losses_in_a_row + 1 if trade.net_paise < 0 else 0
    state = replace(state, realised_paise=state.realised_paise + trade.net_paise, losses_in_a_row=losses)
    if loss_share(state, limits) >= 1 and state.trading is TradingState.ACTIVE:
        return replace(state, trading=TradingState.REDUCING, why="daily_loss")
    return state


def loss_share(state: RiskState, limits: Limits) -> float:
    """The day's realised loss, net of charges, as a share of the daily limit; 0 on a day in profit."""
    return max(0, -state.realised_paise) / to_paise(limits.max_daily_loss)


def _check_exit(intent: Order, state: RiskState) -> Approved | Refused:
    symbol = intent.symbol
    held = min(state.open_quantity.get(symbol, 0), state.broker_quantity.get(symbol, 0))
    left = held - state.exiting.get(symbol, 0)
    if left <= 0:
        return Refused("nothing_to_exit", intent.quantity, left)
    return Approved(replace(intent, quantity=min(intent.quantity, left)), _SEAL)


def _check_entry(intent: Order, state: RiskState, limits: Limits) -> Refused | None:
    value = intent.quantity * intent.reference_paise
    most = to_paise(limits.max_order_value)
    loss, most_loss = max(0, -state.realised_paise), to_paise(limits.max_daily_loss)
    open_positions = state.entering + sum(1 for quantity in state.open_quantity.values() if quantity)
    verdicts = (
        ("halted", state.trading is not TradingState.HALTED, state.why, "ACTIVE"),
        ("daily_loss", loss < most_loss, plain_rupees(loss), float(limits.max_daily_loss)),
        ("reducing", state.trading is not TradingState.REDUCING, state.why, "ACTIVE"),
        ("banned", intent.symbol not in state.barred, state.barred.get(intent.symbol, ""), "not banned"),
        ("open_position", open_positions == 0, open_positions, 0),
        ("max_trades", state.trades < limits.max_trades_per_day, state.trades, limits.max_trades_per_day),
        ("size", intent.quantity > 0, intent.quantity, "> 0"),
        (
            "max_order_quantity",
            intent.quantity <= limits.max_order_quantity,
            intent.quantity,
            limits.max_order_quantity,
        ),
        ("max_order_value", value <= most, plain_rupees(value), float(limits.max_order_value)),
        ("duplicate", intent.id not in state.seen, intent.id, "new"),
    )
    for reason, ok, seen, limit in verdicts:
        if not ok:
            return Refused(reason, seen, limit)
    return None
