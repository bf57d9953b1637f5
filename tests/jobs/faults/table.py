"""Every job against every fault: how the cell is tried, or why the fault cannot happen to this job.

`forbidden`, `html` and the like are tried at whatever a job reads: a venue's file, the broker's answer, a file of the
desk, the day's backup. What a job does not read, wait for or write is a reason, in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.jobs.faults.strikes import (
    Strike,
    broker,
    full_disk,
    gateway,
    growing,
    nothing,
    pipe,
    silent_server,
    spoilt,
    unreadable,
    venue,
    without_rows,
)

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
"""The faults, in the table's order, and what they are called there."""

SLOW: Final = ("hang", "drip")
GONE: Final = "database_gone"


@dataclass(frozen=True, slots=True)
class Trial:
    """One cell that is tried: what is done to the job, and what its error has to say (a regular expression).

    `arguments` replace the row's and `overlay` is laid over its desk, both with `{silent}` for a port on which nobody
    speaks. A `humble` one needs a process that is bound by the modes of files. What lies below `lives` may change.
    """

    strike: Strike
    says: str
    arguments: tuple[str, ...] | None = None
    overlay: Mapping[str, Any] = field(default_factory=dict)
    humble: bool = False
    codes: tuple[int, ...] = (1, 75)
    lives: str = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One job: its cells by fault (a text is the reason why there is no trial), and its desk.

    `before` runs first, `again` between the good run and the faults. `talks` are keys of the cache in which the job
    says how it failed; `keeps` the files (a regular expression) that a failed run leaves for the next one.
    """

    cells: Mapping[str, Trial | str]
    arguments: tuple[str, ...] = ()
    before: tuple[tuple[str, ...], ...] = ()
    again: tuple[tuple[str, ...], ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    desk: Mapping[str, Any] = field(default_factory=dict)
    talks: frozenset[str] = frozenset()
    keeps: str = "-"


LOADS: Final = Trial(nothing, r"cannot be reached, or went away|Lost connection")
"""The database server dies while the job's transaction holds rows: see test_database_gone.py."""

NOTHING_FETCHED = "it fetches nothing"
NO_FORMAT = "it copies bytes and knows no format; whoever reads the copy judges it"
NO_TABLE = "it writes no table of a database"
NO_DATE = "what is asked for is of this moment, and carries no date"

_HTTP: Final = {
    "missing": "answered HTTP 404",
    "forbidden": "answered HTTP 403",
    "html": "web page instead of the ",
    "hang": "did not answer within 0.7 s",
    "drip": "only drips, less than 1000 bytes a second",
}


def _http(port: str, path: str, shown: str, **says: str) -> dict[str, Trial | str]:
    """A file over HTTP against the simulated venue's own faults. `shown` is how errors name it; `says`, what else."""
    return {
        name: Trial(venue(port, name, path), text if name in says else f"{shown}.*{text}")
        for name, text in (_HTTP | says).items()
    }


def _kite(path: str, what: str, renamed: tuple[bytes, bytes]) -> dict[str, Trial | str]:
    """The broker's REST: the simulated Kite's own faults, and in a gateway those it has not."""
    return {
        "missing": Trial(gateway("missing", path), f"{what}: .*text/html.*Sign in"),
        "forbidden": Trial(broker("rest_403", path), f"{what}: Incorrect `api_key` or `access_token`"),
        "html": Trial(gateway("html", path), f"{what}: Kite did not answer as its API does.*text/html"),
        "truncated": Trial(gateway("truncated", path), f"{what}: .*{path} .it broke off with"),
        "wrong_date": NO_DATE,
        "changed_column": Trial(
            gateway("changed", path, renamed), f"{what}: .*not the documented form.*{_name(renamed)}"
        ),
        "empty": Trial(without_rows(path, b'{"status":"success","data":{}}'), f"{what}: "),
        "hang": Trial(broker("timeout", path), f"{what}: .*{path} .ReadTimeout"),
        "drip": Trial(gateway("drip", path), f"{what}: .*{path} .it only drips"),
    }


def _name(renamed: tuple[bytes, bytes]) -> str:
    return renamed[0].decode().strip('"')


def _dump(exchange: str) -> dict[str, Trial | str]:
    """The broker's dump of instruments, a CSV."""
    path = f"/instruments/{exchange}"
    return {
        "missing": Trial(gateway("missing", path), f"{path} answered HTTP 404"),
        "forbidden": Trial(gateway("forbidden", path), rf"{path} wants a valid session \(HTTP 403"),
        "html": Trial(gateway("html", path), f"{path} sent a web page instead of the dump"),
        "truncated": Trial(
            gateway("truncated", path), f"{path} could not be read: .*incomplete|without sending complete"
        ),
        "wrong_date": NO_DATE,
        "changed_column": Trial(gateway("changed", path, (b"lot_size", b"lotsize")), f"{path}: .* has no lot_size"),
        "hang": Trial(broker("timeout", path), f"{path} could not be read: timed out"),
        "drip": Trial(gateway("drip", path), f"{path} only drips"),
    }


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


