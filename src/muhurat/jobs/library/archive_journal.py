"""What was recorded, at the end of its day: compressed, verified, bundled, and deleted when old enough (T12)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field

from muhurat.capture.archive import Report, Rules, archive
from muhurat.clock import ist
from muhurat.jobs.base import Job, JobError, NotYet, Options, Outcome, Tools
from muhurat.jobs.old_logs import old_logs, remove_log
from muhurat.jobs.placing import disk_trouble

_NAMED: Final = 3


class ArchiveJournalOptions(Options):
    dry_run: bool = Field(default=False, description="Change nothing, tell what would be done.")


def run(options: ArchiveJournalOptions, tools: Tools) -> Outcome:
    rules = tools.get(Rules)
    report = archive(rules, tools.clock, tools.business_date, dry_run=options.dry_run, progress=tools.progress)
    logs = [] if rules.log_days is None else _delete_logs(rules.log_days, tools, dry=options.dry_run)
    if report.failed:
        raise _failure(report)
    told = report.told()
    counts = {name: value for name, value in told.items() if isinstance(value, int)}
    return Outcome(
        _note(report, len(logs), dry=options.dry_run),
        rows=told["hours"],
        files=tuple(step.file for step in report.steps if step.what in {"compress", "bundle"}),
        facts={"any_count": True, **counts, "removed": [str(path) for path in (*report.removed(), *logs)]},
    )


def _delete_logs(days: int, tools: Tools, *, dry: bool) -> list[Path]:
    """The old logs, which are gone now, or would be."""
    today = min(tools.business_date, ist(tools.clock.now_ns()).date())
    old = list(old_logs(tools.logs_dir, days, today))
    try:
        for path in () if dry else old:
            remove_log(path)
    except OSError as error:
        raise disk_trouble(error, tools.logs_dir) from error
    return old


def _failure(report: Report) -> JobError:
    """One error that names what failed; the rest was done."""
    errors = [error for _, error in report.failed]
    told = "; ".join(f"{name}: {error}" for name, error in report.failed[:_NAMED])
    more = f" and {len(errors) - _NAMED} more" if len(errors) > _NAMED else ""
    kind = JobError if any(error.permanent for error in errors) else NotYet
    return kind(f"could not be archived: {told}{more}", hint=errors[0].hint)


def _note(report: Report, logs: int, *, dry: bool) -> str:
    told = report.told()
    parts = [
        f"hours compressed: {told['hours']}, {told['bytes_before']:,} to {told['bytes_after']:,} bytes",
        f"bundles: {told['bundles']}",
        f"removed: files {told['files_removed']}, logs {logs}",
        *([f"not sound: {', '.join(report.unsound)}"] if report.unsound else []),
        *(
            [f"waiting: {len(report.waiting)} ({report.waiting[0][0]}: {report.waiting[0][1]})"]
            if report.waiting
            else []
        ),
    ]
    return ("would be: " if dry else "") + "; ".join(parts)


JOB = Job(
    name="archive_journal",
    help="Compress, verify and bundle what was recorded, delete by retention.",
    options=ArchiveJournalOptions,
    run=run,
    on_failure="warn",
)
