"""What a client asks for in an order form, checked as far as that needs no market."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final, TypeVar

from muhurat.simulator.kite.errors import KiteError, input_error

_TAG: Final = re.compile(r"[A-Za-z0-9]{1,20}")
_Choice = TypeVar("_Choice", bound=StrEnum)

NEEDS_PROTECTION: Final = (
    "Market orders without market protection are not allowed via API. "
    "Please set market protection or use a Limit order."
)


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    SL = "SL"
    SL_M = "SL-M"

    @property
    def at_market(self) -> bool:
        return self in (OrderType.MARKET, OrderType.SL_M)

    @property
    def triggered(self) -> bool:
        return self in (OrderType.SL, OrderType.SL_M)


class Product(StrEnum):
    CNC = "CNC"
    NRML = "NRML"
    MIS = "MIS"
    MTF = "MTF"


class Validity(StrEnum):
    DAY = "DAY"
    IOC = "IOC"


class Variety(StrEnum):
    """The varieties this simulator trades; Kite also has co, iceberg and auction."""

    REGULAR = "regular"
    AMO = "amo"


@dataclass(frozen=True, slots=True)
class OrderForm:
    """A new order as asked for. Prices are paise; `protection` is None when the form has none."""

    variety: Variety
    exchange: str
    symbol: str
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
    autoslice: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A modification: None leaves a term as it is."""

    quantity: int | None
    price: int | None
    trigger_price: int | None
    order_type: OrderType | None
    validity: Validity | None
    protection: Decimal | None


def parse_order(variety: str, form: Mapping[str, str]) -> OrderForm:
    """Read the form of a new order; raises `KiteError` naming the first field that is wrong."""
    order_type = _choice(form, "order_type", OrderType)
    parsed = OrderForm(
        variety=_value(variety, "variety", Variety),
        exchange=_required(form, "exchange"),
        symbol=_required(form, "tradingsymbol"),
        side=_choice(form, "transaction_type", Side),
        quantity=_quantity(form, "quantity"),
        product=_choice(form, "product", Product),
        order_type=order_type,
        price=0 if order_type.at_market else _price(form, "price"),
        trigger_price=_price(form, "trigger_price") if order_type.triggered else 0,
        validity=_value(form.get("validity") or "DAY", "validity", Validity),
        disclosed_quantity=_quantity(form, "disclosed_quantity", default=0),
        protection=_protection(form),
        tag=_tag(form),
        autoslice=form.get("autoslice") == "true",
    )
    if order_type.at_market and not parsed.protection:
        raise input_error(NEEDS_PROTECTION)
    return parsed


def parse_change(form: Mapping[str, str]) -> Change:
    """Read the form of a modification."""
    kind, validity = form.get("order_type"), form.get("validity")
    change = Change(
        quantity=_quantity(form, "quantity") if form.get("quantity") else None,
        price=_price(form, "price") if form.get("price") else None,
        trigger_price=_price(form, "trigger_price") if form.get("trigger_price") else None,
        order_type=_value(kind, "order_type", OrderType) if kind else None,
        validity=_value(validity, "validity", Validity) if validity else None,
        protection=_protection(form),
    )
    if change.order_type is not None and change.order_type.at_market and not change.protection:
        raise input_error(NEEDS_PROTECTION)
    return change


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name)
    if not value:
        raise input_error(f"Missing or empty field `{name}`.")
    return value


def _choice(form: Mapping[str, str], name: str, kind: type[_Choice]) -> _Choice:
    return _value(_required(form, name), name, kind)


def _value(text: str, name: str, kind: type[_Choice]) -> _Choice:
    try:
        return kind(text)
    except ValueError:
        raise input_error(f"Invalid `{name}` {text!r}; this simulator knows {_listed(kind)}.") from None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _quantity(form: Mapping[str, str], name: str, default: int | None = None) -> int:
    if default is not None and not form.get(name):
        return default
    text = _required(form, name)
    if not text.isdecimal() or (default is None and int(text) == 0):
        raise _undecodable(name, text, "positive integer")
    return int(text)


def _price(form: Mapping[str, str], name: str) -> int:
    price = _decimal(_required(form, name), name)
    paise = price * 100
    if paise <= 0 or paise != paise.to_integral_value():
        raise input_error(f"Invalid `{name}`.")
    return int(paise)


def _protection(form: Mapping[str, str]) -> Decimal | None:
    text = form.get("market_protection")
    if text is None:
        return None
    protection = _decimal(text, "market_protection")
    if protection != -1 and not 0 <= protection <= 100:
        raise input_error("Invalid `market_protection`: expected -1 or a percentage up to 100.")
    return protection


def _decimal(text: str, name: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _undecodable(name, text, "decimal") from None
    if not value.is_finite():
        raise _undecodable(name, text, "decimal")
    return value


def _tag(form: Mapping[str, str]) -> str | None:
    tag = form.get("tag") or None
    if tag is not None and not _TAG.fullmatch(tag):
        raise input_error("Invalid `tag`. Tags have at most 20 letters and digits.")
    return tag


def _undecodable(name: str, text: str, expected: str) -> KiteError:
    return input_error(f"Invalid request (failed to decode {name}, got: {text} (expected {expected}))")
