"""Write what was merged as a journal: whole hours under temporary names first, so that no reader meets half of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from muhurat.capture.journal.checksum import crc32
from muhurat.capture.journal.files import Files, write_all
from muhurat.capture.journal.format import (
    CLOCK_DOUBT,
    CONTROL,
    HEADER,
    HOUR_NS,
    NS_PER_MS,
    ROW,
    HourPaths,
    control_line,
    hour_name,
    hour_start_ns,
)
from muhurat.capture.merge.table import Ints
from muhurat.errors import JournalError

_FLUSH_BYTES: Final = 8 * 1024 * 1024
_UNFINISHED: Final = ".merging"
_EVER: Final = 1 << 62
_ROWS: Final = np.dtype(
    [("offset", "<u8"), ("ts", "<u8"), ("zero", "<u4"), ("crc", "<u4"), ("length", "<u4"), ("flags", "<u4")]
)


class Target(Protocol):
    """Where merged records go."""

    def hour_of(self, ts_ns: int) -> tuple[HourPaths, int]:
        """The files for records received at an instant, and the instant at which the next ones begin."""


class OneFile:
    """Everything into one `.bin` and its two companions. Raises `JournalError` when it is there already."""

    def __init__(self, path: Path) -> None:
        if path.suffix != ".bin":
            raise JournalError(f"{path} is no name for a merged file", hint="name a .bin file with --out")
        self._paths = HourPaths.alone(path, "")
        for part in _files(self._paths):
            _refuse_existing(part)

    def hour_of(self, ts_ns: int) -> tuple[HourPaths, int]:
        return self._paths, _EVER


class Folder:
    """Hour by hour into a folder. Raises `JournalError` when it holds hours of the feed already."""

    def __init__(self, directory: Path, feed: str) -> None:
        self._directory = directory
        self._feed = feed
        for path in directory.glob(f"{feed}_*.bin*"):
            _refuse_existing(path)

    def hour_of(self, ts_ns: int) -> tuple[HourPaths, int]:
        hour = hour_name(ts_ns)
        return HourPaths(self._directory, self._feed, hour), hour_start_ns(hour) + HOUR_NS


class Output:
    """A journal being written, in order. `records`, `bytes` and `written` files are for the report."""

    def __init__(self, target: Target, origin: dict[str, Any], files: Files) -> None:
        self.records = self.bytes = 0
        self.written: list[Path] = []
        self._target = target
        self._origin = {"event": "merged", **origin}
        self._files = files
        self._hour: _Hour | None = None
        self._end_ns = 0
        self._latest_ns = 0

    def whole(self, data: NDArray[np.uint8], size: Ints, ts: Ints, flags: Ints) -> None:
        """Records that lie back to back in `data`, headers included."""
        while len(ts):
            latest = np.maximum.accumulate(np.concatenate((np.full(1, self._latest_ns), ts)))
            hour = self._hour_for(int(latest[1]))
            count = int(np.searchsorted(latest[1:], self._end_ns, "left"))
            end = int(np.sum(size[:count])) + count * HEADER.size
            doubt = np.where(ts[:count] < latest[:count], CLOCK_DOUBT, 0)
            self._count(hour.add(data[:end], size[:count], ts[:count], flags[:count] | doubt), end)
            self._latest_ns = int(latest[count])
            data, size, ts, flags = data[end:], size[count:], ts[count:], flags[count:]

    def message(self, payload: bytes | memoryview, ts_ns: int, flags: int) -> None:
        """One record."""
        hour = self._hour_for(max(ts_ns, self._latest_ns))
        flags |= CLOCK_DOUBT if ts_ns < self._latest_ns else 0
        self._latest_ns = max(ts_ns, self._latest_ns)
        self._count(hour.add_one(payload, ts_ns, flags), HEADER.size + len(payload))

    def line(self, entry: dict[str, Any], ts_ns: int) -> None:
        """One control line."""
        self._hour_for(max(ts_ns, self._latest_ns)).add_line(entry, ts_ns)

    def flush(self) -> None:
        """Write what waits; what was handed over may then be let go."""
        if self._hour:
            self._hour.flush()

    def close(self) -> None:
        """Finish the last hour."""
        if self._hour:
            self._hour.finish(self._latest_ns)
            self._hour = None

    def abandon(self) -> None:
        """Remove the hour that is not finished."""
        if self._hour:
            self._hour.remove()
            self._hour = None

    def _hour_for(self, ts_ns: int) -> _Hour:
        if self._hour is None or ts_ns >= self._end_ns:
            self.close()
            paths, self._end_ns = self._target.hour_of(ts_ns)
            self._hour = _Hour(paths, self._files)
            self.written.append(paths.bin)
            self._hour.add_line(self._origin, ts_ns)
        return self._hour

    def _count(self, records: int, size: int) -> None:
        self.records += records
        self.bytes += size


class _Hour:
    """The three files of an hour, under temporary names until `finish`."""

    def __init__(self, paths: HourPaths, files: Files) -> None:
        self._paths = paths
        self._files = files
        self._records = self._size = self._ctl_size = self._waiting = 0
        self._bin: list[bytes | memoryview] = []
        self._ctl: list[bytes] = []
        self._idx: list[bytes] = []
        self._fds: list[int] = []
        self._guarded(self._open)

    def add(self, data: NDArray[np.uint8], size: Ints, ts: Ints, flags: Ints) -> int:
        rows = np.zeros(len(size), _ROWS)
        offset = np.cumsum(size + HEADER.size) - size - HEADER.size
        view = data.data
        spans = zip((offset + HEADER.size).tolist(), (offset + HEADER.size + size).tolist(), strict=True)
        rows["offset"], rows["ts"], rows["length"], rows["flags"] = offset + self._size, ts, size, flags
        rows["crc"] = [crc32(view[begin:end]) for begin, end in spans]
        self._take([view], len(data), rows.tobytes(), len(size))
        return len(size)

    def add_one(self, payload: bytes | memoryview, ts_ns: int, flags: int) -> int:
        row = ROW.pack(self._size, ts_ns, 0, crc32(payload), len(payload), flags)
        header = HEADER.pack(ts_ns // NS_PER_MS, len(payload))
        self._take([header, payload], HEADER.size + len(payload), row, 1)
        return 1

    def add_line(self, entry: dict[str, Any], ts_ns: int) -> None:
        line = control_line(entry, ts_ns)
        self._idx.append(ROW.pack(self._ctl_size, ts_ns, 0, crc32(line), len(line), CONTROL))
        self._ctl.append(line)
        self._ctl_size += len(line)

    def flush(self) -> None:
        self._guarded(self._write)

    def finish(self, ts_ns: int) -> None:
        """Say that the hour is complete, bring it to the disk and give it its names, the `.bin` last."""
        self.add_line({"event": "closed", "bytes": self._size, "records": self._records}, ts_ns)
        self._guarded(self._write)
        self._guarded(self._rename)

    def remove(self) -> None:
        """Leave nothing of this hour behind, under either name."""
        self._close()
        for path in _files(self._paths):
            _unfinished(path).unlink(missing_ok=True)
            path.unlink(missing_ok=True)

    def _take(self, buffers: list[bytes | memoryview], size: int, rows: bytes, records: int) -> None:
        self._bin += buffers
        self._idx.append(rows)
        self._size += size
        self._records += records
        self._waiting += size
        if self._waiting >= _FLUSH_BYTES:
            self.flush()

    def _open(self) -> None:
        self._paths.bin.parent.mkdir(parents=True, exist_ok=True)
        for path in _files(self._paths):
            _unfinished(path).unlink(missing_ok=True)
            self._fds.append(self._files.open(_unfinished(path)))

    def _write(self) -> None:
        idx, ctl, data = self._fds
        for fd, buffers in ((data, self._bin), (ctl, self._ctl), (idx, self._idx)):
            if total := sum(map(len, buffers)):
                write_all(self._files, fd, buffers, total)
        self._bin, self._ctl, self._idx, self._waiting = [], [], [], 0

    def _rename(self) -> None:
        for fd in self._fds:
            self._files.sync(fd)
        self._close()
        for path in _files(self._paths):
            _unfinished(path).rename(path)

    def _close(self) -> None:
        fds, self._fds = self._fds, []
        for fd in fds:
            self._files.close(fd)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do something with the files; raises `JournalError` when the disk refuses."""
        try:
            work()
        except OSError as error:
            self.remove()
            raise JournalError(
                f"{self._paths.bin} cannot be written: {error.strerror or error}",
                hint="free space on the disk, then merge again; the recordings are untouched",
            ) from error


def _files(paths: HourPaths) -> tuple[Path, Path, Path]:
    return paths.idx, paths.ctl, paths.bin


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + _UNFINISHED)


def _refuse_existing(path: Path) -> None:
    if path.exists() and not path.name.endswith(_UNFINISHED):
        raise JournalError(f"{path} is there already", hint="name another place with --out; nothing is overwritten")
