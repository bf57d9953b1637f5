"""Kite's messages taken apart into packets, and packets put together into a message, without reading what they say.

The framing is `decode`'s: `u16 count`, then `count` times `u16 length` and a packet of that length, whose first four
bytes are the instrument's token, all big-endian. Thousands of messages are taken apart at once: those whose packets
are all of one length by arithmetic alone, the others by a walk that takes one step in all of them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from muhurat.venues.base import Packets

_U16: Final = Struct(">H")
_KNOWN: Final = np.zeros(1 << 16, np.bool_)
_KNOWN[[8, 28, 32, 44, 184]] = True
_SHORTEST_MESSAGE: Final = 12  # a count, a length, a packet of mode ltp
_HEAD: Final = np.dtype([("length", ">u2"), ("token", ">u4")])

_Bytes = NDArray[np.uint8]
_Ints = NDArray[np.int64]


class KitePackets:
    """Kite's `PacketFormat`: a message counts only when all of it is whole packets of the lengths that are known."""

    def split(self, buffer: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Packets:
        """The packets of the messages that lie at `starts` in a buffer."""
        worth = np.flatnonzero(lengths >= _SHORTEST_MESSAGE)
        starts, lengths = starts[worth], lengths[worth]
        counts = _pairs(buffer, starts)
        even = _Even(buffer, starts, lengths, counts)
        uneven = np.flatnonzero((counts > 0) & ~even.whole)
        walk = _Walk(buffer, starts[uneven], lengths[uneven], counts[uneven])
        message = np.concatenate((even.message, uneven[walk.message]))
        order = np.argsort(message, kind="stable") if len(walk.message) else slice(None)
        return Packets(
            worth[message[order]],
            np.concatenate((even.start, walk.start))[order],
            np.concatenate((even.length, walk.length))[order],
            np.concatenate((even.token, walk.token))[order],
        )

    def join(self, packets: Sequence[bytes]) -> bytes:
        """One message made of packets."""
        parts = [_U16.pack(len(packets))]
        for packet in packets:
            parts += (_U16.pack(len(packet)), packet)
        return b"".join(parts)


class _Even:
    """The packets of messages in which all have the length of the first; `whole` says which messages those are."""

    def __init__(self, buffer: _Bytes, starts: _Ints, lengths: _Ints, counts: _Ints) -> None:
        self._buffer = buffer
        self._starts = starts
        self._size = _pairs(buffer, starts + 2)
        self.whole = _KNOWN[self._size] & (counts > 0) & (counts * (self._size + 2) + 2 == lengths)
        self._lay_out(counts)
        wrong = self.message[self._said != self.length]
        if len(wrong):
            self.whole[wrong] = False
            self._lay_out(counts)

    def _lay_out(self, counts: _Ints) -> None:
        counts = np.where(self.whole, counts, 0)
        total: _Ints = np.cumsum(counts)
        self.message = np.repeat(np.arange(len(counts)), counts)
        self.length = self._size[self.message]
        rank: _Ints = np.arange(len(self.message)) - (total - counts)[self.message]
        self.start = self._starts[self.message] + 4 + rank * (self.length + 2)
        self._said, self.token = _heads(self._buffer, self.start)


class _Walk:
    """From packet to packet through messages whose packets differ in length: one step in all of them at a time.

    Only the packets of messages that turn out whole, to their last byte, are given.
    """

    def __init__(self, buffer: _Bytes, starts: _Ints, lengths: _Ints, counts: _Ints) -> None:
        at, end = starts + 2, starts + lengths
        taken = np.zeros(len(starts), np.int64)
        none = np.zeros(0, np.int64)
        steps = [(none, none, none, none)]
        alive = np.flatnonzero(counts > 0)
        while len(alive):
            alive = alive[at[alive] + 6 <= end[alive]]
            start = at[alive] + 2
            length, token = _heads(buffer, start)
            good = _KNOWN[length] & (start + length <= end[alive])
            alive, start, length, token = alive[good], start[good], length[good], token[good]
            steps.append((alive, start, length, token))
            at[alive] = start + length
            taken[alive] += 1
            alive = alive[counts[alive] > taken[alive]]
        whole = (taken == counts) & (at == end)
        message, start, length, token = (np.concatenate(column) for column in zip(*steps, strict=True))
        kept = whole[message]
        self.message, self.start, self.length, self.token = message[kept], start[kept], length[kept], token[kept]


def _heads(buffer: _Bytes, starts: _Ints) -> tuple[_Ints, _Ints]:
    """What stands before the packets as their length, and their tokens."""
    heads = _pieces(buffer, starts - 2, _HEAD.itemsize).view(_HEAD)
    return heads["length"].astype(np.int64), heads["token"].astype(np.int64)


def _pairs(buffer: _Bytes, at: _Ints) -> _Ints:
    """The two-byte numbers that begin at some bytes."""
    numbers: _Ints = _pieces(buffer, at, 2).view(">u2").astype(np.int64)
    return numbers


def _pieces(buffer: _Bytes, at: _Ints, size: int) -> NDArray[np.void]:
    """Pieces that begin at any bytes, taken from the buffer seen as overlapping pieces of their size."""
    every = np.ndarray((max(len(buffer) - size + 1, 0),), f"V{size}", buffer, 0, (1,))
    found: NDArray[np.void] = every[at]
    return found
