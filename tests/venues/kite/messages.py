"""Ticker messages made by hand, and the official client's reading of them under Muhurat's names."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from kiteconnect import KiteTicker

from muhurat.venues.kite.decode import COLUMNS

LENGTHS = (8, 28, 32, 44, 184)
SEGMENTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12)
_NAMES = {
    "last_traded_quantity": "last_quantity",
    "average_traded_price": "average_price",
    "volume_traded": "volume",
    "total_buy_quantity": "buy_quantity",
    "total_sell_quantity": "sell_quantity",
    "change": "net_change",
}
_OFFICIAL = KiteTicker("key", "token")


def message(packets: Sequence[bytes], announced: int | None = None) -> bytes:
    """The packets framed as Kite frames them."""
    count = len(packets) if announced is None else announced
    return struct.pack(">H", count) + b"".join(struct.pack(">H", len(packet)) + packet for packet in packets)


def packet(length: int, segment: int, chance: random.Random, *, zeros: float = 0.1) -> bytes:
    """A packet of any content; each field is nothing with the probability `zeros`."""
    if length < 4:
        return chance.randbytes(length)
    words = [chance.randbytes(4) if chance.random() >= zeros else bytes(4) for _ in range(length // 4 - 1)]
    return chance.randbytes(3) + bytes([segment]) + b"".join(words) + bytes(length % 4)


def depth(levels: Iterable[tuple[int, int, int]]) -> bytes:
    """Levels of (quantity, price on the wire, orders)."""
    return b"".join(struct.pack(">IIHxx", *level) for level in levels)


def official_rows(payload: bytes) -> list[dict[str, Any]]:
    """What `KiteTicker` reads, as rows: its names mapped, its local datetimes back to seconds, empty values None."""
    return [_row(tick) for tick in _OFFICIAL._parse_binary(payload)]


def _row(tick: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    values = {_NAMES.get(name, name): value for name, value in (tick | tick.get("ohlc", {})).items()}
    row.update((name, _seconds(value)) for name, value in values.items() if name in row)
    for side, levels in (("bid", "buy"), ("ask", "sell")):
        for number, level in enumerate(tick.get("depth", {}).get(levels, ()), 1):
            row[f"{side}_price_{number}"] = level["price"] if any(level.values()) else None
            row[f"{side}_quantity_{number}"] = level["quantity"]
            row[f"{side}_orders_{number}"] = level["orders"]
    return row


def _seconds(value: Any) -> Any:
    return (int(value.timestamp()) or None) if isinstance(value, datetime) else value
