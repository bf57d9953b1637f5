"""The jobs that work on what the desk has: its files, databases and cache, its records and its machine."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Any, Final

from tests.jobs.faults.cells import (
    CACHES,
    DUMPS,
    FAULTS,
    GONE,
    LOADS,
    NO_FORMAT,
    NO_TABLE,
    NOTHING_FETCHED,
    OPEN_DAY,
    PROCESSES,
    REGISTRY,
    Row,
    Trial,
)
from tests.jobs.faults.strikes import full_disk, growing, nothing, pipe, silent_server, spoilt, unreadable

_COPY = ("--source", "inbox/nsccl.*", "--destination", "archive")
_INBOX = "inbox/nsccl.20261120.s.spn"
_SILENT_MYSQL = (
    *("--host", "127.0.0.1", "--port", "{silent}", "--user", "desk", "--database", "desk"),
    *("--mysql_container_name", ""),
)
_SILENT_REDIS = {"stores": {"cache": "redis://127.0.0.1:{silent}/0"}}
_MARGINS = ("--tables", "Margins")
_GAINERS = ("download_nse_most_active_scripts",)
_CASH, _BACKUP = ("upload_cash_margin",), ("db_backup",)
_REPORTS_NOTHING = (
    "what does not answer, or answers wrongly, is what this job reports, and never its failure"
    " (tests/jobs/library/test_store_adapter_info.py)"
)
_WATCHES = "it watches processes of this machine; a Docker engine, mail server or cache in trouble is logged"


_TODAY = ("--date", "2026-11-20")
_SPOILT = r"desk_20261119_0900\.bin\.zst is damaged, or no archive"
_PACKS = "it packs whatever bytes the journal has; what is not sound in them is in the note and the manifest"


def _recorded(day: str, number: int) -> dict[str, bytes]:
    """An hour that somebody recorded, of a few hundred KB that hardly become smaller."""
    at_ms = 1_795_000_000_000 + number
    noise = b"".join(hashlib.sha256(f"{day} {n}".encode()).digest() for n in range(8000))
    return {f"data/raw_ticks/desk/desk_{day}_0900.bin": struct.pack(">QI", at_ms, len(noise)) + noise}


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _a_page(_: bytes) -> bytes:
    return b"<!DOCTYPE html><html><body>Sign in</body></html>\n"


def _nothing(_: bytes) -> bytes:
    return b""


def _behind_backup(pattern: str, arguments: tuple[str, ...]) -> dict[str, Trial | str]:
    """A job that removes, and wants the day's backup, whole and verified, before it does."""
    place = f"data/backups/{pattern}"
    return {
        "missing": Trial(spoilt(place, None), r"no verified backup.*gz is missing"),
        "forbidden": Trial(unreadable(place), r"no verified backup.*gz cannot be read: Permission denied", humble=True),
        "html": Trial(spoilt(place, _a_page), r"no verified backup.*gz has 49 bytes instead of"),
        "truncated": Trial(spoilt(place, _half), r"no verified backup.*gz has [\d,]+ bytes instead of"),
        "wrong_date": Trial(nothing, "no verified backup.*for 2026-11-23", (*arguments, "--date", "2026-11-23")),
        "empty": Trial(spoilt(place, _nothing), r"no verified backup.*gz has 0 bytes instead of"),
        "drip": "it reads the backup's file from a disk; a database or cache is asked in single statements",
    }


def _registry(change: Any, says: str) -> Trial:
    return Trial(spoilt("process.json", change), says, codes=(2,))