_COPY = ("--source", "inbox/nsccl.*", "--destination", "archive")
_INBOX = "inbox/nsccl.20261120.s.spn"
_MEMBER = ("--member_code", "90999", "--login_id", "SIMDESK01", "--encrypted_password", "${env:EXTRANET_PASSWORD}")
_FTP_FILE = "/faoftp/faocommon/contract.gz"
_FTP = (
    *("--host", "127.0.0.1", "--port", "${env:FTP_PORT}", "--user", "simdesk", "--password", "${env:FTP_PASSWORD}"),
    *("--remote-file", _FTP_FILE, "--local-file", "downloads/contract.gz", "--timeout_s", "1.5", "--settle_s", "0"),
)
_SILENT_MYSQL = (
    *("--host", "127.0.0.1", "--port", "{silent}", "--user", "desk", "--database", "desk"),
    *("--mysql_container_name", ""),
)
_SILENT_REDIS = {"stores": {"cache": "redis://127.0.0.1:{silent}/0"}}
_REGISTRY = {"jobs": {"registry": "process.json"}}
_PROCESSES = {
    "process.json": b"""{"processes": [{"title": "Copy files", "process_type": "BOD", "order": 1, "is_active": false,
 "application_path": "builtin:copy_files_src_dst", "parameter": {"source": "x", "destination": ["y"]}}],
 "process_monitor": [{"title": "Tests", "process": "pytest"}]}
"""
}
_GAINERS = ("download_nse_most_active_scripts",)
_OPEN_DAY = ("day",)
"""Not a job: `muhurat day run bod`, which opens the day."""
_GO = ("--least-free-gb", "0.001")
_CASH, _BACKUP = ("upload_cash_margin",), ("db_backup",)
_MARGINS = ("--tables", "Margins")
_REPORTS_NOTHING = "what does not answer, or answers wrongly, is what this job reports; it never fails the day for it"
_WATCHES = "it watches processes of this machine; a Docker engine or mail server in trouble is logged, and it goes on"
_BHAVCOPY = "BhavCopy_NSE_FO_0_0_0_20261119_F_0000.csv.zip"
_BSE_FO = "BhavCopy_BSE_FO_0_0_0_20261120_F_0000.CSV"

