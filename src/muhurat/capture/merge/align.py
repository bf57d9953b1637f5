"""Find which packets of two sides are one packet that both received.

Nearly all of it is sorting: a packet whose bytes occur once on either side, near in time, is the same packet. Bytes
that occur more often (`ltp` packets repeat every few seconds) are paired in order where both sides have as many of them
within reach; an instrument for which that does not settle everything, or whose pairs would cross, is compared in full
(`common`). The result is the same as if every instrument had been: as many pairs as there can be.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from muhurat.capture.merge.common import longest_common
from muhurat.capture.merge.table import STREAM_BITS, Ints, Table, Words

Partners = Ints
_SPARE: Final = np.uint64(64 - STREAM_BITS)


def partners_of(a: Table, b: Table, window_ns: int, order: Ints) -> Partners:
    """For every packet of `b` the packet of `a` that is the same one, or -1. In a stream both follow one order.

    `order` is that of `b` by streams.
    """
    partner = np.full(b.packets, -1, np.int64)
    if not (a.packets and b.packets):
        return partner
    doubtful = _pair_alike(a, b, window_ns, partner)
    streams = np.union1d(doubtful, _crossing(b, partner, order))
    if len(streams):
        _compare_in_full(a, b, window_ns, streams, partner)
    return partner


def sorted_by(keys: Words) -> Ints:
    """The order that sorts keys of at most 44 bits, equal ones as they stand."""
    if len(keys) >= 1 << int(_SPARE):
        return np.argsort(keys, kind="stable")
    # Sorting numbers is twice as fast as sorting places by them, so the place rides along in the low bits.
    both = np.sort(keys << _SPARE | np.arange(len(keys), dtype=np.uint64))
    order: Ints = (both & np.uint64((1 << int(_SPARE)) - 1)).astype(np.int64)
    return order


def _pair_alike(a: Table, b: Table, window_ns: int, partner: Partners) -> Words:
    """Fill in the pairs that are beyond doubt; returns the streams in which doubt is left."""
    print1 = np.concatenate((a.print1, b.print1))
    order = sorted_by(print1 >> _SPARE)
    key = print1[order] >> _SPARE
    begins = np.flatnonzero(np.concatenate((np.ones(1, np.bool_), key[1:] != key[:-1])))
    sizes = np.diff(np.append(begins, len(order)))
    twos = begins[sizes == 2]
    ia, ib = order[twos], order[twos + 1] - a.packets
    mixed = (ia < a.packets) & (ib >= 0)
    ia, ib = ia[mixed], ib[mixed]
    alike = (a.print1[ia] == b.print1[ib]) & (a.print2[ia] == b.print2[ib])
    near = np.abs(a.packet_ts[ia] - b.packet_ts[ib]) <= window_ns
    partner[ib[alike & near]] = ia[alike & near]
    members = order[np.repeat(sizes > 2, sizes)]
    return _pair_repeated(a, b, window_ns, members, partner)


def _pair_repeated(a: Table, b: Table, window_ns: int, members: Ints, partner: Partners) -> Words:
    """The same for bytes that occur more than twice, bunch by bunch: within one, neighbours are near in time."""
    if not len(members):
        return np.empty(0, np.uint64)
    of_a = members < a.packets
    mine, theirs = members[of_a], members[~of_a] - a.packets
    ts = np.concatenate((a.packet_ts[mine], b.packet_ts[theirs]))
    print1 = np.concatenate((a.print1[mine], b.print1[theirs]))
    print2 = np.concatenate((a.print2[mine], b.print2[theirs]))
    stream = np.concatenate((a.stream[mine], b.stream[theirs]))
    place = np.concatenate((mine, theirs + a.packets))
    order = np.lexsort((place, ts, print2, print1))
    place, ts, stream = place[order], ts[order], stream[order]
    new = (np.diff(print1[order]) != 0) | (np.diff(print2[order]) != 0) | (np.diff(ts) > window_ns)
    bunch = np.concatenate((np.zeros(1, np.int64), np.cumsum(new)))
    of_a = place < a.packets
    here = np.bincount(bunch, of_a).astype(np.int64)
    there = np.bincount(bunch).astype(np.int64) - here
    paired = (here == there)[bunch]
    ia, ib = place[paired & of_a], place[paired & ~of_a] - a.packets
    near = np.abs(a.packet_ts[ia] - b.packet_ts[ib]) <= window_ns
    partner[ib[near]] = ia[near]
    unsettled = stream[((here != there) & (here > 0) & (there > 0))[bunch]]
    return np.union1d(unsettled, b.stream[ib[~near]])


def _crossing(b: Table, partner: Partners, order: Ints) -> Words:
    """The streams in which the order of the pairs is not the same on both sides."""
    order = order[partner[order] >= 0]
    stream, met = b.stream[order], partner[order]
    back = (stream[1:] == stream[:-1]) & (met[1:] <= met[:-1])
    return np.unique(stream[1:][back])


def _compare_in_full(a: Table, b: Table, window_ns: int, streams: Words, partner: Partners) -> None:
    a_groups, b_groups = (_by_stream(side, streams) for side in (a, b))
    for mine, theirs in zip(a_groups, b_groups, strict=True):
        pairs = longest_common(*_items(a, mine), *_items(b, theirs), window_ns)
        partner[theirs] = -1
        found = np.array(pairs, np.int64).reshape(-1, 2)
        partner[theirs[found[:, 1]]] = mine[found[:, 0]]


def _by_stream(side: Table, streams: Words) -> list[Ints]:
    """The packets of each of these streams, in order."""
    chosen = np.flatnonzero(np.isin(side.stream, streams))
    order = chosen[sorted_by(side.stream[chosen])]
    edges = np.searchsorted(side.stream[order], streams, "left")
    return np.split(order, edges[1:])


def _items(side: Table, packets: Ints) -> tuple[list[tuple[int, int]], list[int]]:
    prints = list(zip(side.print1[packets].tolist(), side.print2[packets].tolist(), strict=True))
    return prints, side.packet_ts[packets].tolist()
