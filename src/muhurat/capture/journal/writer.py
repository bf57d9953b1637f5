"""Append what arrives to a feed's journal, hour by hour.

A record that `append` returned for is in the file: a process that dies afterwards loses nothing. A background thread
brings the files to the disk itself every second. Within a process a writer belongs to one thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from muhurat.capture.journal.checksum import crc32
from muhurat.capture.journal.doorbell import Doorbell
from muhurat.capture.journal.files import Files
from muhurat.capture.journal.format import (
    CLOCK_DOUBT,
    CONTROL,
    HEADER,
    MAX_PAYLOAD,
    NS_PER_MS,
    ROW,
    HourPaths,
    Position,
    check_feed_name,
    control_line,
    hour_name,
    hours_of,
)
from muhurat.capture.journal.hour import AppendFailed, OpenHour
from muhurat.capture.journal.lock import WriterLock
from muhurat.capture.journal.recovery import ends_closed
from muhurat.capture.journal.repaired import Recovery
from muhurat.capture.journal.rows import latest_ts_ns
from muhurat.capture.journal.syncer import Syncer
from muhurat.clock import Clock
from muhurat.errors import JournalError

Message = tuple[bytes, int, int]
"""(payload, ts_recv_ns, flags)"""

_LOOK_EVERY_S: Final = 1.0
_JOIN_BELOW: Final = 4096


class JournalWriter:
    """The one writer of a feed's journal.

    `recovery` says what the newest hour on disk needed when the writer was opened; `repairs` are those of all hours
    that needed any, for whoever tells people to take. Counters: `records` and `bytes` appended by this writer,
    `doubtful` records whose time was earlier than the one before.
    """

    def __init__(
        self,
        directory: Path,
        feed: str,
        clock: Clock,
        *,
        sync_interval_s: float | None = 1.0,
        files: Files | None = None,
    ) -> None:
        """Lock the feed and repair its newest hour.

        Raises `JournalError` when another process writes this feed, `AppendFailed` when the disk refuses for now.
        """
        check_feed_name(feed)
        self.directory = directory
        self.feed = feed
        self.records = self.bytes = self.doubtful = 0
        self._clock = clock
        self._files = files or Files()
        self._looked_at = float("-inf")
        self._hour: OpenHour | None = None
        self._unfinished: list[OpenHour] = []
        self._newest = ""
        self._last_ns = 0
        self._closed = False
        self.repairs: list[Recovery] = []
        self._unwritten: list[Recovery] = []
        self._lock, self._bell = _taken(directory, feed)
        self._syncer = Syncer(self._files, sync_interval_s) if sync_interval_s is not None else None
        try:
            self.recovery = self._take_over()
        except AppendFailed as error:
            error.repairs = self.repairs + error.repairs
            self._release()
            raise

    @property
    def path(self) -> Path | None:
        """The `.bin` file being written, if one is open."""
        return self._hour.paths.bin if self._hour else None

    @property
    def position(self) -> Position | None:
        """Where the next record of this hour goes; None before the first."""
        return Position(self._hour.hour, self._hour.records) if self._hour else None

    @property
    def sync_error(self) -> OSError | None:
        """What the last synchronisation with the disk failed with, if it did."""
        return self._syncer.error if self._syncer else None

    def append(self, messages: Sequence[Message]) -> None:
        """Write a batch, by one system call where it fits one; then ring the readers.

        Raises `AppendFailed`, which says how many of the messages are in the journal nevertheless.
        """
        done = 0
        while done < len(messages):
            hour = self._hour_for(messages[done][1], done)
            rest = messages[done:] if done else messages
            try:
                done += self._append_to(hour, rest)
            except AppendFailed as error:
                self._count(rest[: error.accepted])
                error.accepted += done
                raise
        if self._unfinished:
            self._finish()
        if self._unwritten and self._hour:
            self._write_repairs(self._hour)
        self._ring()

    def control(self, entry: dict[str, Any], ts_recv_ns: int | None = None) -> None:
        """Write an entry to the `.ctl` file, in order with the records; raises `AppendFailed`."""
        at_ns = self._clock.now_ns() if ts_recv_ns is None else ts_recv_ns
        hour = self._hour_for(at_ns, 0)
        self._write_line(hour, entry, at_ns)
        self._ring()

    def close(self) -> None:
        """Say that the hour is complete, bring it to the disk and give up the lock. Does not raise."""
        if self._closed:
            return
        with suppress(AppendFailed):
            if self._hour:
                self._write_line(self._hour, self._hour.counts(), max(self._clock.now_ns(), self._last_ns))
                self._ring()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _take_over(self) -> Recovery | None:
        """Repair the newest hour on disk and go on in it, or close it if its time is over.

        An archived one was whole and closed; it is brought back only for a message that belongs to it.
        """
        hours = hours_of(self.directory, self.feed)
        if not hours:
            return None
        self._finish_older(hours[:-1])
        newest = HourPaths(self.directory, self.feed, hours[-1])
        if newest.zst.exists():
            self._newest, self._last_ns = newest.hour, latest_ts_ns(newest.idx)
            return None
        hour = self._open(hours[-1])
        recovery = hour.recovery
        self._last_ns = recovery.latest_ts_ns
        now_ns = self._clock.now_ns()
        if hour_name(now_ns) > hour.hour and not (recovery.closed and not recovery.repaired):
            self._leave(hour)
        return recovery

    def _finish_older(self, hours: list[str]) -> None:
        """Repair hours left without a last word by a writer that had gone on to the next one."""
        for name in reversed(hours):
            paths = HourPaths(self.directory, self.feed, name)
            if not paths.idx.exists() or paths.zst.exists() or ends_closed(paths):
                return
            hour = OpenHour(paths, self._files)
            self._note_repair(hour)
            self._leave(hour)

    def _hour_for(self, ts_ns: int, done: int) -> OpenHour:
        """The hour a message belongs to: that of its reception, but never one older than the newest."""
        if self._closed:
            raise JournalError(f"the journal {self.feed} has been closed")
        hour = self._hour
        if hour is not None and ts_ns < hour.end_ns:
            return hour
        try:
            if hour is not None:
                self._leave(hour)
            return self._open(max(hour_name(ts_ns), self._newest))
        except AppendFailed as error:
            error.accepted = done
            raise

    def _open(self, name: str) -> OpenHour:
        hour = OpenHour(HourPaths(self.directory, self.feed, name), self._files)
        self._hour, self._newest = hour, name
        if self._syncer:
            self._syncer.watch(hour.fds[::-1])
        self._note_repair(hour)
        return hour

    def _note_repair(self, hour: OpenHour) -> None:
        """Keep for people, and in the hour's own file, what had to be repaired."""
        if hour.recovery.repaired or hour.recovery.lost:
            self.repairs.append(hour.recovery)
            self._unwritten.append(hour.recovery)
            self._write_repairs(hour)

    def _write_repairs(self, hour: OpenHour) -> None:
        """A disk that refuses these lines for now takes them later: records do not wait for them."""
        with suppress(AppendFailed):
            while self._unwritten:
                self._write_line(hour, self._unwritten[0].report(), max(self._clock.now_ns(), self._last_ns))
                del self._unwritten[0]

    def _leave(self, hour: OpenHour) -> None:
        """Finish an hour; a disk that refuses its last line does not keep the next hour from beginning."""
        with suppress(AppendFailed):
            self._write_line(hour, hour.counts(), max(self._last_ns, hour.recovery.latest_ts_ns))
        self._hour = None
        self._unfinished.append(hour)
        self._finish()

    def _finish(self) -> None:
        """Let go of hours that were left, once a disk that refused has let them be made whole."""
        done = [hour for hour in self._unfinished if hour.finish()]
        self._unfinished = [hour for hour in self._unfinished if hour not in done]
        for hour in done:
            self._let_go(hour)

    def _let_go(self, hour: OpenHour) -> None:
        if self._syncer:
            self._syncer.retire(hour.fds)
        else:
            hour.close()

    def _append_to(self, hour: OpenHour, messages: Sequence[Message]) -> int:
        """Append the messages that belong to this hour; returns how many did."""
        buffers: list[bytes] = []
        rows: list[bytes] = []
        offset, last_ns, end_ns, doubtful = hour.bin_size, self._last_ns, hour.end_ns, 0
        pack_header, pack_row, checksum = HEADER.pack, ROW.pack, crc32
        for payload, ts_ns, flags in messages:
            if last_ns <= ts_ns < end_ns:
                last_ns = ts_ns
            elif ts_ns < last_ns:
                flags |= CLOCK_DOUBT
                doubtful += 1
            else:
                break
            length = len(payload)
            buffers.append(pack_header(ts_ns // NS_PER_MS, length))
            buffers.append(payload)
            rows.append(pack_row(offset, ts_ns, 0, checksum(payload), length, flags))
            offset += 12 + length
        size = offset - hour.bin_size
        if size > MAX_PAYLOAD:
            _refuse_oversized(messages)
        if size < _JOIN_BELOW * len(rows):
            buffers = [b"".join(buffers)]
        hour.append(buffers, size, rows)
        self._last_ns = last_ns
        self.doubtful += doubtful
        self.records += len(rows)
        self.bytes += size
        return len(rows)

    def _count(self, accepted: Sequence[Message]) -> None:
        """Take account of the part of a refused batch that is in the journal all the same."""
        for payload, ts_ns, _ in accepted:
            self._last_ns = max(self._last_ns, ts_ns)
            self.bytes += HEADER.size + len(payload)
        self.records += len(accepted)

    def _write_line(self, hour: OpenHour, entry: dict[str, Any], ts_ns: int) -> None:
        line = control_line(entry, ts_ns)
        hour.append_line(line, ROW.pack(hour.ctl_size, ts_ns, 0, crc32(line), len(line), CONTROL))

    def _ring(self) -> None:
        now = self._clock.monotonic()
        if now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            with suppress(OSError):  # readers that are not rung for look by themselves
                self._bell.look()
        self._bell.ring()

    def _release(self) -> None:
        self._closed = True
        self._finish()
        for hour in (*self._unfinished, self._hour):
            if hour:
                self._let_go(hour)
        self._hour = None
        if self._syncer:
            self._syncer.stop()
        self._bell.close()
        self._lock.release()


def _taken(directory: Path, feed: str) -> tuple[WriterLock, Doorbell]:
    """The feed's lock and its readers' bell; raises `AppendFailed` when the disk has no room for their files."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = WriterLock(directory, feed)
    except OSError as error:
        raise AppendFailed(feed, error) from error
    try:
        return lock, Doorbell(directory)
    except OSError as error:
        lock.release()
        raise AppendFailed(feed, error) from error


def _refuse_oversized(messages: Iterable[Message]) -> None:
    for payload, _, _ in messages:
        if len(payload) > MAX_PAYLOAD:
            raise JournalError(
                f"a message of {len(payload):,} bytes is too long for the journal: {MAX_PAYLOAD:,} at most"
            )
