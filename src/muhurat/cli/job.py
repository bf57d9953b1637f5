"""`muhurat job`: the day's jobs: which there are, how the registry is written, and a new one of your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption

if TYPE_CHECKING:
    from muhurat.jobs.base import Job
    from muhurat.jobs.process import Process

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="List, run and write the day's jobs.")


@app.command(name="list")
def list_(
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every job of the package and its options, whether the desk runs it or not.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the desk's processes, or all jobs of the package."""
    from muhurat.cli.output import print_rows

    if every:
        print_rows(_library(as_json=json), as_json=json, title="jobs of the package")
    else:
        _list_registry(desk, overlay or [], json)


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The job; `muhurat job list --all` names them.")],
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    json: JsonOption = False,
) -> None:
    """Run one job now, alone, with --key value for each of its options and --date for the business date.

    Exit codes: 0 done, 1 failed, 2 wrong use, 75 failed and worth another try.
    """
    from muhurat.cli.job_run import run_named

    run_named(name, context.args, desk, overlay or [], json)


@app.command(hidden=True)
def monitor(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None) -> None:
    """Watch the registry's processes and containers, until SIGTERM; the supervisor runs it."""
    from muhurat import app as parts
    from muhurat.app.databases import run_monitor

    run_monitor(parts.open_desk(desk, overlay or []))


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name: copy_span_files becomes copy_span_files.py.")],
    desk: DeskOption = DEFAULT_DESK,
    json: JsonOption = False,
) -> None:
    """Write a job of your own and its test.

    They go into the desk's folder, as jobs/NAME.py and tests/test_NAME.py, never over a file that exists. The entry
    that process.json needs is printed.
    """
    import json as json_text

    from muhurat.cli.output import print_json
    from muhurat.errors import UsageError
    from muhurat.jobs.registry import located
    from muhurat.jobs.template import write_new_job

    if not desk.is_file():
        raise UsageError(f"there is no desk file {desk}", hint="make one with `muhurat init`, or name it with --desk")
    made = write_new_job(name, desk.parent)
    if json:
        print_json({"script": str(made.script), "test": str(made.test), "entry": made.entry})
        return
    print(f"wrote {made.script}\nwrote {made.test}; try it: python -m pytest {made.test}\n")
    registry = located(desk.parent / "process.json")
    if registry.exists():
        print(f"add to the processes of {registry}, and change what it says to what your job wants:\n")
        print(json_text.dumps(made.entry, indent=2))
    else:
        print(f"there is no {registry.name} yet; one with this job alone:\n")
        print(json_text.dumps({"processes": [made.entry]}, indent=2))
    print("\nthen: muhurat check")


@app.command()
def schema() -> None:
    """Print the JSON Schema of process.json."""
    from muhurat.jobs.schema import published

    print(published(), end="")


def _list_registry(desk: Path, overlays: list[Path], as_json: bool) -> None:
    import sys

    from muhurat import app as desks
    from muhurat.cli.output import print_rows
    from muhurat.errors import UsageError
    from muhurat.jobs.registry import registry_file, warnings

    opened = desks.open_desk(desk, overlays)
    file = registry_file(opened)
    if file is None:
        raise UsageError(f"{desk} has no section jobs", hint="add it, even empty: `jobs: {}`")
    registry = file.current()
    rows = [_row(process) for phase in ("BOD", "EOD") for process in registry.phase(phase)]
    print_rows(rows, as_json=as_json, title=str(registry.source))
    for warning in warnings(registry):
        print(f"note: {warning}", file=sys.stderr)


def _row(process: Process) -> dict[str, Any]:
    runs = f"builtin:{process.job}" if process.job else str(process.script)
    return {
        "phase": process.phase,
        "order": process.order,
        "name": process.name,
        "title": process.title,
        "active": process.is_active,
        "runs": runs,
        "depends_on": list(process.depends_on),
        "not_before": process.not_before,
        "deadline": process.deadline,
        "on_failure": process.on_failure,
    }


def _library(*, as_json: bool) -> list[dict[str, Any]]:
    from muhurat.jobs.base import LIBRARY, job_named

    return [_job_row(job_named(name), as_json=as_json) for name in sorted(LIBRARY)]


def _job_row(job: Job, *, as_json: bool) -> dict[str, Any]:
    fields = job.options.model_fields
    row: dict[str, Any] = {"name": job.name, "what": job.help, "on_failure": job.on_failure}
    row |= {"for_session": job.for_session, "session": job.session, "writes": list(job.writes)}
    if as_json:
        row["options"] = [
            {"name": name, "required": field.is_required(), "help": field.description or ""}
            for name, field in fields.items()
        ]
    else:
        row["options"] = ", ".join(f"{name}*" if field.is_required() else name for name, field in fields.items())
    return row
