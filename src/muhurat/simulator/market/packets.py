"""Enough of Kite's packets to play a recorded journal, and of its full mode to answer quotes and candles from it.

A message is `u16 count` and then `u16 length` and a packet, `count` times, all big-endian; a packet begins with its
token. A full packet has 184 bytes, an index in full mode 32, with high, low and open in another order (facts/kite.md
§2). Other lengths carry no book or no time: they are played and not understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from struct import Struct
from typing import Any, Final

import numpy as np

from muhurat.simulator.market.base import LEVELS, Ints, Series
from muhurat.simulator.market.flow import Ticks, index_series

_COUNT: Final = Struct(">H")
_TOKEN: Final = Struct(">I")
_INDEX: Final = np.dtype(
    [(name, ">i4") for name in ("token", "last_price", "high", "low", "open", "close", "change")]
    + [("exchange_s", ">u4")]
)
_HEAD: Final = ("token", "last_price", "last_quantity", "average_price", "volume", "buy_quantity", "sell_quantity")
_REST: Final = ("open", "high", "low", "close", "last_trade_time", "oi", "oi_day_high", "oi_day_low", "exchange_s")
_LEVEL: Final = np.dtype([("quantity", ">u4"), ("price", ">i4"), ("orders", ">u2"), ("padding", ">u2")])
_FULL: Final = np.dtype([(name, ">u4") for name in (*_HEAD, *_REST)] + [("depth", _LEVEL, (2 * LEVELS,))])

Recorded = dict[int, list[tuple[int, bytes]]]


def split(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The complete packets of a message with their tokens, in order; none for a heartbeat."""
    if len(message) < _COUNT.size:
        return
    (count,) = _COUNT.unpack_from(message)
    at = _COUNT.size
    for _ in range(count):
        if at + _COUNT.size > len(message):
            return
        (length,) = _COUNT.unpack_from(message, at)
        packet = message[at + _COUNT.size : at + _COUNT.size + length]
        if len(packet) < max(length, _TOKEN.size):
            return
        yield _TOKEN.unpack_from(packet)[0], packet
        at += _COUNT.size + length


def by_token(messages: Iterable[tuple[int, bytes]]) -> Recorded:
    """The full-mode packets of `(instant, message)` pairs, by token, each with the instant it came at.

    A token that came in other modes only has none.
    """
    found: Recorded = {}
    for at_ns, message in messages:
        for token, packet in split(message):
            packets = found.setdefault(token, [])
            if len(packet) in (_FULL.itemsize, _INDEX.itemsize):
                packets.append((at_ns, packet))
    return found


def series_of(token: int, packets: list[tuple[int, bytes]]) -> Series:
    """One instrument's packets as columns. Those of the length that the first one has are kept."""
    length = len(packets[0][1])
    kept = [(at_ns, packet) for at_ns, packet in packets if len(packet) == length]
    send_ns = np.array([at_ns for at_ns, _ in kept], dtype=np.int64)
    raw = b"".join(packet for _, packet in kept)
    if length == _INDEX.itemsize:
        return _index_series(token, send_ns, np.frombuffer(raw, dtype=_INDEX))
    return _full_series(token, send_ns, np.frombuffer(raw, dtype=_FULL))


def _index_series(token: int, send_ns: Ints, rows: np.ndarray[tuple[int], np.dtype[np.void]]) -> Series:
    prices = rows["last_price"].astype(np.int32)
    nothing = np.zeros(len(rows), dtype=np.int64)
    ticks = Ticks(rows["exchange_s"].astype(np.int64), prices, nothing, nothing)
    bare = index_series(token, send_ns, ticks, int(rows["close"][0]))
    own: dict[str, Any] = {name: rows[name].astype(np.int32) for name in ("open", "high", "low", "close")}
    return replace(bare, **own)


def _full_series(token: int, send_ns: Ints, rows: np.ndarray[tuple[int], np.dtype[np.void]]) -> Series:
    levels = [rows["depth"][name] for name in ("price", "quantity", "orders")]
    prices = ("last_price", "average_price", "open", "high", "low", "close")
    columns: dict[str, Any] = {
        name: rows[name].astype(np.int32 if name in prices else np.int64) for name in (*_HEAD[1:], *_REST)
    }
    return Series(
        token=token, tradable=True, send_ns=send_ns, depth=np.stack(levels, axis=2).astype(np.int32), **columns
    )
