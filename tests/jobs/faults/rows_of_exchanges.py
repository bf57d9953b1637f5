"""The jobs that fetch files of exchanges, over HTTP or FTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.jobs.faults.cells import CACHES, GONE, LOADS, NO_TABLE, Row, Trial
from tests.jobs.faults.strikes import full_disk, venue

_MEMBER = ("--member_code", "90999", "--login_id", "SIMDESK01", "--encrypted_password", "${env:EXTRANET_PASSWORD}")
_FTP_FILE = "/faoftp/faocommon/contract.gz"
_FTP = (
    *("--host", "127.0.0.1", "--port", "${env:FTP_PORT}", "--user", "simdesk", "--password", "${env:FTP_PASSWORD}"),
    *("--remote-file", _FTP_FILE, "--local-file", "downloads/contract.gz", "--settle_s", "0"),
)
_HASTY_FTP = (*_FTP, "--timeout_s", "1.2")
_BHAVCOPY = "BhavCopy_NSE_FO_0_0_0_20261119_F_0000.csv.zip"
_BSE_FO = "BhavCopy_BSE_FO_0_0_0_20261120_F_0000.CSV"

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
            GONE: CACHES,
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
        | {"disk_full": Trial(full_disk("downloads", 100), "has no room for contract.gz"), GONE: CACHES},
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
            "hang": Trial(venue("ftp", "hang", _FTP_FILE), "nothing came within 1.2 s", _HASTY_FTP),
            "drip": Trial(venue("ftp", "drip", _FTP_FILE), f"{_FTP_FILE} only drips", _HASTY_FTP),
            "disk_full": Trial(full_disk("downloads", 100), "has no room for contract.gz"),
            GONE: NO_TABLE,
        },
        arguments=_FTP,
        keeps=r"downloads/\.?contract\.gz\.part(\.json)?",
    ),
}
