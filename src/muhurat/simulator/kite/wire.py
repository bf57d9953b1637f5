"""Kite's binary market data, written. All numbers are big-endian.

A message is `u16` number of packets, then each packet behind its `u16` length. The length alone tells the kind:

    184 full    token, last price, last quantity, average price, volume, buy and sell quantity, open, high, low, close,
                last trade time, open interest, its day high and low, exchange time; then ten levels of 12 bytes, bids
                first: quantity, price, orders (u16), two bytes of padding
    44  quote   the full packet's first 44 bytes
    32  index   token, last price, HIGH, LOW, OPEN, close, price change (signed), exchange time
    28  index   the same without the time
    8   ltp     token, last price

Prices are rupees times the segment's divisor; the segment is the token's last byte. A message of one byte is a
heartbeat.
Source: the kiteconnect clients, whose parser the tests hold this against.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np

from muhurat.simulator.market.base import LEVELS, ORDERS, PRICE, QUANTITY, Quote, Series

HEARTBEAT: Final = b"\x00"
BLOCK_ROWS: Final = 256
"""Packets encoded at a time: enough to make numpy worth calling, little enough to keep for thousands of instruments."""

_LENGTH_BYTES: Final = 2
_DIVISORS: Final = {3: 10_000_000, 6: 10_000, 12: 10_000}
_PAISE: Final = 100
_COUNT: Final = struct.Struct(">H")

_LEVEL: Final = [("quantity", ">u4"), ("price", ">i4"), ("orders", ">u2"), ("padding", ">u2")]
_FULL: Final = np.dtype(
    [
        ("length", ">u2"),
        ("token", ">u4"),
        ("last_price", ">i4"),
        ("last_quantity", ">u4"),
        ("average_price", ">i4"),
        ("volume", ">u4"),
        ("buy_quantity", ">u4"),
        ("sell_quantity", ">u4"),
        ("open", ">i4"),
        ("high", ">i4"),
        ("low", ">i4"),
        ("close", ">i4"),
        ("last_trade_time", ">u4"),
        ("oi", ">u4"),
        ("oi_day_high", ">u4"),
        ("oi_day_low", ">u4"),
        ("exchange_s", ">u4"),
        ("depth", _LEVEL, (2 * LEVELS,)),
    ]
)
_INDEX: Final = np.dtype(
    [
        ("length", ">u2"),
        ("token", ">u4"),
        ("last_price", ">i4"),
        ("high", ">i4"),
        ("low", ">i4"),
        ("open", ">i4"),
        ("close", ">i4"),
        ("price_change", ">i4"),
        ("exchange_s", ">u4"),
    ]
)
_PRICES: Final = frozenset({"last_price", "average_price", "open", "high", "low", "close"})


class Mode(StrEnum):
    """How much of an instrument a listener wants."""

    LTP = "ltp"
    QUOTE = "quote"
    FULL = "full"


_LENGTHS: Final = {
    True: {Mode.LTP: 8, Mode.QUOTE: 44, Mode.FULL: 184},
    False: {Mode.LTP: 8, Mode.QUOTE: 28, Mode.FULL: 32},
}
_INDEX_LENGTHS: Final = frozenset({28, 32})


def encode_full(series: Series, start: int = 0, stop: int | None = None) -> bytes:
    """Packets `start` to `stop` of a series in their longest form, each behind its length, back to back."""
    rows = slice(start, stop)
    layout = _FULL if series.tradable else _INDEX
    packets = np.zeros(len(series.send_ns[rows]), layout)
    scale = _scale(series.token)
    packets["length"] = layout.itemsize - _LENGTH_BYTES
    packets["token"] = series.token
    for name in set(layout.names or ()) - {"length", "token", "depth", "price_change"}:
        column = getattr(series, name)[rows]
        packets[name] = column * scale if name in _PRICES else column
    if series.tradable:
        book = series.depth[rows]
        packets["depth"]["price"] = book[:, :, PRICE] * scale
        packets["depth"]["quantity"] = book[:, :, QUANTITY]
        packets["depth"]["orders"] = book[:, :, ORDERS]
    else:
        packets["price_change"] = (series.last_price[rows] - series.close[rows]) * scale
    return packets.tobytes()


def encode_quote(token: int, tradable: bool, quote: Quote, mode: Mode) -> bytes:
    """One packet behind its length, for the present state of an instrument."""
    full = encode_full(Series.of(token, tradable, [(0, quote)]))
    return _cut(full, 0, _LENGTHS[tradable][mode])


def shortened(packet: bytes, mode: Mode) -> bytes:
    """A recorded packet behind its length, no longer than a mode asks; one of no known length as it came."""
    lengths = _LENGTHS[len(packet) not in _INDEX_LENGTHS]
    known = len(packet) in lengths.values()
    kept = packet[: lengths[mode]] if known else packet
    return _COUNT.pack(len(kept)) + kept


def join(packets: Sequence[bytes]) -> bytes:
    """One message out of packets that carry their length."""
    return _COUNT.pack(len(packets)) + b"".join(packets)


class Encoder:
    """One instrument's packets of the day, encoded in blocks as the day reaches them."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._lengths = _LENGTHS[series.tradable]
        self._stride = (_FULL if series.tradable else _INDEX).itemsize
        self._block_start = -1
        self._block = b""

    def packet(self, row: int, mode: Mode) -> bytes:
        """Packet `row` behind its length."""
        start = row - row % BLOCK_ROWS
        if start != self._block_start:
            self._block = encode_full(self._series, start, start + BLOCK_ROWS)
            self._block_start = start
        return _cut(self._block, (row - start) * self._stride, self._lengths[mode])


def _cut(block: bytes, at: int, length: int) -> bytes:
    """Every shorter kind of packet is the beginning of the longest one."""
    packet = at + _LENGTH_BYTES
    return _COUNT.pack(length) + block[packet : packet + length]


def _scale(token: int) -> int:
    return _DIVISORS.get(token & 0xFF, _PAISE) // _PAISE
