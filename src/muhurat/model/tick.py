"""Decoded market data: columns of one message, by table.

A venue's decoder turns one message into a `TickBatch`. Packets of one layout form a `TickGroup`, whose columns carry the
names of the tick tables; a column that a layout does not have is absent. Inside a column, "the venue sent none" is NaN
for prices and 0 for times in seconds; stores write both as null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TickGroup:
    """Packets of one layout in one message: `columns[name][i]` belongs to packet `packet_index[i]` of the message."""

    table: str
    packet_index: NDArray[np.uint32]
    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.packet_index)


@dataclass(frozen=True, slots=True)
class TickBatch:
    """All packets of one message; `unknown` counts packets by a length nobody documented."""

    packets: int
    groups: tuple[TickGroup, ...]
    unknown: Mapping[int, int] = field(default_factory=dict)
    truncated: bool = False

    def rows(self) -> Iterator[dict[str, Any]]:
        """One dict per packet, in the order of the message, with the tick tables' column names."""
        found: list[tuple[int, TickGroup, int]] = [
            (int(packet), group, row) for group in self.groups for row, packet in enumerate(group.packet_index)
        ]
        for _, group, row in sorted(found, key=lambda entry: entry[0]):
            yield {name: _plain(column[row]) for name, column in group.columns.items()}


class MessageDecoder(Protocol):
    """A pure function from one recorded message to its ticks; heartbeats and empty messages give no packets."""

    def __call__(self, payload: bytes) -> TickBatch: ...


def _plain(value: Any) -> Any:
    plain = value.item()
    return None if isinstance(plain, float) and plain != plain else plain
