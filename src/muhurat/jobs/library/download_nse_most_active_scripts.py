"""Put NSE's list of today's gainers into the cache, as the CSV that it is (MISSION B12).

The bytes are kept as they came, once they have been read as a list with rows; `--ttl` says for how long they count as
fresh. When the job fails the earlier list stays in the cache and shows as stale.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from muhurat.jobs.base import Job, Options, Outcome, Tools
from muhurat.stores.base import Cache
from muhurat.venues.nse.base import NseApi

_TOLD: Final = 3


class DownloadNseMostActiveScriptsOptions(Options):
    direction: Literal["gainers", "losers"] = Field(default="gainers", description="Which list.")
    group: str = Field(default="NIFTY", min_length=1, description="Of which stocks: NIFTY, BANKNIFTY, FOSec, allSec …")
    ttl: float = Field(default=900, gt=0, description="For how many seconds the list counts as fresh.")


def run(options: DownloadNseMostActiveScriptsOptions, tools: Tools) -> Outcome:
    tools.progress(0, None, f"{options.direction} of {options.group}")
    found = tools.get(NseApi).gainers("gainers" if options.direction == "gainers" else "loosers", options.group)
    key = f"nse:{options.direction}:{options.group}"
    tools.get(Cache).set(key, found.raw, ttl_s=options.ttl)
    first = ", ".join(str(row["SYMBOL"]) for row in found.rows[:_TOLD])
    note = f"{len(found.rows)} {options.direction} of {options.group} ({first} …), fresh for {options.ttl:g} s"
    return Outcome(note, rows=len(found.rows), facts={"key": key, "bytes": len(found.raw), "ttl_s": options.ttl})


JOB = Job(
    name="download_nse_most_active_scripts",
    help="Put NSE's list of gainers into the cache.",
    options=DownloadNseMostActiveScriptsOptions,
    run=run,
    present=True,
    on_failure="warn",
    session="nse",
)
