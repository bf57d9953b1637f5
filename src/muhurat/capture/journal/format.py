"""The journal's bytes: what a record, an index row, a control line and an hour are called and look like.

Three files per hour of reception (Indian time), `<feed>_<YYYYMMDD>_<HH>00` with the suffixes

* `.bin`: records back to back, `[timestamp_ms u64][length u32][payload]`, both numbers big-endian; an archived hour has
  the same bytes as `.bin.zst` (see `seekable`), and its `.bin` may be gone;
* `.ctl`: JSON lines for what happened around the data: connects, gaps, drops, `closed`;
* `.idx`: 32-byte little-endian rows `offset u64, ts_recv_ns u64, reserved u32 = 0, crc32 u32, length u32, flags u32`,
  one per record and control line in order of arrival. `offset` is where the record (its header) or the line begins;
  `length` and `crc32` are those of the payload, or of the whole line with its line feed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from struct import Struct
from typing import Any, Final

import msgspec

from muhurat.clock import IST, NS_PER_S, ist, to_ns
from muhurat.errors import JournalError

HEADER: Final = Struct(">QI")
LITTLE_HEADER: Final = Struct("<QI")
ROW: Final = Struct("<QQIIII")
NS_PER_MS: Final = 1_000_000
HOUR_NS: Final = 3600 * NS_PER_S

MAX_PAYLOAD: Final = 64 * 1024 * 1024
"""A longer message is refused: no venue sends one, and a length beyond it marks damage."""

AFTER_GAP: Final = 1
"""The first record after a span in which records may have been lost."""
CLOCK_DOUBT: Final = 2
"""Received at an instant earlier than the record before it: the machine's clock had gone back."""
RECOVERED: Final = 4
"""Indexed after a crash from the .bin alone: the time is exact to the millisecond only."""
CONTROL: Final = 8
"""The row belongs to a line of the .ctl file."""
_CONNECTION_SHIFT: Final = 16
MAX_CONNECTION: Final = 0xFFFF

