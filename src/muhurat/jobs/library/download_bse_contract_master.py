"""Bring BSE's masters under fixed names: `SCRIP.TXT` (scrips) and `EQD.csv` (derivatives contracts) (MISSION B10).

BSE dates them by the session they were made after; wanted are those of the session before the business date, by the
calendar. Both files appear together, or neither does and those of yesterday stay.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from muhurat.jobs.base import Job, Options, Outcome, Tools
from muhurat.jobs.placing import place_all, working_folder
from muhurat.venues.bse.base import BseFiles, Master, Progress


class DownloadBseContractMasterOptions(Options):
    download_folder: Path = Field(default=Path("downloads"), description="Where SCRIP.TXT and EQD.csv go.")


def run(options: DownloadBseContractMasterOptions, tools: Tools) -> Outcome:
    folder = tools.path(options.download_folder)
    bse = tools.get(BseFiles)
    days = tools.calendar.previous_day(tools.business_date), tools.business_date
    with working_folder(folder, "bse_masters") as work:
        scrips = bse.scrip_master(work, *days, _shown(tools, "the master of scrips"))
        contracts = bse.contract_master(work, *days, _shown(tools, "the master of contracts"))
        places = [(master.path, folder / master.path.name) for master in (scrips, contracts)]
        place_all(places)
    return Outcome(
        f"{scrips.rows:,} scrips of {scrips.dated}, {contracts.rows:,} contracts of {contracts.dated}",
        rows=scrips.rows + contracts.rows,
        files=tuple(target for _, target in places),
        facts={"scrips": _described(scrips), "contracts": _described(contracts)},
    )


def _shown(tools: Tools, what: str) -> Progress:
    return lambda done, total: tools.progress(done, total, f"downloading {what}")


def _described(master: Master) -> dict[str, object]:
    return {
        "member": master.member,
        "dated": master.dated.isoformat(),
        "rows": master.rows,
        "kinds": dict(sorted(master.kinds.items())),
        "warnings": list(master.warnings),
    }


JOB = Job(
    name="download_bse_contract_master",
    help="Download BSE's masters of scrips and of derivatives contracts.",
    options=DownloadBseContractMasterOptions,
    run=run,
    present=True,
)
