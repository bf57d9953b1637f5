"""Which instruments of which feed travel on which of a venue's connections: a plan, made without opening anything.

A venue limits the instruments of a connection and the connections of an account. A message is recorded as it came, so
that feeds never share a connection. The first feed gets what it needs before the others get anything; of the others
each gets one connection before any gets a second. What does not fit is left out and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Lines = Mapping[int, Sequence[int]]
"""Tokens by the number of the connection (a line) that carries them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a venue allows: instruments per connection, connections in all."""

    instruments: int
    connections: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What a feed wants to carry, the most important instruments first."""

    feed: str
    tokens: Sequence[int]


@dataclass(frozen=True, slots=True)
class Allocation:
    """By feed: its lines with their tokens, and the tokens for which there is no room."""

    lines: dict[str, dict[int, list[int]]] = field(default_factory=dict)
    left_out: dict[str, list[int]] = field(default_factory=dict)

    @property
    def connections(self) -> int:
        return sum(map(len, self.lines.values()))


def allocate(demands: Sequence[Demand], limits: Limits, current: Mapping[str, Lines] | None = None) -> Allocation:
    """Plan the connections; `demands` begin with the feed that gives way to none.

    What `current` has stays where it is as long as it is wanted and there is room: a line is ended only when another
    feed needs its connection more, and an instrument moves only from a line that ends. A feed keeps a line even while
    it wants nothing.
    """
    held = current or {}
    counts = _shares(demands, limits, held)
    plan = Allocation()
    for demand in demands:
        wanted = list(dict.fromkeys(demand.tokens))
        room = counts[demand.feed] * limits.instruments
        lines = _lines_to_keep(held.get(demand.feed, {}), counts[demand.feed], frozenset(wanted[:room]))
        _fill(lines, wanted[:room])
        plan.lines[demand.feed] = lines
        plan.left_out[demand.feed] = wanted[room:]
    return plan


def _shares(demands: Sequence[Demand], limits: Limits, held: Mapping[str, Lines]) -> dict[str, int]:
    """How many connections each feed gets."""
    needs = {each.feed: max(1, -(-len(set(each.tokens)) // limits.instruments)) for each in demands}
    lines = {feed: max(need, len(held.get(feed, {}))) for feed, need in needs.items()}
    shares = dict.fromkeys(needs, 0)
    first = dict(list(needs.items())[:1])
    for aims in (first, dict.fromkeys(needs, 1), needs, lines):
        for feed, aim in aims.items():
            free = limits.connections - sum(shares.values())
            shares[feed] += min(max(aim - shares[feed], 0), free)
    return shares


def _lines_to_keep(held: Lines, count: int, wanted: frozenset[int]) -> dict[int, list[int]]:
    """`count` lines: those that carry most of what is wanted, with that, and new ones."""
    useful = {number: [token for token in tokens if token in wanted] for number, tokens in held.items()}
    kept = sorted(useful, key=lambda number: (-len(useful[number]), number))[:count]
    unused = (number for number in range(len(held) + count) if number not in held)
    fresh = [next(unused) for _ in range(count - len(kept))]
    return {number: useful.get(number, []) for number in sorted((*kept, *fresh))}


def _fill(lines: dict[int, list[int]], wanted: Sequence[int]) -> None:
    """Put what no line carries yet on the one that carries least."""
    carried = {token for tokens in lines.values() for token in tokens}
    for token in wanted:
        if token not in carried:
            least = min(lines, key=lambda number: (len(lines[number]), number))
            lines[least].append(token)