ROWS: Final[Mapping[str, Row]] = {
    "download_and_process_bhavcopy": Row(
        _http(
            "nse_archives",
            "/content/fo/",
            _BHAVCOPY,
            truncated=f"{_BHAVCOPY} is no sound zip file",
            wrong_date=f"{_BHAVCOPY}: TradDt is 2026-11-18 where 2026-11-19 was asked for",
            changed_column=f"{_BHAVCOPY} has no column ClsPric; it has ClosePric instead",
            empty=f"{_BHAVCOPY}: 0 rows, where a whole day has at least",
        )
        | {"disk_full": Trial(full_disk("downloads", 100), "has no room for BhavCopy_NSE"), GONE: LOADS},
    ),
    "download_banned_instruments": Row(
        _http(
            "nse_archives",
            "/content/fo/fo_secban.csv",
            "/content/fo/fo_secban.csv",
            truncated="fo_secban.csv is no list of banned securities; it begins 'Securities in Ban",
            wrong_date="fo_secban.csv is the list of 2026-11-20, not of 2026-11-23",
            changed_column="fo_secban.csv is no list of banned securities; it begins 'Securities under Ban",
            empty="fo_secban.csv answered HTTP 200 .* with an empty file",
        )
        | {"disk_full": Trial(full_disk("downloads"), "has no room for fo_secban.csv"), GONE: LOADS},
        arguments=("--date", "2026-11-23"),
    ),
    "nse_span_downloader": Row(
        _http(
            "nse_archives",
            "/archives/nsccl/span/",
            "nsccl.20261120.i5.zip",
            missing="none of the SPAN files of 2026-11-20 is published; tried i5, i4, i3, i2, i1, s",
            truncated="nsccl.20261120.i5.zip is no sound zip file",
            wrong_date="nsccl.20261120.i5.zip is of 20261119, not of 20261120",
            changed_column="nsccl.20261120.i5.zip has a contract .* without a risk array",
            empty="nsccl.20261120.i5.zip is no whole XML file",
        )
        | {"disk_full": Trial(full_disk("downloads", 100), "has no room for nsccl.20261120"), GONE: LOADS},
    ),
    "download_nse_most_active_scripts": Row(
        _http(
            "nse",
            "/api/live-analysis-variations",
            "/api/live-analysis-variations",
            truncated="live-analysis-variations breaks off in its last line",
            changed_column="live-analysis-variations has no column LTP",
            empty="live-analysis-variations has no rows",
        )
        | {
            "wrong_date": "the list says no date",
            "disk_full": Trial(full_disk("cache"), "the cache .*cache.db cannot be .* disk"),
            GONE: f"{NO_TABLE}; the list goes into the cache, whole or not at all",
        },
    ),
    "download_bse_contract_master": Row(
        _http(
            "bse",
            "/downloads1/CO_BSE.zip",
            "/downloads1/CO_BSE.zip",
            missing="CO_BSE.zip answered HTTP 200 .* with a web page instead of the file.*BSE Ltd",
            truncated="CO_BSE.zip is no zip archive, or only the beginning of one",
            wrong_date="newest master is EQD_CO181126.csv of 2026-11-18, and that of 2026-11-19",
            changed_column="EQD_CO191126.csv, line 2: 69 times ','",
            empty="EQD_CO191126.csv has 0 contracts",
        )
        | {"disk_full": Trial(full_disk("downloads", 100), "has no room for scrip.zip"), GONE: NO_TABLE},
    ),
    "copy_bse_fo_files": Row(
        _http(
            "bse",
            "/download/BhavCopy/Derivative/",
            _BSE_FO,
            missing=f"{_BSE_FO} answered HTTP 200 .* with a web page instead of the file.*BSE Ltd",
            truncated=f"{_BSE_FO}: CSV parse error",
            wrong_date=f"{_BSE_FO}: TradDt is 2026-11-19 where 2026-11-20 was asked for",
            changed_column=f"{_BSE_FO} has no column ClsPric",
            empty=f"{_BSE_FO}: 0 rows",
        )
        | {"disk_full": Trial(full_disk("downloads", 100), f"has no room for {_BSE_FO}"), GONE: LOADS},
    ),
    "download_contract_master": Row(
        _http(
            "connect2nse",
            "/extranet-api/common/file/download",
            "/common/file/download/2.0",
            missing="the extranet refused CM /ntneat/security.gz: code 714",
            truncated="CM /ntneat/security.gz is cut off or damaged",
            wrong_date="contract.txt was made 2026-11-19 .* it is that of an earlier day",
            changed_column="contract.txt: Expected 69 columns, got 70",
            empty="contract.txt is empty but for its title",
        )
        | {"disk_full": Trial(full_disk("downloads", 100), "has no room for contract.gz"), GONE: NO_TABLE},
        arguments=_MEMBER,
    ),
    "ftp_downloader": Row(
        {
            "missing": Trial(venue("ftp", "missing", _FTP_FILE), f"ftp://127.0.0.1.*{_FTP_FILE}: .*550"),
            "forbidden": Trial(venue("ftp", "forbidden"), "ftp://127.0.0.1.*the login was refused: .*530"),
            "html": "FTP has no pages in place of a file, and this job knows no format",
            "truncated": Trial(venue("ftp", "short", _FTP_FILE), "contract.gz has [0-9,]+ bytes, and the server ended"),
            "wrong_date": "it fetches any file and knows no date inside; whoever reads the file does",
            "changed_column": "it fetches any file and knows no columns; whoever reads the file does",
            "empty": Trial(venue("ftp", "empty", _FTP_FILE), f"{_FTP_FILE} is empty"),
            "hang": Trial(venue("ftp", "hang", _FTP_FILE), "nothing came within 1.5 s"),
            "drip": Trial(venue("ftp", "drip", _FTP_FILE), f"{_FTP_FILE} only drips"),
            "disk_full": Trial(full_disk("downloads", 100), "has no room for contract.gz"),
            GONE: NO_TABLE,
        },
        arguments=_FTP,
        keeps=r"downloads/\.?contract\.gz\.part(\.json)?",
    ),
    "upload_cash_margin": Row(
        _kite("/user/margins", "the margins", (b'"available"', b'"free"'))
        | {
            "empty": Trial(
                without_rows("/user/margins", b'{"status":"success","data":{}}'), "not one segment with margins"
            ),
            "disk_full": Trial(full_disk("reference"), "reference.db cannot be .* disk"),
            GONE: LOADS,
        },
    ),
    "upload_holding_and_position": Row(
        _kite("/portfolio/holdings", "the holdings", (b'"isin"', b'"code"'))
        | {
            "empty": "an account without holdings and positions is an ordinary one",
            "disk_full": Trial(full_disk("reference"), "reference.db cannot be .* disk"),
            GONE: LOADS,
        },
    ),
    "upload_instrument_master": Row(
        _dump("BFO")
        | {
            "empty": Trial(without_rows("/instruments/"), "the broker lists no instruments of NSE, BSE, NFO, BFO"),
            "disk_full": Trial(full_disk("reference", 60), "reference.db .*(room|disk)"),
            GONE: LOADS,
        },
    ),
    "prepare_universe": Row(
        _dump("BFO")
        | {
            "forbidden": Trial(broker("rest_403", "/quote/ltp"), "last prices of 1: Incorrect `api_key`"),
            "empty": Trial(
                without_rows("/quote/ltp", b'{"status":"success","data":{}}'), "Kite gives no last price of BSE:SENSEX"
            ),
            "disk_full": Trial(full_disk("data"), "has no room for kite_instruments_20261120.csv"),
            GONE: NO_TABLE,
        },
        arguments=("--again",),
        desk={"feeds": {"sensex_desk": {"venue": "kite", "universe": "sensex_atm"}}},
    ),
    "go_no_go": Row(
        {
            name: Trial(cell.strike, cell.says.replace("the profile", "NO-GO: session: the profile"))
            for name, cell in _kite("/user/profile", "the profile", (b'"user_id"', b'"id"')).items()
            if isinstance(cell, Trial)
        }
        | {
            "wrong_date": Trial(nothing, "instrument master: of 2026-11-20", (*_GO, "--date", "2026-11-23")),
            "disk_full": Trial(full_disk("data"), "NO-GO: .*disk: 0.0 GB free"),
            GONE: "it reads one row and loads none",
        },
        arguments=_GO,
        before=(("upload_instrument_master",), _OPEN_DAY),
        desk=_REGISTRY,
        files=_PROCESSES,
        talks=frozenset({"day:go_no_go"}),
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
            GONE: "it loads nothing; a dump that fails half-way is tried in tests/jobs/backup/test_mysql_backup.py",
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
            GONE: "it loads nothing",
        },
        before=(_GAINERS,),
    ),
    "cache_delete": Row(
        _behind_backup("cache_*.jsonl.gz", ())
        | {
            "changed_column": "entries are bytes to it",
            "hang": Trial(silent_server, "Redis server 127.0.0.1:[0-9]+ cannot be reached", overlay=_SILENT_REDIS),
            "disk_full": Trial(full_disk("cache"), "the cache .*cache.db cannot be .* disk"),
            GONE: f"{NO_TABLE}; the cache's entries go in one transaction",
        },
        before=(_GAINERS, ("cache_backup",)),
        again=(_GAINERS,),
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
        before=(_OPEN_DAY,),
        desk=_REGISTRY,
        files=_PROCESSES,
    ),
    "process_monitor": Row(
        {
            "missing": _registry(None, "process.json: 1 problem.*does not exist"),
            "forbidden": Trial(
                unreadable("process.json"), "process.json: 1 problem.*Permission denied", humble=True, codes=(2,)
            ),
            "html": _registry(_a_page, "process.json: 1 problem.*not JSON"),
            "truncated": _registry(_half, "process.json: 1 problem.*not JSON"),
            "wrong_date": "the registry carries no date",
            "changed_column": _registry(lambda text: text.replace(b'"title"', b'"titel"'), "did you mean 'title'"),
            "empty": _registry(_nothing, "process.json: 1 problem.*not JSON"),
            "hang": _WATCHES,
            "drip": _WATCHES,
            "disk_full": Trial(full_disk("cache"), "the cache .*cache.db cannot be .* disk"),
            GONE: NO_TABLE,
        },
        arguments=("--once",),
        desk=_REGISTRY,
        files=_PROCESSES,
    ),
    "store_adapter_info": Row(
        dict.fromkeys(FAULTS, _REPORTS_NOTHING)
        | {"disk_full": Trial(full_disk("cache"), "the cache .*cache.db cannot be .* disk")},
    ),
}


def tried() -> list[tuple[str, str]]:
    """The cells that are tried, job and fault, but for those of `database_gone`."""
    return [
        (job, fault)
        for job, row in ROWS.items()
        for fault, cell in row.cells.items()
        if isinstance(cell, Trial) and cell is not LOADS
    ]


def loading() -> list[str]:
    """The jobs whose database is taken away while they load."""
    return [job for job, row in ROWS.items() if row.cells.get(GONE) is LOADS]


def alone() -> set[tuple[str, str]]:
    """One cell of each job, to be tried in a process of its own; `forbidden`, where it is tried, is not tried again."""
    first: dict[str, str] = {}
    for job, fault in tried():
        if job not in first or fault == "forbidden":
            first[job] = fault
    return set(first.items())
