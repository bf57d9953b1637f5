"""Kite's binary market data, from one WebSocket message to columns.

A message is `u16 count`, then `count` times `u16 length` and a packet of that length, all big-endian. The length alone
names the layout. Every field of a packet is 4 bytes wide; counted in such words:

    8    0 token, 1 last price                                                          any instrument, mode ltp
    28   0 token, 1 last price, 2 HIGH, 3 LOW, 4 OPEN, 5 close, 6 price change          an index, mode quote
    32   as 28, 7 exchange timestamp                                                    an index, mode full
    44   0 token, 1 last price, 2 last quantity, 3 average price, 4 volume, 5 buy quantity, 6 sell quantity,
         7 OPEN, 8 HIGH, 9 LOW, 10 close                                                mode quote
    184  as 44, 11 last trade time, 12 oi, 13 oi day high, 14 oi day low, 15 exchange timestamp,
         16.. ten levels of (quantity, price, u16 orders + 2 bytes of padding): five bids, five asks    mode full

The low byte of the token is the segment, which fixes the divisor of the prices. Times are whole seconds since 1970.
The price change of an index is ignored, as Zerodha's clients do: `net_change` is the percentage that the Python
client calls `change`, `(last - close) * 100 / close`, and 0 where there is no close. A message shorter than two bytes
is a heartbeat. A level without price, quantity and orders is empty: its price becomes NaN.

A whole message with one packet, SENSEX in mode full at 72,443.48 on 2026-10-08 09:20:09 IST:

    00 01 | 00 20 | 00 00 01 09 | 00 6e 8a 3c | 00 6e a5 0a | 00 6e 51 6f | 00 6e 79 40 | 00 6e a8 1f | ff ff e2 1d
    count   length  265           72443.48      H 72512.10    L 72298.07    O 72400.00    C 72519.99    change, ignored
    6a c7 12 f1
    1791431409

Source of layouts, segments and divisors: the official Python client (kiteconnect 5.2.2), whose values these equal.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from muhurat.model.tick import TickBatch, TickGroup

SEGMENT_CDS: Final = 3
SEGMENT_BCD: Final = 6
SEGMENT_NCO: Final = 12

_LEVELS: Final = range(1, 6)
_PROBE: Final = 64  # a run is looked for this far; further in vain would make mixed messages quadratic

_OHLC: Final = ("open", "high", "low", "close")
_TRADED: Final = {"instrument_token": 0, "last_price": 1, "last_quantity": 2, "average_price": 3, "volume": 4}
_QUOTE: Final = {**_TRADED, "buy_quantity": 5, "sell_quantity": 6, "open": 7, "high": 8, "low": 9, "close": 10}
_STATE: Final = {"last_trade_time": 11, "oi": 12, "oi_day_high": 13, "oi_day_low": 14, "exchange_timestamp": 15}
_SIDES: Final = (("bid", 16), ("ask", 31))
_DEPTH_QUANTITIES: Final = {
    f"{side}_quantity_{level}": first + 3 * (level - 1) for side, first in _SIDES for level in _LEVELS
}
_DEPTH_PRICES: Final = {name.replace("quantity", "price"): word + 1 for name, word in _DEPTH_QUANTITIES.items()}
_DEPTH_ORDERS: Final = {name.replace("quantity", "orders"): word + 2 for name, word in _DEPTH_QUANTITIES.items()}
_INDEX: Final = {"instrument_token": 0, "last_price": 1, "high": 2, "low": 3, "open": 4, "close": 5}

COLUMNS: Final = (
    "instrument_token",
    *("last_price", "last_quantity", "average_price", "volume", "buy_quantity", "sell_quantity"),
    *_OHLC,
    *("net_change", "last_trade_time", "oi", "oi_day_high", "oi_day_low", "exchange_timestamp"),
    *(f"{side}_{what}_{level}" for side, _ in _SIDES for what in ("price", "quantity", "orders") for level in _LEVELS),
)
"""Every column a Kite packet can give, in the order of the tick tables."""

_PRICES: Final = frozenset({"last_price", "average_price", *_OHLC, *_DEPTH_PRICES})


def _divisors() -> NDArray[np.float64]:
    table = np.full(256, 100.0)
    table[SEGMENT_CDS] = 10_000_000.0
    table[[SEGMENT_BCD, SEGMENT_NCO]] = 10_000.0
    return table


DIVISORS: Final = _divisors()
"""What a price on the wire is divided by to give rupees, by segment."""

_BY_A_HUNDRED: Final = bytes(segment for segment in range(256) if DIVISORS[segment] == 100.0)

_WIRE: Final = np.dtype(">u4")
_NATIVE: Final = np.dtype(np.uint32)
_INTEGER: Final = np.dtype(np.int64)
_HUNDRED: Final = np.array(100.0)
_HALF_A_WORD: Final = np.array(16, np.uint32)
_COUNTING: Final = np.arange(0x10000, dtype=np.uint32).tobytes()  # packet numbers, to cut runs from

_Prices = NDArray[np.float64]
_Words = NDArray[np.uint32]
_Runs = dict[int, list[tuple[int, int, int]]]
"""Runs of packets by length, each as (packets before it, its first byte, its packets)."""


class _Layout:
    """How packets of one length become columns: prices as one float block, everything else as one integer block."""

    def __init__(self, length: int, table: str, words: dict[str, int]) -> None:
        prices = [name for name in words if name in _PRICES]
        counts = [name for name in words if name not in _PRICES]
        self.length = length
        self.table = table
        self.price_words = np.array([words[name] for name in prices])
        self.count_words = np.array([words[name] for name in counts])
        self.last = prices.index("last_price")
        self.close = prices.index("close") if "close" in prices else None
        self.has_depth = "bid_price_1" in words
        self.names = (*prices, *(["net_change"] if "close" in prices else []), *counts)

    def columns(self, buffer: bytes, first: int, count: int) -> dict[str, NDArray[Any]]:
        """The columns of `count` packets that lie back to back, each after its length, from byte `first` on."""
        stride = self.length + 2
        words = np.empty((self.length // 4, count), _NATIVE)
        words[...] = np.ndarray((count, self.length // 4), _WIRE, buffer, first + 2, (stride, 4)).T
        counts = words.take(self.count_words, 0)
        if self.has_depth:
            orders = counts[-10:]
            np.right_shift(orders, _HALF_A_WORD, orders)
        raw = words.take(self.price_words, 0)
        prices = self._rupees(raw, buffer[first + 5 : first + count * stride : stride])
        if self.close is not None:
            _net_change(prices[self.last], prices[self.close], prices[-1])
        if self.has_depth:
            _blank_empty_levels(prices[-11:-1], raw[-10:], counts[-20:])
        return dict(zip(self.names, [*prices, *counts.astype(_INTEGER)], strict=True))

    def _rupees(self, raw: _Words, segments: bytes) -> NDArray[np.float64]:
        """The prices divided, with a row left for the change where there is a close."""
        wanted = len(raw)
        block = np.empty((wanted + (self.close is not None), raw.shape[1]))
        prices = block[:wanted]
        prices[...] = raw
        np.divide(prices, _divisor(segments), prices)
        return block


def _net_change(last: _Prices, close: _Prices, change: _Prices) -> None:
    """Percent of the close; 0 where there is none."""
    np.subtract(last, close, change)
    np.multiply(change, _HUNDRED, change)
    if np.count_nonzero(close) == len(close):
        np.divide(change, close, change)
    else:
        np.divide(change, close, change, where=close != 0)
        change[close == 0] = 0.0


def _divisor(segments: bytes) -> NDArray[np.float64]:
    """One number where it is the same for every packet, as nearly always."""
    if segments.translate(None, _BY_A_HUNDRED):
        return DIVISORS.take(np.frombuffer(segments, np.uint8))
    return _HUNDRED


def _blank_empty_levels(prices: _Prices, raw: _Words, counts: _Words) -> None:
    """Ten levels' prices, the same as they came, and their quantities followed by their orders, all level by level."""
    if np.count_nonzero(raw) == raw.size:
        return
    free = np.logical_not(raw).ravel().nonzero()[0]
    held = counts.ravel()
    empty = np.logical_not(held.take(free) | held.take(free + raw.size))
    prices.ravel()[free[empty]] = np.nan


