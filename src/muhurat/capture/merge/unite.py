"""Unite two recordings of one feed packet by packet.

Both sides are read in parts of some megabytes. Of what is at hand, everything received more than the window before the
end of the shorter part is settled: whatever it could be the same as has been read. The remainder waits for the next
parts, so packets meet across parts and hours alike, and memory stays the same however long the recordings are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from muhurat.capture.journal.files import Files
from muhurat.capture.journal.format import HourPaths
from muhurat.capture.merge.align import Partners, partners_of, sorted_by
from muhurat.capture.merge.compose import Composer, PlacedNote
from muhurat.capture.merge.output import Output, Target
from muhurat.capture.merge.pending import Pending
from muhurat.capture.merge.place import boundaries, boundary_at
from muhurat.capture.merge.report import Report
from muhurat.capture.merge.source import Note, Source, gap_span
from muhurat.capture.merge.table import Ints, rest
from muhurat.clock import NS_PER_S
from muhurat.venues.base import PacketFormat

WINDOW_S: Final = 5.0
"""Equal packets received farther apart than this are two packets."""

PART_BYTES: Final = 8 * 1024 * 1024
_NEVER: Final = 1 << 62


def merge(
    a: Sequence[HourPaths],
    b: Sequence[HourPaths],
    target: Target,
    packets_in: PacketFormat,
    *,
    window_s: float = WINDOW_S,
    part_bytes: int = PART_BYTES,
    advance: Callable[[int], None] | None = None,
    files: Files | None = None,
) -> Report:
    """Write the union of two recordings; `advance` is told how many more bytes of input have been read.

    Records of `a` come out as they are and in their order. What only `b` has is put between them: `b`'s own records
    where `a` has nothing of them, else records of what `a` lacks. Raises `JournalError`, leaving nothing half written.
    """
    window_ns = round(window_s * NS_PER_S)
    report = Report(Source(a, "a"), Source(b, "b"), window_ns)
    origin = {"a": [str(paths.bin) for paths in a], "b": [str(paths.bin) for paths in b], "window_s": window_s}
    output = Output(target, origin, files or Files())
    try:
        with ThreadPoolExecutor(2) as helpers:
            work = _Merge(report, output, packets_in, helpers)
            while work.goes_on(part_bytes, advance):
                pass
            work.finish()
        output.close()
    finally:
        output.abandon()
    report.records, report.bytes, report.out = output.records, output.bytes, output.written
    return report


class _Merge:
    """The work, a part at a time. While one part is written the next ones of both sides are read, each by a thread."""

    def __init__(self, report: Report, output: Output, packets_in: PacketFormat, helpers: Executor) -> None:
        self._report = report
        self._output = output
        self._packets_in = packets_in
        self._a, self._b = Pending(report.a, packets_in), Pending(report.b, packets_in)
        self._helpers = helpers
        self._writing: Future[None] | None = None
        self._more = 1

    def goes_on(self, part_bytes: int, advance: Callable[[int], None] | None) -> bool:
        """Read a part of each side and settle what can be; tells whether there is more to do."""
        beside = self._helpers.submit(self._b.fill, part_bytes * self._more)
        for read in (self._a.fill(part_bytes * self._more), beside.result()):
            if advance:
                advance(read)
        settled = self._settle(self._limit())
        self._more = 1 if settled else self._more * 2
        return not (self._a.source.ended and self._b.source.ended)

    def finish(self) -> None:
        """Wait until what is settled is written; raises what went wrong there."""
        if self._writing:
            self._writing.result()

    def _limit(self) -> int:
        """Up to when everything is settled: no packet still to be read can be the same as one received before."""
        ends = [side.latest_ns for side in (self._a, self._b) if not side.source.ended]
        return min(ends) - self._report.window_ns if ends else _NEVER

    def _settle(self, limit_ns: int) -> bool:
        """Write what is settled; tells whether anything was."""
        a, b = self._a.table, self._b.table
        order = sorted_by(b.stream)
        partner = partners_of(a, b, self._report.window_ns, order)
        packet, boundary = boundaries(a, b, partner, order)
        late = np.flatnonzero(a.ts > limit_ns)
        record = int(late[0]) if len(late) else a.records
        cut = int(a.first[record])
        waiting = np.flatnonzero((boundary > cut) | ((boundary == cut) & (b.packet_ts[packet] > limit_ns)))
        count = int(waiting[0]) if len(waiting) else len(packet)
        packet, boundary = packet[:count], boundary[:count]
        notes = [*self._notes(self._a, self._b, cut, limit_ns), *self._notes(self._b, self._a, cut, limit_ns)]
        composer = Composer(self._a, self._b, self._output, self._packets_in)
        self.finish()
        self._writing = self._helpers.submit(composer.write, packet, boundary, notes, cut)
        left = self._account(partner, packet, cut)
        self._a.notes = [Note(note.before - record, note.ts_ns, note.entry) for note in self._a.notes]
        self._a.table = rest(a, np.arange(a.packets) >= cut)
        self._b.table = rest(b, left)
        return bool(cut or count)

    def _notes(self, side: Pending, other: Pending, cut: int, limit_ns: int) -> list[PlacedNote]:
        """Take out the control lines of the settled part, with their boundaries."""
        places = self._places(side)
        waiting = (
            place > cut or (place == cut and note.ts_ns > limit_ns)
            for place, note in zip(places, side.notes, strict=True)
        )
        count = next((number for number, waits in enumerate(waiting) if waits), len(places))
        chosen, side.notes = side.notes[:count], side.notes[count:]
        return [
            PlacedNote(place, note.ts_ns, _told(note.entry, side, other))
            for place, note in zip(places[:count], chosen, strict=True)
        ]

    def _places(self, side: Pending) -> list[int]:
        """The boundaries of control lines: `a`'s keep their place among its records, `b`'s go by their time."""
        a = self._a.table
        if side is self._a:
            return [int(a.first[note.before]) for note in side.notes]
        return [int(place) for place in boundary_at(a, np.array([note.ts_ns for note in side.notes], np.int64))]

    def _account(self, partner: Partners, packet: Ints, cut: int) -> NDArray[np.bool_]:
        """Count what was settled; returns which packets of `b` were not."""
        a, b = self._a.table, self._b.table
        theirs = np.flatnonzero((partner >= 0) & (partner < cut))
        mine = partner[theirs]
        alone = np.ones(cut, np.bool_)
        alone[mine] = False
        self._report.add(a, b, (mine, theirs), (np.flatnonzero(alone), packet))
        left = np.ones(b.packets, np.bool_)
        left[packet] = False
        left[theirs] = False
        return left


def _told(entry: dict[str, Any], side: Pending, other: Pending) -> dict[str, Any]:
    """A control line, marked with its side; a gap through which the other side recorded is none any more."""
    span = gap_span(entry)
    filled = {"event": "gap_filled"} if span and other.recorded(*span) else {}
    return {**entry, **filled, "side": side.source.side}
