"""`muhurat report`: what a day came to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption

_DAY_FORMAT: Final = ["%Y-%m-%d"]


def command(
    day: Annotated[
        datetime | None, typer.Option("--date", metavar="DATE", formats=_DAY_FORMAT, help="The day [today].")
    ] = None,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    json: JsonOption = False,
) -> None:
    """Put a day's report together, keep it as JSON and HTML under data/reports, and show it.

    It tells packets, gaps, bars, trades, charges and result, and whether the day was sound (`ok` in the JSON). A day
    that was not is a report like any other: the exit code says only whether it could be made.
    """
    from muhurat import app
    from muhurat.cli.output import print_json
    from muhurat.clock import ist

    opened = app.open_desk(desk, overlay or [])
    chosen = day.date() if day else ist(app.clock_of(opened).now_ns()).date()
    report = app.day_report(opened, chosen)
    written = app.write_report(opened, report)
    if json:
        print_json(report)
    else:
        app.print_report(report, written)
