"""What a feed's recorder tells people of its disk, each thing once per trouble."""

from __future__ import annotations

from muhurat.capture.alarms import Alarms, Level
from muhurat.capture.journal.hour import AppendFailed
from muhurat.capture.journal.repaired import Recovery


class DiskAlarms:
    """The words, and what has been said already."""

    def __init__(self, feed: str, alarms: Alarms) -> None:
        self._feed = feed
        self._alarms = alarms
        self._told_loss = False
        self._dropped_before = 0
        self._sync_error = ""

    def refused(self, error: AppendFailed) -> None:
        """The disk has begun to refuse."""
        self._raise("critical", f"{error}; records wait in memory", error.hint or "")

    def dropped(self, records: int) -> None:
        """So many records have been given up, ever."""
        if records > self._dropped_before and not self._told_loss:
            self._told_loss = True
            hint = "make room on the disk; what is given up will be noted as a gap"
            self._raise("critical", "memory is full too, the oldest records are being given up", hint)

    def recovered(self, dropped: int) -> None:
        """The disk takes everything again; `dropped` records have been given up, ever."""
        lost, self._dropped_before, self._told_loss = dropped - self._dropped_before, dropped, False
        told = f"{lost:,} were given up and are noted as a gap" if lost else "none was lost"
        self._raise("warning", f"the disk takes records again; {told}", "")

    def left(self, records: int) -> None:
        """So many records were never written, and the recorder ends."""
        if records:
            what = f"{records:,} records are lost with the end of the recorder, the disk never took them"
            self._raise("critical", what, "make room on the disk before it starts again")

    def repaired(self, repair: Recovery) -> None:
        """An hour was repaired; what came back whole is no news."""
        if repair.lost:
            hint = "see `muhurat journal verify`; what was cut lies beside the journal"
            self._raise("warning", f"the journal of {repair.hour} was repaired: {repair.lost}", hint)

    def unsynchronised(self, error: str) -> None:
        """Bytes are in the file but do not come to the disk itself; empty when they do."""
        if error and not self._sync_error:
            hint = "look at the disk's health: a power cut would cost what came since"
            self._raise("critical", f"what is recorded cannot be brought to the disk: {error}", hint)
        self._sync_error = error

    def _raise(self, level: Level, what: str, hint: str) -> None:
        self._alarms.raise_(level, f"{self._feed}: {what}", hint)
