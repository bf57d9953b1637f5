"""Every job against every fault: how it is tried, or why it cannot happen to this job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.jobs.faults import strikes
from tests.jobs.faults.strikes import Strike, broker, full_disk, gateway, growing, spoilt, unreadable, venue

FAULTS: Final = {
    "missing": "404",
    "forbidden": "403",
    "html": "200 with HTML",
    "truncated": "truncated",
    "wrong_date": "wrong date",
    "changed_column": "changed column",
    "empty": "empty file",
    "hang": "hang",
    "drip": "slow drip",
    "disk_full": "disk full",
    "database_gone": "database gone",
}
"""The issue's faults, in its order, and what they are called in the table."""

GONE: Final = "database_gone"


@dataclass(frozen=True, slots=True)
class Trial:
    """One cell that is tried: what is done to the job, and what its error has to say (a regular expression).

    `arguments`, where given, replace the row's; `humble` needs a process that is bound by the modes of files.
    """

    strike: Strike
    says: str
    arguments: tuple[str, ...] | None = None
    humble: bool = False
    overlay: Mapping[str, Any] | None = None
    codes: tuple[int, ...] = (1, 75)


@dataclass(frozen=True, slots=True)
class Row:
    """One job: how it is called, what runs before it on its desk, and its cells; a text is a reason for no trial.

    A cell of `database_gone` that is tried is `LOADS`: test_database_gone.py tries it.
    """

    cells: Mapping[str, Trial | str]
    arguments: tuple[str, ...] = ()
    before: tuple[tuple[str, ...], ...] = ()
    again: tuple[tuple[str, ...], ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    desk: Mapping[str, Any] = field(default_factory=dict)
    talks: frozenset[str] = frozenset()


LOADS: Final = Trial(strikes.nothing, r"went away|Lost connection|\(2013\)")
"""The database server dies while the job's transaction holds rows."""

_NO_TABLE: Final = "it writes no table of a database"


def _page(path: str) -> str:
    return rf"{path}\S* answered HTTP"


def _http(port: str, path: str, shown: str, **special: Trial | str) -> dict[str, Trial | str]:
    """A file over HTTP: every fault of the simulated venue. `shown` is how errors name the file."""
    says = {
        "missing": "answered HTTP 404",
        "forbidden": "answered HTTP 403",
        "html": "with a web page instead of the file",
        "truncated": "",
        "wrong_date": "",
        "changed_column": "",
        "empty": "",
        "hang": "did not answer within 1 s",
        "drip": "only drips",
    }
    cells: dict[str, Trial | str] = {
        name: Trial(venue(port, name, path), f"{shown}.*{text}") for name, text in says.items()
    }
    return cells | special


_BHAVCOPY = "BhavCopy_NSE_FO_0_0_0_20261119_F_0000.csv"
_KITE_LIVE = "the broker's answer is of this moment and carries no date"


def _kite(path: str, renamed: tuple[bytes, bytes], what: str, **special: Trial | str) -> dict[str, Trial | str]:
    """The broker's REST: the simulated Kite's own faults, and for what it has not a gateway's."""
    return {
        "missing": Trial(gateway("missing", path), what),
        "forbidden": Trial(broker("rest_403", path), what),
        "html": Trial(gateway("html", path), what),
        "truncated": Trial(gateway("truncated", path), what),
        "wrong_date": _KITE_LIVE,
        "changed_column": Trial(gateway("changed", path, renamed), what),
        "empty": Trial(strikes.without_rows(path, b'{"status":"success","data":{}}'), what),
        "hang": Trial(broker("timeout", path), what),
        "drip": Trial(gateway("drip", path), what),
        "disk_full": Trial(full_disk("reference"), "reference.db"),
        "database_gone": LOADS,
        **special,
    }


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _a_page(_: bytes) -> bytes:
    return b"<!DOCTYPE html><html><body>Sign in</body></html>\n"


def _nothing(_: bytes) -> bytes:
    return b""


_MEMBER = ("--member_code", "90999", "--login_id", "SIMDESK01", "--encrypted_password", "${env:EXTRANET_PASSWORD}")
_FTP_FILE = "/faoftp/faocommon/contract.gz"
_REGISTRY = {"jobs": {"registry": "process.json"}}

_COPY = ("--source", "inbox/nsccl.*", "--destination", "archive")
_BYTES = "it copies bytes as they are and knows no format; whoever reads the copy judges it"
_SILENT = ("--host", "127.0.0.1", "--port", "{silent}", "--user", "u", "--database", "d", "--mysql_container_name", "")
_PROCESSES = {
    "process.json": b"""{"processes": [{"title": "Copy files", "process_type": "BOD", "order": 1, "is_active": false,
 "application_path": "builtin:copy_files_src_dst", "parameter": {"source": "x", "destination": ["y"]}}],
 "process_monitor": [{"title": "Tests", "process": "pytest"}]}
"""
}


def _behind_backup(pattern: str) -> dict[str, Trial | str]:
    """A job that removes, and wants the day's backup, whole and verified, before it does."""
    place, none = f"data/backups/{pattern}", "there is no verified backup"
    return {
        "missing": Trial(spoilt(place, None), none),
        "forbidden": Trial(unreadable(place), none, humble=True),
        "html": Trial(spoilt(place, _a_page), none),
        "truncated": Trial(spoilt(place, _half), none),
        "wrong_date": Trial(strikes.nothing, none, ("--date", "2026-11-23")),
        "empty": Trial(spoilt(place, _nothing), none),
        "drip": "nothing is fetched",
    }


ROWS: Final[Mapping[str, Row]] = {
    "download_and_process_bhavcopy": Row(
        _http("nse_archives", "/content/fo/", _BHAVCOPY)
        | {"disk_full": Trial(full_disk("downloads", 100), "no room"), "database_gone": LOADS},
    ),
    "download_banned_instruments": Row(
        _http("nse_archives", "/content/fo/fo_secban.csv", "fo_secban.csv")
        | {"disk_full": Trial(full_disk("downloads"), "no room"), "database_gone": LOADS},
        arguments=("--date", "2026-11-23"),
    ),
    "nse_span_downloader": Row(
        _http("nse_archives", "/archives/nsccl/span/", "span")
        | {"disk_full": Trial(full_disk("downloads", 100), "no room"), "database_gone": LOADS},
    ),
    "download_nse_most_active_scripts": Row(
        _http("nse", "/api/live-analysis-variations", "live-analysis-variations")
        | {
            "wrong_date": "the list says no date",
            "disk_full": Trial(full_disk("cache"), "cache"),
            "database_gone": _NO_TABLE + "; the list goes into the cache",
        },
    ),
    "download_bse_contract_master": Row(
        _http("bse", "/downloads1/CO_BSE.zip", "CO_BSE.zip")
        | {"disk_full": Trial(full_disk("downloads", 100), "no room"), "database_gone": _NO_TABLE},
    ),
    "copy_bse_fo_files": Row(
        _http("bse", "/download/BhavCopy/Derivative/", "BhavCopy_BSE_FO_0_0_0_20261120")
        | {"disk_full": Trial(full_disk("downloads", 100), "no room"), "database_gone": LOADS},
    ),
    "download_contract_master": Row(
        _http("connect2nse", "/extranet-api/common/file/download", "")
        | {"disk_full": Trial(full_disk("downloads", 100), "no room"), "database_gone": _NO_TABLE},
        arguments=_MEMBER,
    ),
    "ftp_downloader": Row(
        {
            "missing": Trial(venue("ftp", "missing", _FTP_FILE), "contract.gz"),
            "forbidden": Trial(venue("ftp", "forbidden"), "logging in"),
            "html": "it fetches any file and knows no format; FTP has no pages in place of a file",
            "truncated": Trial(venue("ftp", "short", _FTP_FILE), "contract.gz"),
            "wrong_date": "it fetches any file and knows no date inside; whoever reads the file does",
            "changed_column": "it fetches any file and knows no columns; whoever reads the file does",
            "empty": Trial(venue("ftp", "empty", _FTP_FILE), "contract.gz"),
            "hang": Trial(venue("ftp", "hang", _FTP_FILE), "contract.gz"),
            "drip": Trial(venue("ftp", "drip", _FTP_FILE), "contract.gz"),
            "disk_full": Trial(full_disk("downloads", 100), "no room"),
            "database_gone": _NO_TABLE,
        },
    ),
    "upload_cash_margin": Row(_kite("/user/margins", (b'"available"', b'"free"'), "the margins")),
    "upload_holding_and_position": Row(
        _kite(
            "/portfolio/holdings",
            (b'"isin"', b'"code"'),
            "the holdings",
            empty="an account without holdings and positions is an ordinary one",
        )
    ),
    "upload_instrument_master": Row(
        _kite(
            "/instruments/BFO",
            (b"lot_size", b"lotsize"),
            "/instruments/BFO",
            forbidden=Trial(gateway("forbidden", "/instruments/BFO"), "/instruments/BFO"),
            wrong_date="the broker's dump carries no date; it is the one of this moment",
            empty=Trial(strikes.without_rows("/instruments/"), "lists no instruments"),
        )
    ),
    "prepare_universe": Row(
        _kite(
            "/instruments/BFO",
            (b"lot_size", b"lotsize"),
            "/instruments/BFO",
            forbidden=Trial(broker("rest_403", "/quote/ltp"), "last prices"),
            wrong_date="the broker's dump carries no date; it is the one of this moment",
            empty=Trial(strikes.without_rows("/quote/ltp", b'{"status":"success","data":{}}'), "SENSEX"),
            disk_full=Trial(full_disk("data"), "no room"),
            database_gone=_NO_TABLE,
        ),
        arguments=("--again",),
        desk={"feeds": {"sensex_desk": {"venue": "kite", "universe": "sensex_atm"}}},
    ),
    "go_no_go": Row(
        {
            "missing": Trial(gateway("missing", "/user/profile"), "session: "),
            "forbidden": Trial(broker("rest_403", "/user/profile"), "session: "),
            "html": Trial(gateway("html", "/user/profile"), "session: "),
            "truncated": Trial(gateway("truncated", "/user/profile"), "session: "),
            "wrong_date": Trial(
                strikes.nothing,
                "instrument master: of 2026-11-20",
                ("--least-free-gb", "0.01", "--date", "2026-11-23"),
            ),
            "changed_column": Trial(gateway("changed", "/user/profile", (b'"user_id"', b'"id"')), "session: "),
            "empty": Trial(strikes.without_rows("/user/profile", b'{"status":"success","data":{}}'), "session: "),
            "hang": Trial(broker("timeout", "/user/profile"), "session: "),
            "drip": Trial(gateway("drip", "/user/profile"), "session: "),
            "disk_full": Trial(full_disk("data"), "disk: 0.0 GB free"),
            "database_gone": "it reads one row and loads none",
        },
        arguments=("--least-free-gb", "0.01"),
        before=(("upload_instrument_master",), ("day",)),
        desk=_REGISTRY,
        files=_PROCESSES,
        talks=frozenset({"day:go_no_go"}),
    ),
    "copy_files_src_dst": Row(
        {
            "missing": Trial(spoilt("inbox/*", None), "no file matches"),
            "forbidden": Trial(unreadable("inbox/*"), "cannot be read", humble=True),
            "html": _BYTES,
            "truncated": _BYTES,
            "wrong_date": _BYTES,
            "changed_column": _BYTES,
            "empty": _BYTES,
            "hang": Trial(strikes.pipe("inbox/nsccl.20261120.s.spn"), "no file matches"),
            "drip": Trial(
                growing("inbox/nsccl.20261120.s.spn"), "is still being written", (*_COPY, "--settle_s", "0.2")
            ),
            "disk_full": Trial(full_disk("archive", 100), "no room"),
            "database_gone": _NO_TABLE,
        },
        arguments=(*_COPY, "--settle_s", "0"),
        files={"inbox/nsccl.20261120.s.spn": bytes(300_000)},
    ),
    "db_backup": Row(
        {
            "missing": Trial(strikes.nothing, "connect", _SILENT),
            "forbidden": Trial(unreadable("reference/reference.db"), "reference.db", humble=True),
            "html": Trial(spoilt("reference/reference.db", _a_page), "reference.db"),
            "truncated": Trial(spoilt("reference/reference.db", _half), "reference.db"),
            "wrong_date": "a database carries no date",
            "changed_column": "it copies whatever tables there are",
            "empty": "an empty file is an empty SQLite database, and is backed up as one",
            "hang": Trial(strikes.silent_server, "", _SILENT),
            "drip": "a database is read by its own programs, which wait for a slow server; the runner's time limit ends them",
            "disk_full": Trial(full_disk("data"), "no room"),
            "database_gone": "it loads nothing",
        },
        before=(("upload_cash_margin",),),
    ),
    "db_clean": Row(
        _behind_backup("reference_*.db.gz")
        | {
            "changed_column": Trial(strikes.nothing, "has no column IsDeleted", ("--tables", "Margins:soft")),
            "hang": Trial(strikes.silent_server, "", (*_SILENT, "--tables", "Margins")),
            "disk_full": Trial(full_disk("reference"), "reference.db"),
            "database_gone": LOADS,
        },
        arguments=("--tables", "Margins"),
        before=(("upload_cash_margin",), ("db_backup",)),
        again=(("upload_cash_margin",),),
    ),
    "cache_backup": Row(
        {
            "missing": "a desk without a cache yet has an empty one",
            "forbidden": Trial(unreadable("cache/cache.db*"), "cache.db", humble=True),
            "html": Trial(spoilt("cache/cache.db", _a_page), "cache.db"),
            "truncated": Trial(spoilt("cache/cache.db", _half), "cache.db"),
            "wrong_date": "entries carry their times, and any may be old",
            "changed_column": "entries are bytes to it",
            "empty": "an empty file is an empty cache, and is backed up as one",
            "hang": Trial(strikes.silent_server, "", overlay={"stores": {"cache": "redis://127.0.0.1:{silent}/0"}}),
            "drip": "x",
            "disk_full": Trial(full_disk("data"), "no room"),
            "database_gone": "it loads nothing",
        },
        before=(("download_nse_most_active_scripts",),),
    ),
    "cache_delete": Row(
        _behind_backup("cache_*.jsonl.gz")
        | {
            "changed_column": "entries are bytes to it",
            "hang": Trial(strikes.silent_server, "", overlay={"stores": {"cache": "redis://127.0.0.1:{silent}/0"}}),
            "disk_full": Trial(full_disk("cache"), "cache.db"),
            "database_gone": _NO_TABLE,
        },
        before=(("download_nse_most_active_scripts",), ("cache_backup",)),
        again=(("download_nse_most_active_scripts",),),
    ),
    "day_report": Row(
        {
            "missing": "x",
            "forbidden": Trial(unreadable("data/reports*"), "reports", humble=True),
            "html": Trial(spoilt("data/desk.db", _a_page), "desk.db"),
            "truncated": Trial(spoilt("data/desk.db", _half), "desk.db"),
            "wrong_date": "x",
            "changed_column": "x",
            "empty": "x",
            "hang": "x",
            "drip": "x",
            "disk_full": Trial(full_disk("data"), "no room"),
            "database_gone": "x",
        },
        before=(("day",),),
        desk=_REGISTRY,
        files=_PROCESSES,
    ),
    "process_monitor": Row(
        {
            "missing": Trial(spoilt("process.json", None), "process.json", codes=(1, 2, 75)),
            "forbidden": Trial(unreadable("process.json"), "process.json", humble=True, codes=(1, 2, 75)),
            "html": Trial(spoilt("process.json", _a_page), "process.json", codes=(1, 2, 75)),
            "truncated": Trial(spoilt("process.json", _half), "process.json", codes=(1, 2, 75)),
            "wrong_date": "x",
            "changed_column": Trial(
                spoilt("process.json", lambda b: b.replace(b"title", b"titel")), "process.json", codes=(1, 2, 75)
            ),
            "empty": Trial(spoilt("process.json", _nothing), "process.json", codes=(1, 2, 75)),
            "hang": "x",
            "drip": "x",
            "disk_full": Trial(full_disk("cache"), "cache"),
            "database_gone": "x",
        },
        arguments=("--once",),
        desk=_REGISTRY,
        files=_PROCESSES,
    ),
    "store_adapter_info": Row(
        {
            "disk_full": Trial(full_disk("cache"), "cache"),
        },
    ),
}


def tried(fault: str | None = None) -> list[tuple[str, str]]:
    """The cells that are tried, all or of a fault."""
    return [
        (job, name)
        for job, row in ROWS.items()
        for name, cell in row.cells.items()
        if isinstance(cell, Trial) and fault in (None, name)
    ]


__all__ = ["FAULTS", "GONE", "LOADS", "ROWS", "Row", "Trial", "growing", "replace", "tried", "unreadable"]
