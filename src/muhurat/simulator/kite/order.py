"""One order's life: its terms, its states, its fills, and how Kite tells all that."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from muhurat.clock import ist
from muhurat.simulator.kite.order_form import OrderType, Product, Side, Validity, Variety
from muhurat.simulator.market.base import SimInstrument

_ID_EPOCH_MS: Final = 1_288_834_974_657
_ID_SHIFT: Final = 22
"""Kite's 19-digit ids since August 2025 are snowflakes: milliseconds since this epoch, then 22 bits."""


class Status(StrEnum):
    """The states of an order; `UPDATE` is only ever told to listeners."""

    PUT = "PUT ORDER REQ RECEIVED"
    VALIDATION_PENDING = "VALIDATION PENDING"
    OPEN_PENDING = "OPEN PENDING"
    AMO = "AMO REQ RECEIVED"
    TRIGGER_PENDING = "TRIGGER PENDING"
    OPEN = "OPEN"
    MODIFY_VALIDATION_PENDING = "MODIFY VALIDATION PENDING"
    MODIFY_PENDING = "MODIFY PENDING"
    MODIFIED = "MODIFIED"
    CANCEL_PENDING = "CANCEL PENDING"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    UPDATE = "UPDATE"


TERMINAL: Final = frozenset({Status.COMPLETE, Status.CANCELLED, Status.REJECTED})


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution; price in paise."""

    trade_id: str
    order: Order
    price: int
    quantity: int
    at_ns: int

    def facts(self) -> dict[str, Any]:
        """A row of `/trades`."""
        order, when = self.order, stamp(self.at_ns)
        return {
            "trade_id": self.trade_id,
            "order_id": order.order_id,
            "exchange": order.listed.instrument.exchange,
            "tradingsymbol": order.listed.instrument.symbol,
            "instrument_token": order.listed.token,
            "product": order.product,
            "average_price": rupees(self.price),
            "quantity": self.quantity,
            "exchange_order_id": order.exchange_order_id,
            "transaction_type": order.side,
            "fill_timestamp": when,
            "order_timestamp": when[11:],
            "exchange_timestamp": when,
        }


@dataclass(slots=True, eq=False)
class Order:
    """An order as the book keeps it. Prices are paise; `worth` is the sum of price times quantity over its fills."""

    order_id: str
    user_id: str
    listed: SimInstrument
    variety: Variety
    side: Side
    quantity: int
    product: Product
    order_type: OrderType
    price: int
    trigger_price: int
    validity: Validity
    disclosed_quantity: int
    protection: Decimal | None
    tag: str | None
    placed_ns: int
    tags: list[str] = field(default_factory=list)
    parent_order_id: str | None = None
    exchange_order_id: str | None = None
    status: Status = Status.PUT
    status_message: str | None = None
    updated_ns: int | None = None
    filled: int = 0
    worth: int = 0
    cancelled: int = 0
    modified: bool = False
    modifications: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def pending(self) -> int:
        return self.quantity - self.filled

    @property
    def buying(self) -> bool:
        return self.side is Side.BUY

    def enter(self, status: Status, now_ns: int) -> None:
        """Go into a state and remember it."""
        self.status = status
        self.updated_ns = now_ns
        self.history.append(self.facts())

    def facts(self) -> dict[str, Any]:
        """A row of `/orders`."""
        instrument = self.listed.instrument
        known = self.exchange_order_id is not None
        when = stamp(self.updated_ns or self.placed_ns)
        tags = [*([self.tag] if self.tag else []), *self.tags]
        return {
            "account_id": self.user_id,
            "placed_by": self.user_id,
            "order_id": self.order_id,
            "exchange_order_id": self.exchange_order_id,
            "parent_order_id": self.parent_order_id,
            "status": self.status,
            "status_message": self.status_message,
            "status_message_raw": None,
            "order_timestamp": when,
            "exchange_update_timestamp": when if known else None,
            "exchange_timestamp": when if known else None,
            "variety": self.variety,
            "modified": self.modified,
            "exchange": instrument.exchange,
            "tradingsymbol": instrument.symbol,
            "instrument_token": instrument.token,
            "order_type": self.order_type,
            "transaction_type": self.side,
            "validity": self.validity,
            "validity_ttl": 0,
            "product": self.product,
            "quantity": self.quantity,
            "disclosed_quantity": self.disclosed_quantity,
            "price": rupees(self.price),
            "trigger_price": rupees(self.trigger_price),
            "average_price": round(self.worth / self.filled / 100, 4) if self.filled else 0,
            "filled_quantity": self.filled,
            "pending_quantity": self.pending,
            "cancelled_quantity": self.cancelled,
            "market_protection": 0,
            "meta": {},
            "tag": self.tag,
            "tags": tags,
            "guid": None,
            **({"modelled": True} if self.listed.modelled else {}),
        }

    def update(self, app_id: int, status: Status, checksum: str) -> dict[str, Any]:
        """What listeners are told: the order's row with a checksum, and `UPDATE` for a partial fill or a change."""
        facts = self.facts()
        told = {name: facts[name] for name in facts if name not in ("account_id", "modified", "validity_ttl", "tags")}
        return {
            "user_id": self.user_id,
            "unfilled_quantity": self.pending,
            "app_id": app_id,
            "checksum": checksum,
            **told,
            "status": status,
        }


def order_id(now_ns: int, number: int) -> str:
    """A 19-digit order id, distinct for `number` below four million."""
    return str(now_ns // 1_000_000 - _ID_EPOCH_MS << _ID_SHIFT | number)


def rupees(paise: int) -> int | float:
    """Paise as Kite writes money: without a fraction where there is none."""
    whole, rest = divmod(paise, 100)
    return paise / 100 if rest else whole


def stamp(instant_ns: int) -> str:
    """An instant as Kite writes it: Indian time, to the second, without saying so."""
    return ist(instant_ns).strftime("%Y-%m-%d %H:%M:%S")
