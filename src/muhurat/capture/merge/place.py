"""Where the packets that only `b` received go among the records of `a`.

Places are *boundaries*: the number of packets of `a` that come before. A packet keeps its order within its stream, so
it belongs behind the record with the packet before it and ahead of the record with the packet after it; between these,
the time of reception decides. Only where both are in one record does the boundary lie within it, and cuts it in two.
"""

from __future__ import annotations

import numpy as np

from muhurat.capture.merge.align import Partners
from muhurat.capture.merge.table import Ints, Table


def boundaries(a: Table, b: Table, partner: Partners, order: Ints) -> tuple[Ints, Ints]:
    """The packets of `b` without partner in the order in which they come out, and the boundary of each.

    `order` is that of `b` by streams.
    """
    after, before = _bounds(a, b, partner, order)
    alone = partner[order] < 0
    packet, after, before = order[alone], after[alone], before[alone]
    record = b.record[packet]
    low = a.first[np.searchsorted(a.first, after, "left")]
    high = a.first[np.searchsorted(a.first, before, "right") - 1]
    wanted = boundary_at(a, np.maximum.accumulate(b.ts))[record] if b.records else np.empty(0, np.int64)
    boundary = np.where(low <= high, np.clip(wanted, low, np.maximum(low, high)), after)
    out = np.lexsort((packet, boundary))
    return packet[out], boundary[out]


def boundary_at(a: Table, ts: Ints) -> Ints:
    """The boundaries of records that instants fall on, an equal instant coming later."""
    found: Ints = a.first[np.searchsorted(np.maximum.accumulate(a.ts), ts, "right")]
    return found


def _bounds(a: Table, b: Table, partner: Partners, order: Ints) -> tuple[Ints, Ints]:
    """For each packet of `b`, in order of streams, the least and the greatest boundary that keep its stream's order."""
    if not len(order):
        return order, order
    stream, met = b.stream[order], partner[order]
    number = np.concatenate((np.zeros(1, np.int64), np.cumsum(stream[1:] != stream[:-1])))
    # Each stream gets a range of numbers of its own, so that one running maximum (minimum) serves them all.
    base = number * (a.packets + 2)
    after = np.maximum.accumulate(base + met + 1) - base
    following = np.where(met >= 0, met, a.packets)
    before = np.minimum.accumulate((base + following)[::-1])[::-1] - base
    return after, before
