"""Which hours may be compressed, which raw files may go, and why others stay."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import Final

from muhurat.capture.archive.base import Rules
from muhurat.capture.journal.format import HOUR_NS, HourPaths, hour_start_ns, hours_of
from muhurat.capture.journal.info import hour_info
from muhurat.capture.journal.lock import writer_pid
from muhurat.capture.journal.offline import journal_files
from muhurat.capture.journal.reader import saved_positions
from muhurat.capture.journal.recovery import ends_closed
from muhurat.capture.journal.rows import latest_ts_ns
from muhurat.capture.journal.writer import JournalWriter
from muhurat.clock import IST, Clock
from muhurat.errors import JournalError

_HOUR_INDEX: Final = re.compile(r".+_\d{8}_\d{2}00\.idx")
_LONGEST_WAIT_NS: Final = 24 * HOUR_NS


def hours_up_to(journals: Path, day: date) -> list[HourPaths]:
    """Every hour of a folder's journals until the end of a day, oldest first; none where nothing was recorded."""
    try:
        found = journal_files(journals)
    except JournalError:
        return []
    return sorted((paths for paths in found if day_of(paths) <= day), key=lambda paths: (paths.hour, paths.feed))


def lost_hours(journals: Path, day: date) -> list[HourPaths]:
    """Hours until the end of a day whose index knows records, while neither their data nor an archive is there."""
    found = (HourPaths.of(path) for path in sorted(journals.glob("**/*.idx")) if _HOUR_INDEX.fullmatch(path.name))
    gone = (paths for paths in found if not (paths.bin.exists() or paths.zst.exists()) and day_of(paths) <= day)
    return [paths for paths in gone if latest_ts_ns(paths.idx)]


def day_of(paths: HourPaths) -> date:
    """The Indian date of an hour."""
    return datetime.strptime(paths.hour[:8], "%Y%m%d").replace(tzinfo=IST).date()


def not_yet(paths: HourPaths, now_ns: int) -> str:
    """Why an hour cannot be compressed for now; empty when it can."""
    if now_ns < hour_start_ns(paths.hour) + HOUR_NS:
        return "its hour is not over"
    writer = writer_pid(paths.bin.parent, paths.feed)
    if writer is not None and hours_of(paths.bin.parent, paths.feed)[-1] == paths.hour:
        return f"process {writer} still writes it"
    return ""


def close_left_behind(paths: HourPaths, clock: Clock) -> None:
    """Repair and close an hour whose writer died and was followed by none; raises `JournalError`."""
    directory = paths.bin.parent
    if paths.idx.exists() and not ends_closed(paths) and writer_pid(directory, paths.feed) is None:
        JournalWriter(directory, paths.feed, clock).close()


def is_hot(paths: HourPaths, rules: Rules, today: date) -> bool:
    """Whether an hour is so young that its raw file stays."""
    return (today - day_of(paths)).days < rules.hot_days


def unread(paths: HourPaths, now_ns: int) -> str:
    """Which reader has not passed an hour yet; empty when all have. After a day it may read the archive."""
    if now_ns >= hour_start_ns(paths.hour) + HOUR_NS + _LONGEST_WAIT_NS:
        return ""
    records = None
    for name, position in saved_positions(paths.bin.parent).items():
        if position.hour > paths.hour:
            continue
        records = hour_info(paths)["records"] if records is None else records
        if position.hour < paths.hour or position.ordinal < records:
            return f"reader {name} is at {position}"
    return ""


def files_of(paths: HourPaths) -> list[Path]:
    """The files of an archived hour, the archive itself last: as long as it is there the hour is known."""
    aside = sorted(paths.bin.parent.glob(f"{paths.bin.stem}.*.torn-*"))
    return [path for path in (*aside, paths.ctl, paths.idx, paths.zst) if path.exists()]
