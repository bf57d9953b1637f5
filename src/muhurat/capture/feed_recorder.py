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
from muhurat.capture.backlog import Backlog, Item, Note
from muhurat.capture.disk_alarms import DiskAlarms
from muhurat.capture.journal.format import AFTER_GAP, hour_name
from muhurat.capture.journal.hour import AppendFailed
from muhurat.capture.journal.repaired import Recovery
from muhurat.capture.journal.writer import JournalWriter, Message
from muhurat.capture.line import Line
from muhurat.capture.lines import FeedLines
from muhurat.capture.recorded_today import RecordedToday, recorded_on
from muhurat.clock import Clock
from muhurat.errors import MuhuratError
from muhurat.log import get_logger
from muhurat.venues.base import ConnectionEvent, ConnectionKind, StreamMode

_DAY: Final = slice(0, 8)
_SLICE_BYTES: Final = 4 * 1024 * 1024
_AT_ONCE_BYTES: Final = 512 * 1024
"""More than this is written before the turn's end, while it is still in the processor's cache."""

_RETRY_S: Final = 0.25
_LAST_TRIES: Final = 5


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

    `lines` says how well the feed is and what it missed. Heard without lines, it is the first.
    """

    def __init__(
        self, plan: FeedPlan, clock: Clock, failed: Callable[[MuhuratError], None], alarms: Alarms | None = None
    ) -> None:
        """`failed` is told of what no retry can mend, `alarms` of what a person should know."""
        self.plan = plan
        self.messages = self.packets = self.bytes = 0
        self.last_frame_ns = self.last_data_ns = 0
        self.lines = FeedLines(self, clock, (plan.opens_ns, plan.closes_ns), self._note)
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
        self._heard = False
        self._file: Path | None = None
        self._log = get_logger(__name__).bind(feed=plan.name)

    def open(self) -> None:
        """Take over the journal; a disk that refuses is tried again, a feed that another process writes raises."""
        now_ns = self._clock.now_ns()
        self._open_writer()
        past = recorded_on(hour_name(now_ns)[_DAY], self.plan.journal, self.plan.name, self.plan.count_packets)
        self._go_on_from(past, now_ns)

    def line(self, number: int) -> Line:
        """Who hears a line."""
        return self.lines.open(number, heard=self._heard)

    def end_line(self, number: int) -> None:
        """A line is about to be closed, others carry what it carried."""
        self.lines.end(number)

    def on_binary(self, payload: bytes) -> None:
        """Keep a message of the first line."""
        self.received(self.lines.first, payload)

    def on_text(self, text: str) -> None:
        """Keep a text message beside the data."""
        self.told(self.lines.first, text)

    def on_event(self, event: ConnectionEvent) -> None:
        """Keep what happened to the first line's connection; a lost one begins a gap."""
        self.happened(self.lines.first, event)

    def received(self, line: Line, payload: bytes) -> None:
        """Keep a message of a line; it is written at the end of this turn of the loop at the latest."""
        self._heard = True
        now_ns = self._now_ns()
        packets = self._count_packets(payload)
        flags = line.flags
        if packets:
            line.last_data_ns = self.last_data_ns = now_ns
            if line.gap and self.lines.end_gap(line, now_ns):
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
        """Keep what happened to a line's connection."""
        number = self.lines.number_of(line, event)
        told = {"reason": event.reason, "status": event.status, "retry_in_s": event.retry_in_s}
        more = {name: value for name, value in told.items() if value not in ("", None)}
        if event.instruments:
            more["instruments"] = event.instruments
        self._note({"event": event.kind.value, "connection": number, **more})
        self.lines.follow(line, event)
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
        self.lines.expect_end()

    def finish(self) -> None:
        """Write everything that can be written, close the journal. A gap that is open ends with the recording."""
        self.lines.close()
        self.flush()
        self._write_the_last()
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
        self.last_frame_ns = self.last_data_ns = past.last_ts_ns
        self.lines.go_on_from(past, now_ns)

    def _note(self, entry: dict[str, Any]) -> None:
        if entry["event"] == "gap":
            self._log.warning("gap", **{key: entry[key] for key in ("from", "to", "seconds", "reason")})
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
