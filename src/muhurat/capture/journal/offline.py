"""Read journal files as they lie on the disk: one file, one feed or a whole folder of feeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from muhurat.capture.journal.data import ZST, archived
from muhurat.capture.journal.format import (
    NS_PER_MS,
    ControlRecord,
    HourPaths,
    Record,
    feeds_of,
    hour_name,
    hours_of,
)
from muhurat.capture.journal.hour_reader import Entry, HourReader
from muhurat.capture.journal.lock import writer_pid
from muhurat.capture.journal.scan import ByteOrder, Found, header_of, open_bytes, scan
from muhurat.errors import JournalError

_BATCH: Final = 4096


def journal_files(path: Path) -> list[HourPaths]:
    """The hours that a path means: a file's own, those of a feed's folder, or of every feed's folder below it.

    Raises `JournalError` when there are none.
    """
    if path.is_dir():
        folders = [path, *sorted(child for child in path.iterdir() if child.is_dir())]
        found = [
            HourPaths(folder, feed, hour)
            for folder in folders
            for feed in feeds_of(folder)
            for hour in hours_of(folder, feed)
        ]
    else:
        found = [file_paths(path)] if path.exists() or archived(path).exists() else []
    if not found:
        raise JournalError(f"there is no journal at {path}", hint="name a .bin or .bin.zst file, or a folder with some")
    return found


def file_paths(path: Path) -> HourPaths:
    """The hour of one file; data with a name of its own gets its hour from its first record.

    An archive that is named is read itself, also where its `.bin` is still there.
    """
    try:
        paths = HourPaths.of(path)
    except JournalError:
        if not path.name.endswith((".bin", ".bin.zst")):
            raise
    else:
        paths.bin = path if path.suffix == ZST else paths.bin
        return paths
    data = open_bytes(path)
    first = next((part for part in scan(data, header=header_of(data, "auto")) if isinstance(part, Found)), None)
    if first is None:
        raise JournalError(f"{path} holds no journal record", hint="expected [timestamp_ms u64][length u32][payload] …")
    return HourPaths.alone(path, hour_name(first.timestamp_ms * NS_PER_MS))


def read_entries(paths: HourPaths, byte_order: ByteOrder = "auto") -> Iterator[Entry]:
    """Every complete record and control entry of an hour in order of arrival, past damage, indexed or not."""
    header = header_of(open_bytes(paths.bin), byte_order)
    reader = HourReader(paths, header=header)
    abandoned = writer_pid(paths.bin.parent, paths.feed) is None
    try:
        while True:
            while entries := reader.read(_BATCH, True):
                yield from entries
            if not (abandoned and reader.turn_to_tail()):
                return
    finally:
        reader.close()


def read_between(paths: HourPaths, from_ns: int, to_ns: int) -> Iterator[Entry]:
    """The entries of an hour from the first received at `from_ns` up to the first received at `to_ns` or later.

    What lies before is not read, nor decompressed.
    """
    reader = HourReader(paths, header=header_of(open_bytes(paths.bin), "auto"))
    try:
        reader.skip_before(from_ns)
        while entries := reader.read(_BATCH, True):
            for entry in entries:
                if entry.ts_recv_ns >= to_ns:
                    return
                yield entry
    finally:
        reader.close()


def read_file(path: Path, byte_order: ByteOrder = "auto") -> Iterator[Record]:
    """Every complete record of one `.bin` file, also of one that stands alone."""
    return (entry for entry in read_entries(file_paths(path), byte_order) if isinstance(entry, Record))


def read_control(paths: HourPaths) -> Iterator[ControlRecord]:
    """The control entries of an hour, in order."""
    return (entry for entry in read_entries(paths) if isinstance(entry, ControlRecord))
