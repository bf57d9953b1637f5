"""One feed on its way from the socket to the journal: bytes are kept, gaps are noticed, nothing is understood.

All frames of one turn of the event loop are written by one system call at its end, a burst in pieces of half a
megabyte; each has the instant at which it was read. When the disk refuses, frames wait in memory, bounded, and are
written when it has recovered; connection and reception never wait for the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from muhurat.capture.alarms import Alarms
from muhurat.capture.backlog import Backlog, Item, Note, gap_entry
from muhurat.capture.disk_alarms import DiskAlarms
from muhurat.capture.journal.format import AFTER_GAP, connection_flags, hour_name
from muhurat.capture.journal.hour import AppendFailed
from muhurat.capture.journal.repaired import Recovery
from muhurat.capture.journal.writer import JournalWriter, Message
from muhurat.capture.line import ATTEMPTS, LOST, SETTLED, Line, worst
from muhurat.capture.recorded_today import RecordedToday, recorded_on
from muhurat.clock import NS_PER_S, Clock
from muhurat.errors import MuhuratError
from muhurat.log import get_logger
from muhurat.venues.base import ConnectionEvent, ConnectionKind, StreamMode

_DAY: Final = slice(0, 8)
_SLICE_BYTES: Final = 4 * 1024 * 1024
_AT_ONCE_BYTES: Final = 512 * 1024
"""More than this is written before the turn's end, while it is still in the processor's cache."""

_RETRY_S: Final = 0.25
_LAST_TRIES: Final = 5
_LATE_NS: Final = 60 * NS_PER_S
_STATES: Final = {ConnectionKind.SUBSCRIBED: "connected", ConnectionKind.RESUMED: "connected"}


def packets_by_header(payload: bytes) -> int:
    """Packets of a message that begins with their number as u16; a shorter one is a heartbeat and has none."""
    return payload[0] << 8 | payload[1] if len(payload) >= 2 else 0


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """What to record where. `journal` is the feed's own folder, `universe` the folder of universe files.

    `opens_ns` and `closes_ns` bound the desk instants between which silence is a gap. `count_packets` gets the first
    two bytes of a message at least. `buffer_bytes` wait in memory at most while the disk refuses. `title` is what the
    feed's log calls its recorder.
    """

    name: str
    journal: Path
    universe: Path
    mode: StreamMode = "full"
    opens_ns: int | None = None
    closes_ns: int | None = None
    count_packets: Callable[[bytes], int] = packets_by_header
    buffer_bytes: int = 32 * 1024 * 1024
    title: str = "Recorder"


class FeedRecorder:
    """A `connections.FeedListener` that writes what it hears. Belongs to one event loop.

    Each line has gaps of its own, and a gap of one line is a gap of the feed. Heard without lines, it is the first.
    """

    def __init__(
        self, plan: FeedPlan, clock: Clock, failed: Callable[[MuhuratError], None], alarms: Alarms | None = None
    ) -> None:
        """`failed` is told of what no retry can mend, `alarms` of what a person should know."""
        self.plan = plan
        self.settled = asyncio.Event()
        self.state, self.why = "connecting", ""
        self.login_needed = False
        self.messages = self.packets = self.bytes = self.connections = 0
        self.last_frame_ns = self.last_data_ns = 0
        self.gaps: list[dict[str, Any]] = []
        self.trouble = ""
        self.repaired: dict[str, Any] | None = None
        self.backlog = Backlog(plan.buffer_bytes)
        self.writer: JournalWriter | None = None
        self._clock = clock
        self._now_ns, self._count_packets = clock.now_ns, plan.count_packets
        self._failed = failed
        self._alarms = DiskAlarms(plan.name, alarms or Alarms())
        self._pending: list[Item] = []
        self._due = False
        self._full_at = _AT_ONCE_BYTES
        self._retry: asyncio.TimerHandle | None = None
        self._first = Line(self, 0)
        self._lines = {0: self._first}
        self._numbers = 0
        self._heard = False
        self._file: Path | None = None
        self._stopping = False
        self._log = get_logger(__name__).bind(feed=plan.name)

    @property
    def gap_since_ns(self) -> int | None:
        """Since when something should have come that has not; None while all is well."""
        return min((line.gap[0] for line in self._lines.values() if line.gap), default=None)

    def open(self) -> None:
        """Take over the journal; a disk that refuses is tried again, a feed that another process writes raises."""
        now_ns = self._clock.now_ns()
        self._open_writer()
        past = recorded_on(hour_name(now_ns)[_DAY], self.plan.journal, self.plan.name, self.plan.count_packets)
        self._go_on_from(past, now_ns)

    def line(self, number: int) -> Line:
        """Who hears a line. One that is there before anything has come has missed what the feed has missed."""
        if number not in self._lines:
            self._lines[number] = line = Line(self, number)
            line.gap = None if self._heard else self._first.gap
            self._judge()
        return self._lines[number]

    def end_line(self, number: int) -> None:
        """A line's end is no gap; a gap it has ends here, for other lines carry what it carried."""
        line = self._lines.pop(number)
        self._end_gap(line, self._clock.now_ns())
        self._judge()

    def on_binary(self, payload: bytes) -> None:
        """Keep a message of the first line."""
        self.received(self._first, payload)

    def on_text(self, text: str) -> None:
        """Keep a text message beside the data."""
        self.told(self._first, text)

    def on_event(self, event: ConnectionEvent) -> None:
        """Keep what happened to the first line's connection; a lost one begins a gap."""
        self.happened(self._first, event)

    def received(self, line: Line, payload: bytes) -> None:
        """Keep a message of a line; it is written at the end of this turn of the loop at the latest."""
        self._heard = True
        now_ns = self._now_ns()
        packets = self._count_packets(payload)
        flags = line.flags
        if packets:
            line.last_data_ns = self.last_data_ns = now_ns
            if line.gap and self._end_gap(line, now_ns):
                flags |= AFTER_GAP
        line.last_frame_ns = self.last_frame_ns = now_ns
        self.messages += 1
        self.packets += packets
        self.bytes += len(payload)
        self._pending.append((payload, now_ns, flags))
        if self.bytes > self._full_at:
            self.flush()
        elif not self._due:
            self._wake()

    def told(self, line: Line, text: str) -> None:
        """Keep a text message of a line."""
        self._note({"event": "text", "text": text})

    def happened(self, line: Line, event: ConnectionEvent) -> None:
        """Keep what happened to a line's connection. An attempt has the number that its connection would have had."""
        if event.kind is ConnectionKind.CONNECTED:
            self._numbers += 1
            line.connection, line.flags = self._numbers, connection_flags(self._numbers)
        number = self._numbers + 1 if event.kind in ATTEMPTS else line.connection
        told = {"reason": event.reason, "status": event.status, "retry_in_s": event.retry_in_s}
        more = {name: value for name, value in told.items() if value not in ("", None)}
        if event.instruments:
            more["instruments"] = event.instruments
        self._note({"event": event.kind.value, "connection": number, **more})
        self._follow(line, event)
        self._log.info(_wording(event), connection=number, **more)

    def flush(self) -> None:
        """Write what is pending now, or queue it behind what the disk refused before."""
        self._due = False
        batch, self._pending = self._pending, []
        self._full_at = self.bytes + _AT_ONCE_BYTES
        left = batch if self.backlog or self.writer is None else self._write(batch)
        if left:
            self.backlog.add(left)
            self._alarms.dropped(self.backlog.dropped_records)

    def expect_end(self) -> None:
        """The connection is about to be closed on purpose: its end is no gap."""
        self._stopping = True

    def finish(self) -> None:
        """Write everything that can be written, close the journal. A gap that is open ends with the recording."""
        for line in self._lines.values():
            self._end_gap(line, self._clock.now_ns())
        self.flush()
        self._write_the_last()
        self.state, self.login_needed = "closed", False
        if self._retry:
            self._retry.cancel()
        if self.writer:
            self.writer.close()

    def look_at_disk(self) -> None:
        """Notice bytes that are in the file but do not come to the disk itself."""
        self._alarms.unsynchronised(str(self.writer.sync_error or "") if self.writer else "")

    def _open_writer(self) -> None:
        try:
            self.writer = JournalWriter(self.plan.journal, self.plan.name, self._clock)
        except AppendFailed as error:
            self._in_trouble(error)
            return
        self._tell_repairs(self.writer.repairs)

    def _tell_repairs(self, repairs: list[Recovery]) -> None:
        """What had to be repaired in hours that were opened; what did not come back reaches a person."""
        while repairs:
            repair = repairs.pop(0)
            self.repaired = repair.report()
            self._log.warning("the journal was repaired", repair=self.repaired)
            self._alarms.repaired(repair)

    def _go_on_from(self, past: RecordedToday, now_ns: int) -> None:
        self.messages, self.packets, self.bytes = past.messages, past.packets, past.bytes
        self.connections, self.gaps = past.connections, list(past.gaps)
        self.last_frame_ns = self.last_data_ns = past.last_ts_ns
        self._first.last_frame_ns = self._first.last_data_ns = past.last_ts_ns
        since_ns = past.heard_until_ns if past.last_ts_ns else self._missed_since(now_ns)
        self._begin_gap(self._first, since_ns, "the recorder was down")

    def _follow(self, line: Line, event: ConnectionEvent) -> None:
        line.state, line.why = _STATES.get(event.kind, event.kind.value), event.reason
        self.connections += event.kind is ConnectionKind.CONNECTED
        line.login_needed = event.kind is ConnectionKind.REFUSED and event.permanent
        line.settled = line.settled or event.kind in SETTLED
        if event.kind in LOST and line in self._lines.values():
            since_ns = line.last_data_ns if event.kind is ConnectionKind.STALE else line.last_frame_ns
            self._begin_gap(line, since_ns or self._missed_since(event.at_ns), f"{event.kind.value} {event.reason}")
        self._judge()

    def _judge(self) -> None:
        """The feed is as well as the worst of its lines."""
        lines = list(self._lines.values())
        self.state, self.why = worst(lines) if lines else ("left out", "the venue's connections are all in use")
        self.login_needed = any(line.login_needed for line in lines)
        if all(line.settled for line in lines):
            self.settled.set()

    def _missed_since(self, now_ns: int) -> int:
        """Since when records should have come on a day that has none yet; 0 while it is early."""
        opens_ns = self.plan.opens_ns
        return opens_ns if opens_ns is not None and now_ns > opens_ns + _LATE_NS else 0

    def _begin_gap(self, line: Line, since_ns: int, reason: str) -> None:
        """Since then records of a line may be missing; after the feed's hours none are."""
        after_hours = self.plan.closes_ns is not None and self._clock.now_ns() >= self.plan.closes_ns
        if line.gap is None and since_ns and not self._stopping and not after_hours:
            line.gap = (since_ns, reason.rstrip(), line.connection)
            if len(self._lines) > 1:  # the others' records would hide it from a recorder that comes after a crash
                self._note({"event": "gap_begins", "from_ns": since_ns, "connection": line.connection})

    def _end_gap(self, line: Line, now_ns: int) -> bool:
        """Data flow again, or the recording ends; tells whether there was a gap within the feed's hours."""
        if line.gap is None:
            return False
        (from_ns, reason, connection), line.gap = line.gap, None
        to_ns = now_ns if self.plan.closes_ns is None else min(now_ns, self.plan.closes_ns)
        if to_ns <= from_ns:
            return False
        entry = gap_entry(from_ns, to_ns, reason, **({"connection": connection} if connection else {}))
        self.gaps.append(entry)
        self._note(entry)
        self._log.warning("gap", **{key: entry[key] for key in ("from", "to", "seconds", "reason")})
        return True

    def _note(self, entry: dict[str, Any]) -> None:
        self._pending.append(Note(entry, self._now_ns()))
        if not self._due:
            self._wake()

    def _wake(self) -> None:
        self._due = True
        asyncio.get_running_loop().call_soon(self.flush)

    def _write(self, items: list[Item]) -> list[Item]:
        """Write items in order; returns those that the disk refused."""
        writer = self.writer
        done = 0
        try:
            while writer and done < len(items):
                item = items[done]
                if isinstance(item, Note):
                    writer.control(item.entry, item.ts_recv_ns)
                    done += 1
                else:
                    run = _messages_from(items, done)
                    writer.append(run)
                    done += len(run)
        except AppendFailed as error:
            self._in_trouble(error)
            return items[done + error.accepted :]
        except MuhuratError as error:
            self._failed(error)
            return []
        self._note_new_file()
        return []

    def _note_new_file(self) -> None:
        path = self.writer.path if self.writer else None
        if path != self._file:
            if self.writer:
                self._tell_repairs(self.writer.repairs)
            self._file = path
            self._log.info(f"Opened new binary file: {path}")

    def _in_trouble(self, error: AppendFailed) -> None:
        if not self.trouble:
            self._log.error("the disk refuses; records wait in memory", error=str(error), hint=error.hint)
            self._alarms.refused(error)
        self._tell_repairs(error.repairs)
        self.trouble = f"{error} ({error.hint})"
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(_RETRY_S, self._try_again)

    def _try_again(self) -> None:
        """After a pause, write what waits, a part in each turn so that reception goes on meanwhile."""
        self._retry = None
        if self.writer is None:
            self._reopen()
        if self.writer is None:
            return  # and comes back, or has failed for good
        if self.backlog and not self._drain():
            return
        if self.backlog:
            self._retry = asyncio.get_running_loop().call_later(0, self._try_again)
            return
        self._out_of_trouble()

    def _out_of_trouble(self) -> None:
        self.trouble = ""
        self._log.info("the disk has recovered", dropped_records=self.backlog.dropped_records)
        self._alarms.recovered(self.backlog.dropped_records)

    def _write_the_last(self) -> None:
        """What waits gets a few more chances: a disk that failed for a moment costs nothing."""
        for _ in range(_LAST_TRIES):
            if self.writer is None:
                self._reopen()
            while self.writer and self.backlog and self._drain():
                pass
            if self.writer and not self.backlog:
                break
        if self.backlog:
            self._log.error("records lost with the end of the process", records=self.backlog.records)
            self._alarms.left(self.backlog.records)
        elif self.trouble:
            self._out_of_trouble()

    def _reopen(self) -> None:
        try:
            self._open_writer()
        except MuhuratError as error:
            self._failed(error)

    def _drain(self) -> bool:
        """Write the oldest part of what waits; tells whether the disk took it."""
        part = self.backlog.first(_SLICE_BYTES)
        left = self._write(part)
        self.backlog.done(len(part) - len(left))
        return not left


def _messages_from(items: list[Item], start: int) -> list[Message]:
    """The messages in a row from `start` on."""
    rest = items[start:] if start else items
    kinds = list(map(type, rest))
    return cast("list[Message]", rest[: kinds.index(Note)] if Note in kinds else rest)


def _wording(event: ConnectionEvent) -> str:
    """The log lines that the desk knows from its old crawler, and plain words for the rest."""
    if event.kind is ConnectionKind.CONNECTED:
        carrying = f", subscribing to {event.instruments} instruments" if event.instruments else ""
        return f"WebSocket connected{carrying}"
    if event.kind is ConnectionKind.SUBSCRIBED:
        return "Sent subscription and mode setting messages"
    return f"WebSocket {event.kind.value}"
