"""Records and their packets as arrays, each packet with the instrument it is about and a fingerprint of its bytes.

Whether two packets are the same is asked of 128 bits of fingerprint, not of the bytes. A fingerprint is two sums of the
packet's 64-bit words, each word times an odd number of its own, modulo 2^64. Packets that differ in one word never
share one, since an odd factor can be undone. Where more words differ it takes chance, twice: a sum modulo 2^64 is blind
to much of the factors where words differ in their upper bits only, so every word is folded onto itself first
(`_stirred`), which leaves odds below 2^-58. A day compares some 10^9 pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b, shake_256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from muhurat.capture.journal.format import HEADER, NS_PER_MS, Record
from muhurat.venues.base import PacketFormat, Packets

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

HEARTBEATS: Final = 1 << 40
"""The stream of messages of less than two bytes."""
_WHOLE: Final = 1 << 43
STREAM_BITS: Final = 44

_AT_ONCE: Final = 8192
_FOLD: Final = np.uint64(29)


@dataclass(frozen=True, slots=True)
class Table:
    """Consecutive records of one side and the packets that are left of them.

    `data` holds the records as a `.bin` does. Per record: time, flags, where its header begins, length of its payload,
    its first packet (one more entry than records), and with how many packets it came. Per packet: its record, where its
    bytes lie, its stream, its fingerprint. The *stream* is what keeps its order: an instrument's token. A message that
    is no collection of packets stands as one packet whose stream is its own content.
    """

    data: NDArray[np.uint8]
    ts: Ints
    flags: Ints
    at: Ints
    size: Ints
    first: Ints
    came_with: Ints
    record: Ints
    start: Ints
    length: Ints
    stream: Words
    print1: Words
    print2: Words

    @property
    def records(self) -> int:
        return len(self.ts)

    @property
    def packets(self) -> int:
        return len(self.record)

    @property
    def packet_ts(self) -> Ints:
        """When each packet was received."""
        return self.ts[self.record]


def is_whole(stream: Words) -> NDArray[np.bool_]:
    """Which streams are those of messages that are no collection of packets, heartbeats not among them."""
    return stream >= np.uint64(_WHOLE)


def empty() -> Table:
    """A table of nothing."""
    none, words = np.zeros(0, np.int64), np.zeros(0, np.uint64)
    data = np.zeros(0, np.uint8)
    return Table(data, none, none, none, none, np.zeros(1, np.int64), none, none, none, none, words, words, words)


def extended(table: Table, records: Sequence[Record], packets_in: PacketFormat) -> Table:
    """A table with further records behind those it has."""
    parts: list[bytes | memoryview] = [table.data.data]
    for record in records:
        parts += (HEADER.pack(record.ts_recv_ns // NS_PER_MS, len(record.payload)), record.payload)
    data = np.frombuffer(b"".join(parts), np.uint8)
    size = np.array([len(record.payload) for record in records], np.int64)
    at = len(table.data) + np.cumsum(size + HEADER.size) - size - HEADER.size
    split = _with_whole_messages(packets_in.split(data, at + HEADER.size, size), at + HEADER.size, size)
    count = np.bincount(split.message, minlength=len(records))
    stream, print1, print2 = _identities(data, split)
    fresh = Table(
        data,
        np.array([record.ts_recv_ns for record in records], np.int64),
        np.array([record.flags for record in records], np.int64),
        at,
        size,
        _firsts(count),
        count,
        split.message,
        split.start,
        split.length,
        stream,
        print1,
        print2,
    )
    return _joined(table, fresh)


def _joined(before: Table, after: Table) -> Table:
    """Two tables over the same bytes, those of the second, as one."""
    if not before.records:
        return after
    return Table(
        after.data,
        np.concatenate((before.ts, after.ts)),
        np.concatenate((before.flags, after.flags)),
        np.concatenate((before.at, after.at)),
        np.concatenate((before.size, after.size)),
        np.concatenate((before.first[:-1], after.first + before.packets)),
        np.concatenate((before.came_with, after.came_with)),
        np.concatenate((before.record, after.record + before.records)),
        np.concatenate((before.start, after.start)),
        np.concatenate((before.length, after.length)),
        np.concatenate((before.stream, after.stream)),
        np.concatenate((before.print1, after.print1)),
        np.concatenate((before.print2, after.print2)),
    )


def rest(table: Table, left: NDArray[np.bool_]) -> Table:
    """What is not done yet: the packets that are `left`, and the records from the first of theirs on."""
    kept = np.flatnonzero(left)
    low = int(table.record[kept].min()) if len(kept) else table.records
    begin = int(table.at[low]) if low < table.records else len(table.data)
    record = table.record[kept] - low
    return Table(
        table.data[begin:].copy(),
        table.ts[low:],
        table.flags[low:],
        table.at[low:] - begin,
        table.size[low:],
        _firsts(np.bincount(record, minlength=table.records - low)),
        table.came_with[low:],
        record,
        table.start[kept] - begin,
        table.length[kept],
        table.stream[kept],
        table.print1[kept],
        table.print2[kept],
    )


def _firsts(counts: Ints) -> Ints:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))


def _with_whole_messages(split: Packets, starts: Ints, lengths: Ints) -> Packets:
    """A message without packets as one packet of no instrument (-1)."""
    without = np.flatnonzero(np.bincount(split.message, minlength=len(starts)) == 0)
    if not len(without):
        return split
    order = np.argsort(np.concatenate((split.message, without)), kind="stable")
    return Packets(
        np.concatenate((split.message, without))[order],
        np.concatenate((split.start, starts[without]))[order],
        np.concatenate((split.length, lengths[without]))[order],
        np.concatenate((split.instrument, np.full(len(without), -1)))[order],
    )


def _identities(data: NDArray[np.uint8], split: Packets) -> tuple[Words, Words, Words]:
    """Stream and fingerprint of every packet."""
    stream = split.instrument.astype(np.uint64)
    prints = np.empty((2, len(stream)), np.uint64)
    of_an_instrument = split.instrument >= 0
    for length in np.flatnonzero(np.bincount(split.length[of_an_instrument])).tolist():
        alike = np.flatnonzero(of_an_instrument & (split.length == length))
        for begin in range(0, len(alike), _AT_ONCE):
            some = alike[begin : begin + _AT_ONCE]
            prints[:, some] = _fingerprints(data, split.start[some], length)
    whole = np.flatnonzero(~of_an_instrument)
    for place, digest in zip(whole.tolist(), _digests(data, split, whole), strict=True):
        prints[:, place] = np.frombuffer(digest, np.uint64)
    stream[whole] = np.uint64(_WHOLE) | prints[0, whole] >> np.uint64(64 - STREAM_BITS + 2)
    stream[whole[split.length[whole] < 2]] = HEARTBEATS
    return stream, prints[0], prints[1]


def _fingerprints(data: NDArray[np.uint8], starts: Ints, length: int) -> Words:
    """Two rows of sums over packets of one length."""
    every = np.ndarray((len(data) - length + 1,), f"V{length}", data, 0, (1,))
    raw = every[starts].view(np.uint8).reshape(len(starts), length)
    if length % 8:
        raw = np.concatenate((raw, np.zeros((len(starts), -length % 8), np.uint8)), axis=1)
    factors = _factors(raw.shape[1] // 8 + 1)
    sums: Words = _stirred(raw.view(np.uint64)) @ factors[1:] + factors[0] * np.uint64(length)
    return sums.T


def _stirred(words: Words) -> Words:
    """A word folded onto itself, which can be undone: nothing that differs becomes equal."""
    return words ^ words >> _FOLD


@lru_cache(maxsize=64)
def _factors(rows: int) -> Words:
    """Two odd factors a row, ever the same."""
    made = np.frombuffer(shake_256(b"the same packet, seen by two").digest(16 * rows), np.uint64)
    return made.reshape(rows, 2) | np.uint64(1)


def _digests(data: NDArray[np.uint8], split: Packets, places: Ints) -> Iterable[bytes]:
    view = data.data
    for start, length in zip(split.start[places].tolist(), split.length[places].tolist(), strict=True):
        yield blake2b(view[start : start + length], digest_size=16).digest()
