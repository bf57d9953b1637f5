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

_Bytes = NDArray[np.uint8]
_Ints = NDArray[np.int64]


class KitePackets:
    """Kite's `PacketFormat`: a message counts only when all of it is whole packets of the lengths that are known."""

    def split(self, buffer: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Packets:
        """The packets of the messages that lie at `starts` in a buffer."""
        counts = np.zeros(len(starts), np.int64)
        worth = np.flatnonzero(lengths >= _SHORTEST_MESSAGE)
        counts[worth] = _u16(buffer, starts[worth])
        stride = np.zeros(len(starts), np.int64)
        stride[worth] = _u16(buffer, starts[worth] + 2) + 2
        even = (counts > 0) & _KNOWN[np.maximum(stride - 2, 0)] & (counts * stride + 2 == lengths)
        even[_not_even(buffer, starts, counts * even, stride)] = False
        uneven = np.flatnonzero((counts > 0) & ~even)
        walk = _Walk(buffer, starts[uneven], lengths[uneven], counts[uneven])
        counts[uneven[~walk.whole]] = 0
        first = _before(counts)
        message = np.repeat(np.arange(len(starts)), counts)
        rank = np.arange(len(message)) - first[message]
        start = starts[message] + 4 + rank * stride[message]
        length = stride[message] - 2
        place = first[uneven[walk.message]] + walk.rank
        start[place], length[place] = walk.start, walk.length
        return Packets(message, start, length, _u32(buffer, start))

    def join(self, packets: Sequence[bytes]) -> bytes:
        """One message made of packets."""
        parts = [_U16.pack(len(packets))]
        for packet in packets:
            parts += (_U16.pack(len(packet)), packet)
        return b"".join(parts)


class _Walk:
    """From packet to packet through messages whose packets differ in length: one step in all of them at a time.

    `whole` says which messages are made of whole known packets to their last byte; the arrays beside it give the
    packets of those.
    """

    def __init__(self, buffer: _Bytes, starts: _Ints, lengths: _Ints, counts: _Ints) -> None:
        at, end = starts + 2, starts + lengths
        steps: list[tuple[_Ints, int, _Ints, _Ints]] = []
        alive, rank = np.arange(len(starts)), 0
        while len(alive):
            here = at[alive]
            alive, here = alive[here + 2 <= end[alive]], here[here + 2 <= end[alive]]
            length = _u16(buffer, here)
            good = _KNOWN[length] & (here + 2 + length <= end[alive])
            alive, here, length = alive[good], here[good] + 2, length[good]
            steps.append((alive, rank, here, length))
            at[alive] = here + length
            rank += 1
            alive = alive[counts[alive] > rank]
        reached = np.zeros(len(starts), np.int64)
        for message, rank, _, _ in steps:
            reached[message] = rank + 1
        self.whole = (reached == counts) & (at == end)
        kept = [(part, self.whole[part[0]]) for part in steps]
        self.message = _joined([message[keep] for (message, _, _, _), keep in kept])
        self.rank = _joined([np.full(int(keep.sum()), rank) for (_, rank, _, _), keep in kept])
        self.start = _joined([start[keep] for (_, _, start, _), keep in kept])
        self.length = _joined([length[keep] for (_, _, _, length), keep in kept])


def _not_even(buffer: _Bytes, starts: _Ints, counts: _Ints, stride: _Ints) -> _Ints:
    """Those among messages that seem to be of one length of packet, in which a length says otherwise."""
    message = np.repeat(np.arange(len(starts)), counts)
    rank = np.arange(len(message)) - _before(counts)[message]
    wrong: NDArray[np.bool_] = _u16(buffer, starts[message] + 2 + rank * stride[message]) != stride[message] - 2
    return message[wrong]


def _before(counts: _Ints) -> _Ints:
    """How many there are in all before each."""
    total: _Ints = np.cumsum(counts)
    return total - counts


def _u16(buffer: _Bytes, at: _Ints) -> _Ints:
    return _numbers(buffer, at, 2)


def _u32(buffer: _Bytes, at: _Ints) -> _Ints:
    return _numbers(buffer, at, 4)


def _numbers(buffer: _Bytes, at: _Ints, size: int) -> _Ints:
    """Numbers that begin at any bytes, taken from the buffer seen as overlapping pieces of their size."""
    pieces = np.ndarray((max(len(buffer) - size + 1, 0),), f"V{size}", buffer, 0, (1,))
    found: _Ints = pieces[at].view(f">u{size}").astype(np.int64)
    return found


def _joined(parts: list[_Ints]) -> _Ints:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
