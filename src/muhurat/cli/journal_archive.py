"""`muhurat journal archive` and `restore`: hours that are over become archives and bundles, and come back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption
from muhurat.errors import UsageError

if TYPE_CHECKING:
    from muhurat.capture.archive import Report, Rules
    from muhurat.clock import Clock


def archive(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[FEED|PATH]",
            help="A feed of the desk [all], or a folder: only compressed, raw files removed after a day.",
        ),
    ] = None,
    date: Annotated[
        datetime | None,
        typer.Option("--date", metavar="DATE", formats=["%Y-%m-%d"], help="Up to the end of this day [today]."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, show what would be done.")] = False,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    json: JsonOption = False,
) -> None:
    """Compress and verify hours that are over, bundle them, delete what is old enough."""
    from muhurat.capture.archive import archive as run
    from muhurat.cli.output import print_json
    from muhurat.clock import ist

    rules, clock = _rules(target, desk, overlay or [])
    day = date.date() if date else ist(clock.now_ns()).date()
    report = run(rules, clock, day, dry_run=dry_run)
    if json:
        print_json({"date": day.isoformat(), "dry_run": dry_run, **report.told()})
    else:
        _show(report, dry_run=dry_run)
    if report.failed:
        raise typer.Exit(1)


def restore(
    sources: Annotated[
        list[Path], typer.Argument(metavar="BUNDLE|FILE...", help="Bundles (.tar), archives (.bin.zst).")
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where to: DIR/<feed>/.")],
    json: JsonOption = False,
) -> None:
    """Bring hours back: the files of a bundle, or the .bin of an archive, compared with manifest and checksums."""
    from muhurat.capture.archive import restore as run
    from muhurat.cli.output import print_json, print_table

    if missing := [source for source in sources if not source.is_file()]:
        raise UsageError(f"{missing[0]}: there is no such file", hint="name bundles or .bin.zst files")
    rows: list[dict[str, Any]] = [
        {"file": done.file, "bytes": done.bytes, "already there": done.already, "from": done.source}
        for done in run(sources, to)
    ]
    if json:
        print_json({"to": to, "files": len(rows), "bytes": sum(row["bytes"] for row in rows), "restored": rows})
    else:
        print_table(rows, title=f"restored to {to}")


def _rules(target: str | None, desk: Path, overlay: list[Path]) -> tuple[Rules, Clock]:
    """The desk's rules for all its feeds or one, or those for a folder; and the clock that goes with them."""
    from dataclasses import replace

    from muhurat import app
    from muhurat.app.parts import archive_rules
    from muhurat.capture.archive import Rules
    from muhurat.clock import clock_from_environment

    folder = Path(target) if target else None
    if folder is not None and folder.is_dir():
        return Rules(journals=folder, bundles=folder / "bundles"), clock_from_environment()
    opened = app.open_desk(desk, overlay)
    clock = app.clock_of(opened)
    rules = archive_rules(opened, clock)
    if target is None:
        return rules, clock
    if target not in opened.feeds:
        raise UsageError(f"{target} is no folder and no feed of {desk}", hint=f"feeds: {', '.join(opened.feeds)}")
    return replace(rules, journals=rules.journals / target), clock


def _show(report: Report, *, dry_run: bool) -> None:
    from muhurat.cli.output import print_table

    rows = [
        {
            "what": step.what,
            "file": Path(step.file).name,
            "bytes before": step.bytes_before,
            "after": step.bytes_after,
            "why": step.why,
        }
        for step in report.steps
    ]
    print_table(rows, title="would be done" if dry_run else "done", empty="nothing")
    print_table([{"file": name, "waits": why} for name, why in report.waiting], title="waiting", empty="nothing")
    failed = [{"file": name, "error": str(error), "do": error.hint} for name, error in report.failed]
    print_table(failed, title="failed", empty="nothing")
