"""Write how good a day's recording is: coverage, gaps, repeated packets, clock skew, suspicious prices."""

from __future__ import annotations

from muhurat.jobs.base import Job, Options, Outcome, Tools
from muhurat.jobs.desk_work import DeskWork


class DataQualityOptions(Options):
    """None of its own: `--date` names the day."""


def run(options: DataQualityOptions, tools: Tools) -> Outcome:
    report, told, path = tools.get(DeskWork).write_quality(
        tools.business_date, lambda feed: tools.progress(0, None, f"looking at {feed}")
    )
    facts = {feed: found["per_million"] for feed, found in report["feeds"].items()}
    return Outcome(told, files=(path,), facts={"per_million": facts})


JOB = Job(
    name="data_quality",
    help="Write how good the day's recording is.",
    options=DataQualityOptions,
    run=run,
    on_failure="warn",
)