ROWS: Final[Mapping[str, Row]] = {
    "archive_journal": Row(
        {
            "missing": "an hour that was not recorded is not missed; a day without any has nothing to archive",
            "forbidden": Trial(
                unreadable("data/raw_ticks/desk/desk_20261120_0900.bin"),
                "desk_20261120_0900.bin: .*Permission denied",
                _TODAY,
                humble=True,
            ),
            "html": Trial(spoilt("data/raw_ticks/desk/*.zst", _a_page), _SPOILT),
            "truncated": Trial(spoilt("data/raw_ticks/desk/*.zst", _half), _SPOILT),
            "wrong_date": "it archives the hours up to the end of whatever date it is given",
            "changed_column": _PACKS,
            "empty": Trial(spoilt("data/raw_ticks/desk/*.zst", _nothing), _SPOILT),
            "hang": NOTHING_FETCHED,
            "drip": NOTHING_FETCHED,
            "disk_full": Trial(full_disk("data/raw_ticks"), "no room for desk_20261120_0900.bin.zst in ", _TODAY),
            GONE: NO_TABLE,
        },
        arguments=("--date", "2026-11-19"),
        files=_recorded("20261119", 1) | _recorded("20261120", 2),
        desk={"data_retention": {"hot_storage_days": 30}},
    ),
    "copy_files_src_dst": Row(
        {
            "missing": Trial(spoilt("inbox/*", None), "no file matches .*inbox/nsccl"),
            "forbidden": Trial(unreadable("inbox/*"), f"{_INBOX} cannot be read: Permission denied", humble=True),
            "html": NO_FORMAT,
            "truncated": f"{NO_FORMAT}; a source that is still being written is tried under slow drip",
            "wrong_date": NO_FORMAT,
            "changed_column": NO_FORMAT,
            "empty": NO_FORMAT,
            "hang": Trial(pipe(_INBOX), "no file matches .*inbox/nsccl"),
            "drip": Trial(
                growing(_INBOX), f"{_INBOX} is still being written", (*_COPY, "--settle_s", "0.2"), lives="inbox/"
            ),
            "disk_full": Trial(full_disk("archive", 100), "no room for nsccl.20261120.s.spn in .*archive"),
            GONE: NO_TABLE,
        },
        arguments=(*_COPY, "--settle_s", "0"),
        files={_INBOX: bytes(300_000)},
    ),
    "db_backup": Row(
        {
            "missing": Trial(nothing, "desk at 127.0.0.1:[0-9]+ failed .*Can't connect", _SILENT_MYSQL),
            "forbidden": Trial(unreadable("reference/reference.db"), "reference.db cannot be opened", humble=True),
            "html": Trial(spoilt("reference/reference.db", _a_page), "reference.db is damaged, or no database"),
            "truncated": Trial(spoilt("reference/reference.db", _half), "reference.db is damaged.*malformed"),
            "wrong_date": "a database is backed up as it is now",
            "changed_column": "it copies whatever tables and columns there are",
            "empty": "an empty file is an empty SQLite database, and is backed up as one",
            "hang": Trial(silent_server, "desk at 127.0.0.1:[0-9]+ failed .*Lost connection", _SILENT_MYSQL),
            "drip": "a large database may take its time; the runner's time limit ends a dump that takes too long",
            "disk_full": Trial(full_disk("data"), "data/backups has no room for reference_"),
            GONE: DUMPS,
        },
        before=(_CASH,),
    ),
    "db_clean": Row(
        _behind_backup("reference_*.db.gz", _MARGINS)
        | {
            "changed_column": Trial(nothing, "Margins has no column IsDeleted", ("--tables", "Margins:soft")),
            "hang": Trial(
                silent_server, "desk at 127.0.0.1:[0-9]+ failed .*Lost connection", (*_SILENT_MYSQL, *_MARGINS)
            ),
            "disk_full": Trial(full_disk("reference"), "reference.db: .*(disk|full)"),
            GONE: LOADS,
        },
        arguments=_MARGINS,
        before=(_CASH, _BACKUP),
        again=(_CASH,),
    ),
    "cache_backup": Row(
        {
            "missing": "a desk without a cache yet has an empty one",
            "forbidden": Trial(unreadable("cache/cache.db*"), "cache.db cannot be", humble=True),
            "html": Trial(spoilt("cache/cache.db", _a_page), "cache.db is damaged, or no database"),
            "truncated": Trial(spoilt("cache/cache.db", _half), "cache.db is damaged.*malformed"),
            "wrong_date": "entries carry their times, and may be of any age",
            "changed_column": "entries are bytes to it",
            "empty": "an empty file is an empty cache, and is backed up as one",
            "hang": Trial(silent_server, "Redis server 127.0.0.1:[0-9]+ cannot be reached", overlay=_SILENT_REDIS),
            "drip": "a cache is asked entry by entry, and each answer has its time limit, tried under hang",
            "disk_full": Trial(full_disk("data"), "data/backups has no room for cache_"),
            GONE: CACHES,
        },
        before=(_GAINERS,),
    ),
    "cache_delete": Row(
        _behind_backup("cache_*.jsonl.gz", ())
        | {
            "changed_column": "entries are bytes to it",
            "hang": Trial(silent_server, "Redis server 127.0.0.1:[0-9]+ cannot be reached", overlay=_SILENT_REDIS),
            "disk_full": Trial(full_disk("cache"), "the cache .*cache.db cannot be .* disk"),
            GONE: CACHES,
        },
        before=(_GAINERS, ("cache_backup",)),
        again=(_GAINERS,),
    ),
    "data_quality": Row(
        {
            "missing": Trial(
                spoilt("data/universe/*", None), "there is no universe file .*data/universe/desk_20261120.json"
            ),
            "forbidden": Trial(
                unreadable("data/quality"), "data/quality/.* cannot be written: Permission", humble=True
            ),
            "html": Trial(spoilt("data/universe/*", _a_page), "the universe file .*desk_20261120.json is spoilt"),
            "truncated": Trial(spoilt("data/universe/*", _half), "the universe file .*desk_20261120.json is spoilt"),
            "wrong_date": "it is asked for a date and looks for that date's records only",
            "changed_column": "it reads only what the desk itself wrote",
            "empty": Trial(spoilt("data/universe/*", _nothing), "the universe file .*desk_20261120.json is spoilt"),
            "hang": NOTHING_FETCHED,
            "drip": NOTHING_FETCHED,
            "disk_full": Trial(full_disk("data/quality"), "data/quality has no room for 2026-11-20"),
            GONE: NO_TABLE,
        },
        desk={"feeds": {"desk": {"venue": "kite", "universe": "sensex_atm"}}},
        files={"data/universe/desk_20261120.json": b'{"instruments": {"SENSEX": {"token": 265, "type": "INDEX"}}}'},
    ),
    "day_report": Row(
        {
            "missing": "a day of which nothing was kept is reported as such",
            "forbidden": Trial(
                unreadable("data/reports"), "data/reports/.* cannot be written: Permission", humble=True
            ),
            "html": Trial(spoilt("data/desk.db", _a_page), "desk.db is damaged, or no database"),
            "truncated": Trial(spoilt("data/desk.db", _half), "desk.db is damaged.*malformed"),
            "wrong_date": "it is asked for a date and looks for that date's records only",
            "changed_column": "it reads only what the desk itself wrote",
            "empty": "a day without one record is reported as such",
            "hang": NOTHING_FETCHED,
            "drip": NOTHING_FETCHED,
            "disk_full": Trial(full_disk("data/reports"), "data/reports has no room for 2026-11-20"),
            GONE: NO_TABLE,
        },
        before=(OPEN_DAY,),
        desk=REGISTRY,
        files=PROCESSES,
    ),
    "process_monitor": Row(
        {
            "missing": _registry(None, "process.json: 1 problem.*does not exist"),
            "forbidden": Trial(
                unreadable("process.json"),
                "process.json: 1 problem.*Permission denied .look at its owner and mode",
                humble=True,
                codes=(2,),
            ),
            "html": _registry(_a_page, "process.json: 1 problem.*not JSON"),
            "truncated": _registry(_half, "process.json: 1 problem.*not JSON"),
            "wrong_date": "the registry carries no date",
            "changed_column": _registry(lambda text: text.replace(b'"title"', b'"titel"'), "did you mean 'title'"),
            "empty": _registry(_nothing, "process.json: 1 problem.*not JSON"),
            "hang": _WATCHES,
            "drip": _WATCHES,
            "disk_full": Trial(full_disk("cache"), "the cache .*cache.db cannot be .* disk"),
            GONE: Trial(nothing, "Redis server 127.0.0.1:[0-9]+ cannot be reached", overlay=_SILENT_REDIS),
        },
        arguments=("--once",),
        desk=REGISTRY,
        files=PROCESSES,
    ),
    "store_adapter_info": Row(
        dict.fromkeys(FAULTS, _REPORTS_NOTHING)
        | {"disk_full": Trial(full_disk("cache"), "the cache .*cache.db cannot be .* disk"), GONE: CACHES},
    ),
}