_EARLIEST_MS: Final = 946_684_800_000  # 2000-01-01
_LATEST_MS: Final = 4_102_444_800_000  # 2100-01-01
_HOUR: Final = re.compile(r"\d{8}_\d{2}00")
_DATA_FILE: Final = re.compile(r"(.+)_(\d{8}_\d{2}00)\.bin(?:\.zst)?")
_FEED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Position(msgspec.Struct, frozen=True, order=True, gc=False):
    """The place of a record: its hour (`YYYYMMDD_HH00`, Indian time) and its ordinal among that hour's records."""

    hour: str
    ordinal: int = 0

    @classmethod
    def at(cls, instant_ns: int) -> Position:
        """The beginning of the hour in which an instant lies."""
        return cls(hour_name(instant_ns))

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read `20250902_0900/17`; raises `JournalError` on anything else."""
        hour, _, ordinal = text.partition("/")
        if not _HOUR.fullmatch(hour) or not ordinal.isdigit():
            raise JournalError(f"{text!r} is no journal position", hint="write it like 20250902_0900/17")
        return cls(hour, int(ordinal))

    def __str__(self) -> str:
        return f"{self.hour}/{self.ordinal}"

    def seq(self, packet: int = 0) -> int:
        """The tick tables' `seq`: hours since the epoch << 44 | record ordinal << 12 | packet index."""
        return (hour_start_ns(self.hour) // HOUR_NS) << 44 | self.ordinal << 12 | packet


class Record(msgspec.Struct, frozen=True, gc=False):
    """One message as it was received. `flags` carries the connection and the marks named in this module."""

    position: Position
    ts_recv_ns: int
    payload: bytes
    flags: int = 0


class ControlRecord(msgspec.Struct, frozen=True):
    """One line of the `.ctl` file; `position` is that of the record which follows it."""

    position: Position
    ts_recv_ns: int
    entry: dict[str, Any]


def connection_flags(number: int) -> int:
    """The flag bits that say through which connection (counted from 1, modulo 65,536) a record came."""
    return (number & MAX_CONNECTION) << _CONNECTION_SHIFT


def connection_of(flags: int) -> int:
    """The connection number in a record's flags; 0 when nobody said."""
    return flags >> _CONNECTION_SHIFT


def hour_name(instant_ns: int) -> str:
    """The hour of an instant as it stands in file names."""
    return f"{ist(instant_ns):%Y%m%d_%H}00"


def hour_start_ns(hour: str) -> int:
    """The instant at which an hour begins."""
    return to_ns(datetime.strptime(hour, "%Y%m%d_%H%M").replace(tzinfo=IST))


def plausible(timestamp_ms: int, length: int) -> bool:
    """Whether two numbers can be a record's header: a time of this century and a length a venue can send."""
    return _EARLIEST_MS <= timestamp_ms < _LATEST_MS and length <= MAX_PAYLOAD


def control_line(entry: dict[str, Any], ts_recv_ns: int) -> bytes:
    """An entry as a line of the `.ctl` file, with its time for people (`at`) and for programs."""
    stamped = {"at": ist(ts_recv_ns).isoformat(timespec="milliseconds"), "ts_recv_ns": ts_recv_ns, **entry}
    return msgspec.json.encode(stamped) + b"\n"


class HourPaths:
    """The three files of one hour of one feed."""

    __slots__ = ("bin", "ctl", "feed", "hour", "idx")

    def __init__(self, directory: Path, feed: str, hour: str) -> None:
        self.feed = feed
        self.hour = hour
        stem = f"{feed}_{hour}"
        self.bin = directory / f"{stem}.bin"
        self.ctl = directory / f"{stem}.ctl"
        self.idx = directory / f"{stem}.idx"

    @classmethod
    def alone(cls, path: Path, hour: str) -> HourPaths:
        """A `.bin` file of any name, or an archive of one, taken for an hour."""
        named = path.with_name(path.name.removesuffix(".zst"))
        paths = cls(path.parent, named.stem, hour)
        paths.bin, paths.ctl, paths.idx = path, named.with_suffix(".ctl"), named.with_suffix(".idx")
        return paths

    @classmethod
    def of(cls, path: Path) -> HourPaths:
        """The hour to which one of its files belongs; raises `JournalError` for a name of another form."""
        feed, _, hour = Path(path.name.removesuffix(".zst")).stem.rpartition("_")
        feed, _, day = feed.rpartition("_")
        if not feed or not _HOUR.fullmatch(f"{day}_{hour}"):
            raise JournalError(
                f"{path.name} is not named like a journal file", hint="expected <feed>_<YYYYMMDD>_<HH>00.bin"
            )
        return cls(path.parent, feed, f"{day}_{hour}")

    @property
    def zst(self) -> Path:
        """Where the `.bin` lies compressed, if it does."""
        return self.bin.with_name(f"{self.bin.name}.zst")

    @property
    def data(self) -> Path:
        """The file that is read: the `.bin`, or where that is gone its archive."""
        return self.zst if not self.bin.exists() and self.zst.exists() else self.bin


def hours_of(directory: Path, feed: str) -> list[str]:
    """The recorded hours of a feed, oldest first, archived ones among them."""
    return sorted({hour for found, hour in _recorded(directory) if found == feed})


def feeds_of(directory: Path) -> list[str]:
    """The feeds whose journals lie in a directory."""
    return sorted({feed for feed, _ in _recorded(directory)})


def _recorded(directory: Path) -> Iterator[tuple[str, str]]:
    """Feed and hour of every data file in a directory; an hour that lies there twice comes twice."""
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries]
    except FileNotFoundError:
        return
    for found in filter(None, map(_DATA_FILE.fullmatch, names)):
        yield found[1], found[2]


def check_feed_name(feed: str) -> None:
    """Refuse a feed whose name could not be a file's."""
    if not _FEED.fullmatch(feed):
        raise JournalError(f"{feed!r} cannot name a feed", hint="letters, digits, _ . and - only")
