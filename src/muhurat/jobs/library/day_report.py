"""Write the day's report as JSON and HTML, at the end of the day or of any earlier one."""

from __future__ import annotations

from muhurat.jobs.base import Job, JobError, Options, Outcome, Tools
from muhurat.jobs.desk_work import DeskWork


class DayReportOptions(Options):
    """None of its own: `--date` names the day."""


def run(options: DayReportOptions, tools: Tools) -> Outcome:
    tools.progress(0, None, "collecting the day")
    sound, told, files = tools.get(DeskWork).write_report(tools.business_date)
    if not sound:
        raise JobError(f"the day was not sound: {told}", hint=f"the report has the details: {files[-1]}")
    return Outcome(told, files=tuple(files))


JOB = Job(
    name="day_report",
    help="Write the day's report.",
    options=DayReportOptions,
    run=run,
    on_failure="warn",
)
