"""Write a recorded journal again, elsewhere, at its own pace or at once: followers there live through the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from muhurat.capture.journal.format import HourPaths, Record, hours_of
from muhurat.capture.journal.hour_reader import Entry
from muhurat.capture.journal.offline import read_entries
from muhurat.capture.journal.writer import JournalWriter, Message
from muhurat.clock import Clock
from muhurat.errors import JournalError

_MOST_PENDING: Final = 256
_WRITTEN_ANEW: Final = ("at", "ts_recv_ns")


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was written."""

    records: int
    bytes: int


def replay(hours: Sequence[HourPaths], into: Path, clock: Clock, speed: float | None = None) -> Replayed:
    """Write the hours of one feed again, with their own times, into the folder `into/<feed>`.

    `speed` is recorded seconds per second of the clock; None writes at once. Raises `JournalError` when the hours are
    of several feeds, or the feed has records there already.
    """
    feeds = {paths.feed for paths in hours}
    if len(feeds) != 1:
        raise JournalError(f"one feed at a time, not {', '.join(sorted(feeds))}", hint="name one feed's folder")
    feed = feeds.pop()
    folder = into / feed
    if hours_of(folder, feed):
        raise JournalError(f"{folder} has records of {feed} already", hint="name an empty folder with --into")
    with JournalWriter(folder, feed, clock) as writer:
        player = _Player(writer, clock, speed)
        for paths in hours:
            for entry in read_entries(paths):
                player.play(entry)
        player.flush()
        return Replayed(writer.records, writer.bytes)


class _Player:
    """Writes entries in order, each not before its time."""

    def __init__(self, writer: JournalWriter, clock: Clock, speed: float | None) -> None:
        self._writer = writer
        self._clock = clock
        self._speed = speed
        self._begun: tuple[int, int] | None = None
        self._pending: list[Message] = []

    def play(self, entry: Entry) -> None:
        self._wait_for(entry.ts_recv_ns)
        if isinstance(entry, Record):
            self._pending.append((entry.payload, entry.ts_recv_ns, entry.flags))
            if len(self._pending) >= _MOST_PENDING:
                self.flush()
        elif entry.entry.get("event") != "closed":
            self.flush()
            told = {name: value for name, value in entry.entry.items() if name not in _WRITTEN_ANEW}
            self._writer.control(told, entry.ts_recv_ns)

    def flush(self) -> None:
        self._writer.append(self._pending)
        self._pending = []

    def _wait_for(self, ts_ns: int) -> None:
        if self._speed is None:
            return
        now_ns = self._clock.now_ns()
        first_ns, began_ns = self._begun = self._begun or (ts_ns, now_ns)
        due_ns = began_ns + round((ts_ns - first_ns) / self._speed)
        if due_ns > now_ns:
            self.flush()
            self._clock.sleep_until(due_ns)
