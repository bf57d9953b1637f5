"""Choose today's instruments of every feed from the venue's dump (MISSION C1, C2), before the recorder starts."""

from __future__ import annotations

from pydantic import Field

from muhurat.jobs.base import Job, Options, Outcome, Tools
from muhurat.jobs.desk_work import DeskWork


class PrepareUniverseOptions(Options):
    again: bool = Field(default=False, description="Choose anew even if today's files are there.")


def run(options: PrepareUniverseOptions, tools: Tools) -> Outcome:
    tools.progress(0, None, "choosing instruments")
    chosen = tools.get(DeskWork).prepare_universe(again=options.again)
    folder = tools.data_dir / "universe"
    files = tuple(sorted(folder.glob(f"*{tools.business_date:%Y%m%d}*.json")))
    told = ", ".join(f"{feed} {count}" for feed, count in chosen.items()) or "the desk has no feeds"
    return Outcome(f"instruments by feed: {told}", rows=sum(chosen.values()), files=files, facts={"feeds": chosen})


JOB = Job(
    name="prepare_universe",
    help="Choose the day's instruments of every feed.",
    options=PrepareUniverseOptions,
    run=run,
    present=True,
    session="kite",
)
