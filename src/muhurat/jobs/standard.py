"""The usual day as a registry: what `muhurat init` begins with, and what a rehearsal runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

Entry = dict[str, Any]

NEEDS_ACCOUNT: Final = frozenset({"FTP contract file", "Copy files", "NSE contract master"})
"""Processes that want an account which not every desk has; they begin inactive."""

_CLEAN: Final = ("DB clean",)
"""What everything that writes the reference database waits for."""

_FTP: Final = {
    "host": "${env:FTP_HOST}",
    "port": "${env:FTP_PORT}",
    "user": "${env:FTP_USER}",
    "password": "${env:FTP_PASSWORD}",
    "remote-file": "/faoftp/faocommon/contract.gz",
    "local-file": "downloads/ftp/contract.gz",
}
_EXTRANET: Final = {
    "member_code": "${env:NSE_MEMBER_CODE}",
    "login_id": "${env:NSE_LOGIN_ID}",
    "encrypted_password": "${env:NSE_ENCRYPTED_PASSWORD}",
    "download_folder": "downloads",
}
_MONITORED: Final = [{"title": "Page", "process": "muhurat web"}]
"""What runs all day; what keeps hours is watched by the supervisor, which knows them."""


def write_standard(path: Path, *, with_accounts: bool) -> None:
    """Write the usual day to a `process.json`; `with_accounts` makes active what needs an account of its own."""
    processes = [
        entry | {"is_active": with_accounts or entry["title"] not in NEEDS_ACCOUNT} for entry in (*_bod(), *_eod())
    ]
    document = {"base_path": str(path.parent.resolve()), "processes": processes, "process_monitor": _MONITORED}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _bod() -> Iterator[Entry]:
    """The longest first, so that they end with the others: two of them are chains of downloads."""
    yield _entry("BOD", 10, "DB backup", "db_backup", {"output_dir": "backups"})
    yield _entry("BOD", 20, "DB clean", "db_clean", {"tables": "Margins,Holdings,Positions"}, ["DB backup"])
    yield _entry("BOD", 30, "Bhavcopy", "download_and_process_bhavcopy", {}, _CLEAN, for_session="previous")
    yield _entry("BOD", 40, "SPAN", "nse_span_downloader", {"prefer": "intraday"}, _CLEAN)
    yield _entry("BOD", 50, "BSE masters", "download_bse_contract_master", {})
    yield _entry("BOD", 60, "NSE contract master", "download_contract_master", _EXTRANET)
    yield _entry("BOD", 70, "FTP contract file", "ftp_downloader", _FTP, on_failure="warn")
    copied = {"source": "downloads/ftp/*", "destination": ["inbox"]}
    yield _entry("BOD", 80, "Copy files", "copy_files_src_dst", copied, ["FTP contract file"], on_failure="warn")
    yield _entry("BOD", 90, "Banned instruments", "download_banned_instruments", {}, _CLEAN)
    yield _entry("BOD", 100, "Most active", "download_nse_most_active_scripts", {})
    yield _entry("BOD", 110, "Cash margin", "upload_cash_margin", {}, _CLEAN)
    yield _entry("BOD", 120, "Holding and position", "upload_holding_and_position", {}, _CLEAN)
    yield _entry("BOD", 130, "Instrument master", "upload_instrument_master", {}, _CLEAN)
    yield _entry("BOD", 140, "Store adapter info", "store_adapter_info", {})
    yield _entry("BOD", 150, "Universe", "prepare_universe", {}, not_before="08:45", deadline="09:04")
    yield _entry("BOD", 160, "Go or no-go", "go_no_go", {}, not_before="09:10", deadline="09:14")


def _eod() -> Iterator[Entry]:
    after_decoding: dict[str, Any] = {"not_before": "close+15m", "on_failure": "warn"}
    yield _entry("EOD", 202, "Gap repair", "repair_gaps", {}, **after_decoding)
    yield _entry("EOD", 204, "Data quality", "data_quality", {}, ["Gap repair"], **after_decoding)
    yield _entry("EOD", 210, "Day report", "day_report", {}, ["Data quality"], not_before="close+15m")
    yield _entry("EOD", 215, "Archive", "archive_journal", {}, not_before="close+30m")
    yield _entry("EOD", 220, "Cache backup", "cache_backup", {"output_dir": "backups"})
    yield _entry("EOD", 230, "Cache deletion", "cache_delete", {"prefix": "nse:"}, ["Cache backup"])
    yield _entry("EOD", 240, "DB backup before EOD", "db_backup", {"output_dir": "backups"})
    before = ["DB backup before EOD"]
    files = {"destination": ["archive"]}
    evening: dict[str, Any] = {"not_before": "18:45", "for_session": "today"}
    yield _entry("EOD", 250, "BSE FO files", "copy_bse_fo_files", files, before, **evening)
    yield _entry("EOD", 260, "Bhavcopy of the day", "download_and_process_bhavcopy", {}, before, **evening)
    settled = {"prefer": "settlement"}
    yield _entry("EOD", 270, "SPAN settlement", "nse_span_downloader", settled, before, **evening)


def _entry(
    phase: str, order: int, title: str, job: str, parameter: dict[str, Any], after: Any = (), **further: Any
) -> Entry:
    return {
        "title": title,
        "process_type": phase,
        "order": order,
        "is_active": True,
        "application_path": f"builtin:{job}",
        "parameter": parameter,
        **({"depends_on": list(after)} if after else {}),
        **further,
    }
