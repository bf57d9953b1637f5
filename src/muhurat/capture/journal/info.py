"""What a journal holds, told from its index alone: quick, and nothing is checked (see `verify`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from muhurat.capture.journal.format import AFTER_GAP, CLOCK_DOUBT, CONTROL, HEADER, RECOVERED, HourPaths
from muhurat.capture.journal.lock import writer_pid
from muhurat.capture.journal.offline import read_control
from muhurat.capture.journal.reader import saved_positions
from muhurat.capture.journal.recovery import ends_closed
from muhurat.capture.journal.rows import IndexRows, Row, ScannedRows
from muhurat.capture.journal.scan import header_of, open_bytes, order_of
from muhurat.clock import ist

_BATCH: Final = 65_536


def hour_info(paths: HourPaths) -> dict[str, Any]:
    """One hour in numbers. `largest` is the longest payload; times are ISO 8601, None without records."""
    rows = _data_rows(paths)
    flags = [row[5] for row in rows]
    gaps = sum(entry.entry.get("event") == "gap" for entry in read_control(paths)) if paths.ctl.exists() else 0
    return {
        "feed": paths.feed,
        "hour": paths.hour,
        "records": len(rows),
        "bytes": sum(HEADER.size + row[4] for row in rows),
        "first": _iso(rows[0][1]) if rows else None,
        "last": _iso(rows[-1][1]) if rows else None,
        "largest": max((row[4] for row in rows), default=0),
        "gaps": gaps,
        "after_gap": sum(bool(flag & AFTER_GAP) for flag in flags),
        "clock_doubt": sum(bool(flag & CLOCK_DOUBT) for flag in flags),
        "recovered": sum(bool(flag & RECOVERED) for flag in flags) if paths.idx.exists() else 0,
        "byte_order": order_of(open_bytes(paths.bin)),
        "indexed": paths.idx.exists(),
        "archived": paths.zst.exists() or paths.bin.suffix == ".zst",
        "closed": paths.idx.exists() and ends_closed(paths),
    }


def readers_info(hours: Sequence[HourPaths]) -> list[dict[str, Any]]:
    """Who follows the journals of these hours, how far they have come, and who writes."""
    folders = dict.fromkeys((paths.bin.parent, paths.feed) for paths in hours)
    return [row for folder, feed in folders for row in _folder_info(folder, feed)]


def _folder_info(folder: Path, feed: str) -> list[dict[str, Any]]:
    writer = writer_pid(folder, feed)
    writing = [{"feed": feed, "who": f"writer, process {writer}", "position": None}] if writer is not None else []
    return writing + [
        {"feed": feed, "who": f"reader {name}", "position": str(position)}
        for name, position in saved_positions(folder).items()
    ]


def _data_rows(paths: HourPaths) -> list[Row]:
    rows = (
        IndexRows(paths.idx)
        if paths.idx.exists()
        else ScannedRows(paths.bin, header_of(open_bytes(paths.bin), "auto"), hour=paths.hour)
    )
    found: list[Row] = []
    while batch := rows.peek(_BATCH):
        found += [row for row in batch if not row[5] & CONTROL]
        rows.skip(len(batch))
    rows.close()
    return found


def _iso(ts_ns: int) -> str:
    return ist(ts_ns).isoformat(timespec="milliseconds")