_LAYOUTS: Final = {
    layout.length: layout
    for layout in (
        _Layout(8, "ticks_ltp", {"last_price": 1, "instrument_token": 0}),
        _Layout(28, "ticks_quote", _INDEX),
        _Layout(32, "ticks_full", {**_INDEX, "exchange_timestamp": 7}),
        _Layout(44, "ticks_quote", _QUOTE),
        _Layout(184, "ticks_full", {**_QUOTE, **_STATE, **_DEPTH_QUANTITIES, **_DEPTH_PRICES, **_DEPTH_ORDERS}),
    )
}


def decode_message(payload: bytes) -> TickBatch:
    """The ticks of one message as received; no bytes raise, whatever does not fit is counted in the batch."""
    if len(payload) < 2:
        return TickBatch(0, ())
    announced = payload[0] << 8 | payload[1]
    runs, packets, end = _runs(payload, announced)
    groups, unknown = [], {}
    for length, parts in runs.items():
        if layout := _LAYOUTS.get(length):
            groups.append(_group(layout, payload, parts))
        else:
            unknown[length] = sum(count for _, _, count in parts)
    truncated = packets < announced
    return TickBatch(packets, tuple(groups), unknown, truncated, 0 if truncated else len(payload) - end, COLUMNS)


def _runs(payload: bytes, announced: int) -> tuple[_Runs, int, int]:
    """Complete packets by length, how many there are, and the byte where they end.

    Neighbours of one length form a run, found all at once: taken out of the message by stride, the bytes of their
    lengths are one repeated byte.
    """
    runs: _Runs = {}
    packets, at, size = 0, 2, len(payload)
    window = announced
    while packets < announced and at + 2 <= size:
        header = payload[at : at + 2]
        length = header[0] << 8 | header[1]
        stride = length + 2
        if payload.startswith(header, at + stride):
            count = min(_repeats(payload, at, header, stride, window), announced - packets)
        elif at + stride <= size:
            count = 1
        else:
            break
        runs.setdefault(length, []).append((packets, at, count))
        packets += count
        at += count * stride
        window = _PROBE
    return runs, packets, at


def _repeats(payload: bytes, at: int, header: bytes, stride: int, window: int) -> int:
    """How many complete packets from `at` on, of at most `window`, follow each other with this header."""
    stop = at + window * stride
    if stop > len(payload):
        stop -= -((len(payload) - stop) // stride) * stride
    high = payload[at:stop:stride]
    low = payload[at + 1 : stop : stride]
    return len(high) - max(len(high.lstrip(header[:1])), len(low.lstrip(header[1:])))


def _group(layout: _Layout, payload: bytes, parts: list[tuple[int, int, int]]) -> TickGroup:
    """Runs of one layout as one group; several are first joined into one block without the others between them."""
    if len(parts) == 1:
        before, first, count = parts[0]
        index = np.arange(before, before + count, dtype=_NATIVE)
        return TickGroup(layout.table, index, layout.columns(payload, first, count))
    stride = layout.length + 2
    block = b"".join([payload[first : first + count * stride] for _, first, count in parts])
    numbers = b"".join([_COUNTING[4 * before : 4 * (before + count)] for before, _, count in parts])
    columns = layout.columns(block, 0, len(block) // stride)
    return TickGroup(layout.table, np.frombuffer(numbers, _NATIVE), columns)
