"""What an executed order costs: brokerage, taxes and fees from a dated table (`data/charges.toml`).

All arithmetic is in `Decimal`. STT is rounded to the nearest rupee, half up; everything else stays exact, and only the
total of an order is rounded, to the paisa, half up.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib import resources
from typing import Any, Final

from muhurat.errors import MuhuratError

INDEX_OPTION: Final = "index_option"
_ITEMS: Final = ("brokerage", "stt_sell", "exchange", "sebi", "gst", "stamp_buy")
_SIDES: Final = ("BUY", "SELL")
_RUPEE: Final = Decimal(1)
_PAISA: Final = Decimal("0.01")


class ChargesError(MuhuratError):
    """The table has no rate for an order: unknown exchange or product, or a day before the rates begin."""

    hint = "add the rate with its date and source to trading/data/charges.toml"


@dataclass(frozen=True, slots=True)
class Charges:
    """The cost of one executed order in rupees: `total` is to the paisa, the items as exact as their rates."""

    brokerage: Decimal
    stt: Decimal
    exchange: Decimal
    sebi: Decimal
    gst: Decimal
    stamp: Decimal

    @property
    def total(self) -> Decimal:
        exact = self.brokerage + self.stt + self.exchange + self.sebi + self.gst + self.stamp
        return exact.quantize(_PAISA, ROUND_HALF_UP)

    @property
    def total_paise(self) -> int:
        return int(self.total * 100)

    def as_dict(self) -> dict[str, str]:
        """Every item and the total as text, exact."""
        items = {field.name: f"{getattr(self, field.name).normalize():f}" for field in fields(self)}
        return items | {"total": str(self.total)}


@dataclass(frozen=True, slots=True)
class Rate:
    """One line of the table."""

    product: str
    item: str
    exchanges: tuple[str, ...]
    since: date
    rate: Decimal
    source: str


def charges_on_turnover(side: str, turnover: Decimal, exchange: str, day: date, product: str = INDEX_OPTION) -> Charges:
    """The charges of an executed order leg by its turnover in rupees, the sum of price x quantity over its fills.

    `side` is `BUY` or `SELL`, `exchange` Kite's name (`BFO`, `NFO`), `day` the trade date in India. Raises
    `ChargesError` when the table has no rate for it.
    """
    if side not in _SIDES:
        raise ChargesError(f"unknown side {side!r}; known: {', '.join(_SIDES)}", hint="")
    if turnover < 0:
        raise ChargesError(f"no executed order has the turnover {turnover}", hint="")
    rates = {item: rate_of(item, exchange, day, product).rate for item in _ITEMS}
    exchange_charge, sebi = turnover * rates["exchange"], turnover * rates["sebi"]
    stt = (turnover * rates["stt_sell"]).quantize(_RUPEE, ROUND_HALF_UP) if side == "SELL" else Decimal(0)
    return Charges(
        brokerage=rates["brokerage"],
        stt=stt,
        exchange=exchange_charge,
        sebi=sebi,
        gst=(rates["brokerage"] + exchange_charge + sebi) * rates["gst"],
        stamp=turnover * rates["stamp_buy"] if side == "BUY" else Decimal(0),
    )


def rate_of(item: str, exchange: str, day: date, product: str = INDEX_OPTION) -> Rate:
    """The line of the table that holds for an item on a day. Raises `ChargesError` when there is none."""
    rows = [row for row in _table() if row.product == product]
    if not rows:
        raise ChargesError(f"no charges are known for the product {product!r}")
    rows = [row for row in rows if row.item == item and exchange in row.exchanges]
    if not rows:
        raise ChargesError(f"no {item} rate is known for the exchange {exchange!r}")
    holding = [row for row in rows if row.since <= day]
    if not holding:
        first = min(row.since for row in rows)
        raise ChargesError(f"the {item} rate of {exchange} is known from {first} on, not on {day}")
    return max(holding, key=lambda row: row.since)


@cache
def _table() -> tuple[Rate, ...]:
    text = (resources.files("muhurat.trading") / "data" / "charges.toml").read_text(encoding="utf-8")
    return tuple(_rate(line) for line in tomllib.loads(text)["rates"])


def _rate(line: dict[str, Any]) -> Rate:
    if line["item"] not in _ITEMS:
        raise ChargesError(f"unknown item {line['item']!r} in charges.toml; known: {', '.join(_ITEMS)}")
    return Rate(
        product=line["product"],
        item=line["item"],
        exchanges=tuple(line["exchanges"]),
        since=line["since"],
        rate=Decimal(line["rate"]),
        source=line["source"],
    )
