"""The open files of the hour being written, which a failing disk leaves whole."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from muhurat.capture.journal.data import bring_back
from muhurat.capture.journal.files import Files, write_all
from muhurat.capture.journal.format import HEADER, HOUR_NS, ROW, HourPaths, hour_start_ns
from muhurat.capture.journal.recovery import recover
from muhurat.capture.journal.repaired import Recovery, RepairInterrupted
from muhurat.errors import JournalError


class AppendFailed(JournalError):
    """The disk refused; nothing of what it refused is left behind and the writer goes on working.

    The first `accepted` messages of the batch are in the journal all the same; give the rest again. `repairs` are those
    of hours that could not be opened for all that.
    """

    permanent = False
    retry_after_s = 0.25

    def __init__(self, hour: str, error: OSError, accepted: int = 0, repairs: Sequence[Recovery] = ()) -> None:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        super().__init__(
            f"the journal of {hour} cannot be written: {error.strerror or error}",
            hint="free space on the disk; recording goes on by itself" if full else "look at the disk's health",
        )
        self.accepted = accepted
        self.repairs = list(repairs)


class OpenHour:
    """The three files of one hour, open for appending. `bin_size` and `records` count what is indexed."""

    def __init__(self, paths: HourPaths, files: Files) -> None:
        """Open or make the files, repaired first where they exist; an archived hour is brought back.

        Raises `AppendFailed` when the disk refuses, `JournalError` for a damaged archive.
        """
        self.hour = paths.hour
        self.paths = paths
        self.end_ns = hour_start_ns(paths.hour) + HOUR_NS
        self._files = files
        self._doubtful = False
        self.fds: list[int] = []
        self.recovery = Recovery(paths.hour)
        try:
            bring_back(paths, files)
            if _exists(paths):
                self.recovery = recover(paths, files)
            for path in (paths.idx, paths.ctl, paths.bin):
                self.fds.append(files.open(path))
        except OSError as error:
            self.close()
            done = error.done if isinstance(error, RepairInterrupted) else self.recovery
            raise AppendFailed(paths.hour, error, repairs=[done] if done.repaired or done.lost else []) from error
        self._idx, self._ctl, self._bin = self.fds
        self.bin_size = self.recovery.bin_size
        self.ctl_size = self.recovery.ctl_size
        self.idx_size = self.recovery.idx_size
        self.records = self.recovery.records

    def append(self, buffers: Sequence[bytes], size: int, rows: list[bytes]) -> None:
        """Write records of `size` bytes, then their index rows; raises `AppendFailed`."""
        try:
            if self._doubtful:
                self._repair()
            write_all(self._files, self._bin, buffers, size)
            write_all(self._files, self._idx, [b"".join(rows)], len(rows) * ROW.size)
        except OSError as error:
            raise AppendFailed(self.hour, error, self._undo(rows)) from error
        self.bin_size += size
        self.idx_size += len(rows) * ROW.size
        self.records += len(rows)

    def append_line(self, line: bytes, row: bytes) -> None:
        """Write a control line, then its index row; raises `AppendFailed`."""
        try:
            if self._doubtful:
                self._repair()
            write_all(self._files, self._ctl, [line], len(line))
            write_all(self._files, self._idx, [row], len(row))
        except OSError as error:
            self._undo([])
            raise AppendFailed(self.hour, error) from error
        self.ctl_size += len(line)
        self.idx_size += len(row)

    def counts(self) -> dict[str, Any]:
        """What the `closed` line says."""
        return {"event": "closed", "bytes": self.bin_size, "records": self.records}

    def finish(self) -> bool:
        """Cut what a refused write left behind, if anything; tells whether the files are whole now."""
        with suppress(OSError):
            if self._doubtful:
                self._repair()
        return not self._doubtful

    def _undo(self, rows: list[bytes]) -> int:
        """Cut what is not indexed. Whole rows that did get out may have been read, so their records stay."""
        accepted = self._rows_out() if rows else 0
        if accepted:
            offset, _, _, _, length, _ = ROW.unpack(rows[accepted - 1])
            self.bin_size = offset + HEADER.size + length
            self.idx_size += accepted * ROW.size
            self.records += accepted
        self._doubtful = True
        self.finish()
        return accepted

    def _rows_out(self) -> int:
        try:
            return max(0, self._files.size(self._idx) - self.idx_size) // ROW.size
        except OSError:
            return 0

    def _repair(self) -> None:
        for fd, size in ((self._idx, self.idx_size), (self._ctl, self.ctl_size), (self._bin, self.bin_size)):
            if self._files.size(fd) != size:
                self._files.truncate(fd, size)
        self._doubtful = False

    def close(self) -> None:
        """Close the files, whatever the disk says."""
        for fd in self.fds:
            with suppress(OSError):
                self._files.close(fd)


def _exists(paths: HourPaths) -> bool:
    return any(path.exists() for path in (paths.bin, paths.ctl, paths.idx))
