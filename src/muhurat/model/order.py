"""What the desk asks of a broker, and what the broker says it did."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """Kite's `transaction_type`."""

    BUY = "BUY"
    SELL = "SELL"


class Purpose(StrEnum):
    """Whether an order opens a position or reduces one; risk treats the two differently."""

    ENTRY = "entry"
    EXIT = "exit"


class ExitReason(StrEnum):
    """Why a position was closed, the weightiest first: in one bar the earlier member is the reason (MISSION T4)."""

    HALT = "halt"
    PREMIUM_STOP = "premium_stop"
    EMA20_STOP = "ema20_stop"
    PREMIUM_TARGET = "premium_target"
    TAKE_PROFIT = "take_profit"
    CROSSOVER = "crossover"
    TIME = "time"
    SQUARE_OFF = "square_off"

    @property
    def rank(self) -> int:
        """0 for the weightiest; of several reasons in one bar the one of the lowest rank is named."""
        return _RANK[self]


_RANK = {reason: rank for rank, reason in enumerate(ExitReason)}


@dataclass(frozen=True, slots=True)
class Order:
    """A decision on its way to the market, with our own id (Kite's `tag`, at most 20 letters and digits).

    `signal_ns` is the label of the bar that gave the signal, or the instant of a timer; `decided_ns` the instant at
    which the decision was taken. `reference_paise` is the price the decision saw. `at_paise`, when given, is the price
    of a stop or target that the market has already touched.
    """

    id: str
    purpose: Purpose
    action: Action
    symbol: str
    quantity: int
    signal_ns: int
    decided_ns: int
    reference_paise: int
    reason: str
    at_paise: int | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """A quantity of an order that was executed at a price; `modelled` when no market made that price."""

    id: str
    order_id: str
    symbol: str
    action: Action
    quantity: int
    price_paise: int
    at_ns: int
    modelled: bool = False


@dataclass(frozen=True, slots=True)
class OrderEnded:
    """An order that will get no further fill: cancelled by us, or refused or expired at the venue."""

    order_id: str
    at_ns: int
    reason: str


BrokerEvent = Fill | OrderEnded
