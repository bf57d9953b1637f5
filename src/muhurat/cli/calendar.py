"""`muhurat calendar`: which days an exchange trades and when, and taking in dates that the package does not have."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from muhurat.calendars import Calendar, calendar_for, desk_overlays
from muhurat.calendars.importing import import_file
from muhurat.calendars.overlay_text import write_overlay
from muhurat.calendars.session import Window
from muhurat.cli.options import JsonOption
from muhurat.cli.output import print_json, print_rows, print_table
from muhurat.clock import NS_PER_S, clock_from_environment, ist
from muhurat.errors import UsageError

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Show the sessions of an exchange, add dated ones.")

_TWO_WEEKS: Final = timedelta(days=13)
_DAY_FORMAT: Final = ["%Y-%m-%d"]

MicOption = Annotated[str, typer.Option("--mic", metavar="MIC", help="The exchange: XBOM, XNSE.")]
CalendarOption = Annotated[
    list[Path] | None,
    typer.Option("--calendar", metavar="FILE", help="A calendar file to lay over [./calendars/<mic>.toml]."),
]


@app.command()
def show(
    mic: MicOption = "XBOM",
    segment: Annotated[str, typer.Option("--segment", metavar="SEGMENT", help="CM or FO.")] = "FO",
    first: Annotated[
        datetime | None, typer.Option("--from", metavar="DATE", formats=_DAY_FORMAT, help="First day [today].")
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", metavar="DATE", formats=_DAY_FORMAT, help="Last day [a fortnight from the first]."),
    ] = None,
    calendar: CalendarOption = None,
    json: JsonOption = False,
) -> None:
    """Show day by day whether an exchange trades, its hours, and who says so."""
    begin = first.date() if first else ist(clock_from_environment().now_ns()).date()
    end = last.date() if last else begin + _TWO_WEEKS
    if end < begin:
        raise UsageError(f"--to {end} comes before --from {begin}")
    overlays = tuple(calendar) if calendar else desk_overlays(Path(), mic)
    days = calendar_for(mic.upper(), segment.upper(), overlays)
    rows = [_row(days, begin + timedelta(days=number)) for number in range((end - begin).days + 1)]
    if json:
        print_rows(rows, as_json=True)
    else:
        print_table([_for_people(row) for row in rows], title=f"{days.mic} {days.segment}, data to {days.horizon()}")


@app.command(name="import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A calendar file (TOML) or NSE's holiday master (JSON).")
    ],
    mic: Annotated[
        str | None, typer.Option("--mic", metavar="MIC", help="The exchange, for a JSON file [XNSE].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The desk's overlay [./calendars/<mic>.toml].")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check dated facts against what is known, and add what is new to the desk's overlay file."""
    imported = import_file(file, out, mic.upper() if mic else None)
    rows = [
        {"date": c.day, "segment": c.segment, "before": c.before, "after": c.after, "source": c.source}
        for c in imported.changes
    ]
    if rows:
        write_overlay(imported.overlay, imported.target)
    if json:
        print_json({"mic": imported.mic, "file": str(imported.target), "written": bool(rows), "changes": rows})
        return
    print_table(rows, title=f"{imported.mic}, news from {file}")
    if rows:
        print(f"written to {imported.target}")


def _row(days: Calendar, day: date) -> dict[str, Any]:
    status = days.status(day)
    session = days.session(day) if status.hours_known else None
    row: dict[str, Any] = {"date": day, "open": status.open, "sessions": [], "kind": status.kind}
    row |= {"source": status.source, "name": status.name, "hours_known": status.hours_known, "named": {}}
    if session is not None:
        zone = ZoneInfo(session.zone)
        row["sessions"] = [_pair(window, zone) for window in session.windows]
        row["named"] = {name: _pair(window, zone) for name, window in session.named}
    return row


def _for_people(row: dict[str, Any]) -> dict[str, object]:
    hours = ", ".join("-".join(pair) for pair in row["sessions"])
    return {
        "date": row["date"],
        "day": f"{row['date']:%a}",
        "hours": hours if row["hours_known"] else "not published",
        "kind": row["kind"],
        "name": row["name"],
        "source": row["source"],
    }


def _pair(window: Window, zone: ZoneInfo) -> list[str]:
    ends = (datetime.fromtimestamp(ns // NS_PER_S, zone) for ns in (window.open_ns, window.close_ns))
    return [f"{end:%H:%M}" for end in ends]
