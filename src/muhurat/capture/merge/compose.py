"""Write the settled part of a merge: the records of `a`, and between them what only `b` received."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from muhurat.capture.journal.format import AFTER_GAP, HEADER, connection_flags
from muhurat.capture.merge.output import Output
from muhurat.capture.merge.pending import Pending
from muhurat.capture.merge.table import Ints, Table
from muhurat.venues.base import PacketFormat

_SECOND_SIDE: Final = connection_flags(0x8000)
"""Marks the connections of `b`, whose numbers would else be taken for those of `a`."""
_FEW: Final = 8  # records that are quicker written one by one than by arrays
_WRITTEN_ANEW: Final = ("at", "ts_recv_ns")


@dataclass(frozen=True, slots=True)
class PlacedNote:
    """A control line with its boundary."""

    boundary: int
    ts_ns: int
    entry: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Insert:
    """Packets of one record of `b` that go to one boundary."""

    boundary: int
    packets: Ints


class Composer:
    """Puts what is settled into the output, in order."""

    def __init__(self, a: Pending, b: Pending, output: Output, packets_in: PacketFormat) -> None:
        self._a, self._b = a.table, b.table
        self._a_flags, self._b_flags = a.flags(b), b.flags(a) | _SECOND_SIDE
        self._output = output
        self._packets_in = packets_in
        self._first: list[int] = self._a.first.tolist()
        self._reached = 0

    def write(self, packet: Ints, boundary: Ints, notes: Sequence[PlacedNote], cut: int) -> None:
        """Write `a` up to the boundary `cut`, with packets of `b` and control lines at theirs."""
        latest = np.maximum.accumulate(self._b.ts)
        inserts = self._inserts(packet, boundary)
        items: list[tuple[int, int, PlacedNote | _Insert]] = [(each.boundary, each.ts_ns, each) for each in notes]
        items += ((each.boundary, int(latest[self._b.record[each.packets[0]]]), each) for each in inserts)
        for place, _, item in sorted(items, key=lambda entry: entry[:2]):
            self._up_to(place)
            if isinstance(item, PlacedNote):
                self._line(item)
            else:
                self._insert(item.packets)
        self._up_to(cut)
        self._output.flush()

    def _inserts(self, packet: Ints, boundary: Ints) -> list[_Insert]:
        new = np.flatnonzero((np.diff(boundary) != 0) | (np.diff(self._b.record[packet]) != 0)) + 1
        parts = np.split(packet, new) if len(packet) else []
        begins = np.concatenate((np.zeros(1, np.int64), new))
        return [_Insert(int(boundary[begin]), part) for begin, part in zip(begins.tolist(), parts, strict=False)]

    def _insert(self, packets: Ints) -> None:
        """Packets of one record of `b` that `a` lacks: that record itself when they are all of it."""
        b, record = self._b, int(self._b.record[packets[0]])
        if len(packets) == b.came_with[record]:
            begin = int(b.at[record]) + HEADER.size
            payload: bytes | memoryview = b.data.data[begin : begin + int(b.size[record])]
        else:
            payload = self._joined(b, packets)
        self._output.message(payload, int(b.ts[record]), int(self._b_flags[record]))

    def _up_to(self, boundary: int) -> None:
        """The records of `a` up to a boundary; one within a record cuts it in two."""
        if boundary <= self._reached:
            return
        begin = bisect_left(self._first, self._reached)
        if self._first[begin] != self._reached:
            self._part(begin - 1, self._reached, min(boundary, self._first[begin]))
        end = bisect_right(self._first, boundary) - 1
        if end > begin:
            self._whole(begin, end)
        if end >= begin and self._first[end] < boundary:
            self._part(end, self._first[end], boundary)
        self._reached = boundary

    def _whole(self, begin: int, end: int) -> None:
        a = self._a
        if end - begin < _FEW:
            for record in range(begin, end):
                at = int(a.at[record]) + HEADER.size
                payload = a.data.data[at : at + int(a.size[record])]
                self._output.message(payload, int(a.ts[record]), int(self._a_flags[record]))
            return
        data = a.data[int(a.at[begin]) : int(a.at[end - 1] + HEADER.size + a.size[end - 1])]
        self._output.whole(data, a.size[begin:end], a.ts[begin:end], self._a_flags[begin:end])

    def _part(self, record: int, begin: int, end: int) -> None:
        """Some of the packets of one record; only its first part comes after a gap."""
        flags = int(self._a_flags[record])
        if begin != self._first[record]:
            flags &= ~AFTER_GAP
        payload = self._joined(self._a, np.arange(begin, end))
        self._output.message(payload, int(self._a.ts[record]), flags)

    def _joined(self, side: Table, packets: Ints) -> bytes:
        starts, ends = side.start[packets], side.start[packets] + side.length[packets]
        view = side.data.data
        spans = zip(starts.tolist(), ends.tolist(), strict=True)
        return self._packets_in.join([bytes(view[begin:end]) for begin, end in spans])

    def _line(self, placed: PlacedNote) -> None:
        entry = {name: value for name, value in placed.entry.items() if name not in _WRITTEN_ANEW}
        if entry.get("event") != "closed":
            self._output.line(entry, placed.ts_ns)
