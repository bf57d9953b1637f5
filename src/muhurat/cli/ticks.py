"""`muhurat ticks`: questions to the tick store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption

if TYPE_CHECKING:
    from muhurat.stores.base import Rows, TickStore

_MOST_SHOWN: Final = 500

app = typer.Typer(
    help="Query the tick store: tables ticks_full, ticks_quote, ticks_ltp, the view ticks_full_named and universe."
)

QueryArgument = Annotated[
    str, typer.Argument(metavar="SELECT", help="One SELECT in the store's dialect: DuckDB's on files, QuestDB's there.")
]


@app.command("sql")
def sql(
    query: QueryArgument, desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None, json: JsonOption = False
) -> None:
    """Run a query; instants are UTC, `now()` is the desk's time; on files `ist(timestamp)` is the clock in India."""
    from muhurat.cli.output import print_json_lines, print_table

    with _store(desk, overlay) as store:
        rows = store.query(query)
        if json:
            print_json_lines(rows.dicts())
            return
        found = rows.dicts()
        print_table(list(islice(found, _MOST_SHOWN)), empty="no rows")
        if next(found, None) is not None:
            typer.echo(f"the first {_MOST_SHOWN} rows; --json or `muhurat ticks export` gives all", err=True)


@app.command("export")
def export(
    query: QueryArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to: a name ending in .csv or .jsonl.")],
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
) -> None:
    """Write all rows of a query to a file."""
    from muhurat.errors import UsageError

    writers = {".csv": _write_csv, ".jsonl": _write_json_lines}
    if out.suffix not in writers:
        raise UsageError(f"{out} ends in none of {', '.join(writers)}")
    fresh = out.with_suffix(out.suffix + ".new")
    with _store(desk, overlay) as store:
        count = writers[out.suffix](store.query(query), fresh)
    fresh.replace(out)
    typer.echo(f"{count:,} rows in {out}", err=True)


@app.command("ingest")
def ingest(
    feed: Annotated[str | None, typer.Option("--feed", metavar="NAME", help="Whose journal [the only feed].")] = None,
    date: Annotated[
        datetime | None, typer.Option("--date", metavar="DATE", formats=["%Y-%m-%d"], help="All hours of this day.")
    ] = None,
    hour: Annotated[str | None, typer.Option("--hour", metavar="YYYYMMDD_HH00", help="This hour in India.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="In the place of what the store has of them: for a merged journal.")
    ] = False,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    json: JsonOption = False,
) -> None:
    """Put recorded hours into the tick store (again): what is there already stays as it is."""
    from dataclasses import asdict

    from rich.progress import track

    from muhurat import app as composition
    from muhurat.cli.output import print_rows
    from muhurat.errors import StoreError, UsageError
    from muhurat.stores.base import hour_number

    if (date is None) == (hour is None):
        raise UsageError("say which: --date YYYY-MM-DD or --hour YYYYMMDD_HH00")
    try:
        chosen = f"{date:%Y%m%d}" if hour is None else hour
        hour_number(hour or f"{chosen}_0000")
    except StoreError as error:
        raise UsageError(str(error), hint=error.hint) from error
    opened = composition.open_desk(desk, overlay or [])
    done = composition.ingest_ticks(opened, feed, chosen, anew=replace)
    shown = done if json else track(done, f"ingesting {chosen}", transient=True)
    print_rows([asdict(ingested) for ingested in shown], as_json=json)


@app.command("coverage")
def coverage(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None, json: JsonOption = False) -> None:
    """Show what is kept: rows by table, feed and hour, from when to when they were received."""
    from muhurat.cli.output import print_rows
    from muhurat.clock import ist

    with _store(desk, overlay) as store:
        rows = [
            {
                "table": held.table,
                "feed": held.feed,
                "hour": held.hour,
                "rows": held.rows,
                "first": ist(held.first_ns),
                "last": ist(held.last_ns),
            }
            for held in store.coverage()
        ]
    print_rows(rows, as_json=json)


@app.command("quality")
def quality(
    day: Annotated[
        datetime | None, typer.Option("--date", metavar="DATE", formats=["%Y-%m-%d"], help="The day [today].")
    ] = None,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    json: JsonOption = False,
) -> None:
    """Say how good a day's recording is: coverage, gaps, repeated packets, clock skew, suspicious prices.

    It is kept under data/quality as JSON. Figures per million (/M) compare one day with another.
    """
    from muhurat import app as composition
    from muhurat.cli.output import print_json
    from muhurat.cli.quality_table import show_quality
    from muhurat.clock import ist

    opened = composition.open_desk(desk, overlay or [])
    chosen = day.date() if day else ist(composition.clock_of(opened).now_ns()).date()
    report = composition.quality_report(opened, chosen)
    written = composition.write_quality(opened, report)
    if json:
        print_json(report)
    else:
        show_quality(report)
        typer.echo(f"kept in {written}")


@contextmanager
def _store(desk: Path, overlay: list[Path] | None) -> Iterator[TickStore]:
    from muhurat import app as composition

    opened = composition.open_desk(desk, overlay or [])
    with composition.tick_store(opened, composition.clock_of(opened)) as store:
        yield store


def _write_csv(rows: Rows, path: Path) -> int:
    import csv

    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(rows.columns)
        for count, row in enumerate(rows, 1):  # noqa: B007
            writer.writerow(row)
    return count


def _write_json_lines(rows: Rows, path: Path) -> int:
    import msgspec

    encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode
    count = 0
    with path.open("wb") as file:
        for count, row in enumerate(rows.dicts(), 1):  # noqa: B007
            file.write(encode(row) + b"\n")
    return count
