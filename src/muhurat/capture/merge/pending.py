"""What one side of a merge has at hand and has not settled yet."""

from __future__ import annotations

from typing import Final

import numpy as np

from muhurat.capture.journal.format import AFTER_GAP
from muhurat.capture.merge.source import Note, Source
from muhurat.capture.merge.table import Ints, Table, empty, extended
from muhurat.venues.base import PacketFormat

_NEVER: Final = 1 << 62


class Pending:
    """A source's records as a table, its control lines beside them; `latest_ns` is when the last was received."""

    def __init__(self, source: Source, packets_in: PacketFormat) -> None:
        self.source = source
        self.table: Table = empty()
        self.notes: list[Note] = []
        self.first_ns = _NEVER
        self.latest_ns = -_NEVER
        self._packets_in = packets_in
        self._gaps = source.gaps()

    def fill(self, wanted_bytes: int) -> int:
        """Read until so much is at hand or nothing is left; returns the bytes read."""
        before = self.source.bytes
        while len(self.table.data) < wanted_bytes and not self.source.ended:
            part = self.source.read(wanted_bytes - len(self.table.data))
            self.notes += [Note(self.table.records + note.before, note.ts_ns, note.entry) for note in part.notes]
            if part.records:
                self.first_ns = min(self.first_ns, part.records[0].ts_recv_ns)
                self.latest_ns = part.records[-1].ts_recv_ns
                self.table = extended(self.table, part.records, self._packets_in)
        return self.source.bytes - before

    def recorded(self, begin_ns: int, end_ns: int) -> bool:
        """Whether this side was there all through a span."""
        if any(begin < end_ns and begin_ns < end for begin, end in self._gaps):
            return False
        return self.first_ns <= begin_ns and end_ns <= self.latest_ns

    def flags(self, other: Pending) -> Ints:
        """The records' flags, without after-gap where the other side was there all through the gap."""
        flags = self.table.flags.copy()
        for record in np.flatnonzero(flags & AFTER_GAP).tolist():
            ts_ns = int(self.table.ts[record])
            gap = max((span for span in self._gaps if span[0] <= ts_ns), default=None)
            if gap and other.recorded(*gap):
                flags[record] &= ~AFTER_GAP
        return flags
