"""Decoded market data: columns of one message, by table.

A venue's decoder turns one message into a `TickBatch`. Packets of one layout form a `TickGroup`, whose columns carry
the names of the tick tables; a column that a layout does not have is absent. Inside a column, "the venue sent none" is
NaN for prices and 0 for the times named in `TIMES_S`; stores write both as null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

TIMES_S: Final = frozenset({"last_trade_time", "exchange_timestamp"})
"""Columns in whole seconds since 1970 (UTC), in which 0 means that there is none."""


class TickGroup(msgspec.Struct, frozen=True, eq=False):
    """Packets of one layout in one message: `columns[name][i]` belongs to packet `packet_index[i]` of the message."""

    table: str
    packet_index: NDArray[np.uint32]
    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.packet_index)


class TickBatch(msgspec.Struct, frozen=True, eq=False):
    """All packets of one message.

    `packets` counts the complete ones, of known and of unknown layout; `unknown` counts the latter by their length;
    `truncated` says that the message announced more than it held, `excess_bytes` that it held more than it announced.
    `names` are the columns of every row, in order; empty means each layout's own.
    """

    packets: int
    groups: tuple[TickGroup, ...]
    unknown: Mapping[int, int] = msgspec.field(default_factory=dict)
    truncated: bool = False
    excess_bytes: int = 0
    names: tuple[str, ...] = ()

    def rows(self) -> Iterator[dict[str, Any]]:
        """One dict of plain Python values per known packet, in the order of the message; None is "no such value"."""
        found = [(int(packet), row) for group in self.groups for packet, row in self._group_rows(group)]
        yield from (row for _, row in sorted(found, key=lambda entry: entry[0]))

    def _group_rows(self, group: TickGroup) -> Iterator[tuple[Any, dict[str, Any]]]:
        names = self.names or tuple(group.columns)
        absent = [None] * len(group)
        columns = [_plain(name, group.columns[name]) if name in group.columns else absent for name in names]
        for packet, *values in zip(group.packet_index, *columns, strict=True):
            yield packet, dict(zip(names, values, strict=True))


class MessageDecoder(Protocol):
    """A pure function from one recorded message to its ticks; heartbeats and empty messages give no packets."""

    def __call__(self, payload: bytes) -> TickBatch: ...


def _plain(name: str, column: NDArray[Any]) -> list[Any]:
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f":
        return [None if value != value else value for value in values]
    return [value or None for value in values] if name in TIMES_S else values
