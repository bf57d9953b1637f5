"""The longest common part of two sequences in which what is equal must also be near in time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Sequence
from itertools import accumulate

Pair = tuple[int, int]
_Node = tuple[int, int, "_Node | None"]


def longest_common(
    a: Sequence[Hashable], a_ns: Sequence[int], b: Sequence[Hashable], b_ns: Sequence[int], window_ns: int
) -> list[Pair]:
    """The most pairs (place in `a`, place in `b`) of equal items at most `window_ns` apart, both places rising.

    Exact, by the method of Hunt and Szymanski: the work grows with the number of pairs that could be.
    """

    def same(i: int, j: int) -> bool:
        return a[i] == b[j] and abs(a_ns[i] - b_ns[j]) <= window_ns

    low, shorter = 0, min(len(a), len(b))
    while low < shorter and same(low, low):
        low += 1
    high = 0
    while high < shorter - low and same(len(a) - 1 - high, len(b) - 1 - high):
        high += 1
    head = [(place, place) for place in range(low)]
    tail = [(len(a) - back, len(b) - back) for back in range(high, 0, -1)]
    a_end, b_end = len(a) - high, len(b) - high
    middle = _middle(a[low:a_end], a_ns[low:a_end], b[low:b_end], b_ns[low:b_end], window_ns)
    return head + [(low + i, low + j) for i, j in middle] + tail


def _middle(
    a: Sequence[Hashable], a_ns: Sequence[int], b: Sequence[Hashable], b_ns: Sequence[int], window_ns: int
) -> list[Pair]:
    places: dict[Hashable, list[int]] = {}
    for j, item in enumerate(b):
        places.setdefault(item, []).append(j)
    # Times may go back; these two bound them by sequences that do not.
    latest = list(accumulate(b_ns, max))
    soonest = list(accumulate(reversed(b_ns), min))[::-1]
    ends: list[int] = []  # the smallest place in b at which a common part of this length can end
    nodes: list[_Node] = []
    for i, item in enumerate(a):
        if not (candidates := places.get(item)):
            continue
        early, late = a_ns[i] - window_ns, a_ns[i] + window_ns
        begin = bisect_left(candidates, bisect_left(latest, early))
        end = bisect_left(candidates, bisect_right(soonest, late))
        for j in reversed(candidates[begin:end]):
            if early <= b_ns[j] <= late:
                _extend(ends, nodes, i, j)
    return _backwards(nodes[-1] if nodes else None)


def _extend(ends: list[int], nodes: list[_Node], i: int, j: int) -> None:
    """Let the pair end the longest common part that it can follow."""
    length = bisect_left(ends, j)
    node = (i, j, nodes[length - 1] if length else None)
    if length == len(ends):
        ends.append(j)
        nodes.append(node)
    elif j < ends[length]:
        ends[length], nodes[length] = j, node


def _backwards(node: _Node | None) -> list[Pair]:
    pairs: list[Pair] = []
    while node is not None:
        i, j, node = node
        pairs.append((i, j))
    return pairs[::-1]
