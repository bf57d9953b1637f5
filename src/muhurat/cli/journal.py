"""`muhurat journal`: what was recorded, whether it is whole, what it says, and how to live through it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from muhurat.cli.journal_archive import archive, restore
from muhurat.cli.journal_merge import merge
from muhurat.cli.options import JsonOption
from muhurat.errors import UsageError

if TYPE_CHECKING:
    from muhurat.capture.journal.format import HourPaths
    from muhurat.capture.journal.hour_reader import Entry
    from muhurat.capture.journal.verify import Verification

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, help="Inspect, verify, decode, replay and merge recorded journals."
)

_ROWS_FOR_PEOPLE: Final = 20
_NEVER_NS: Final = 1 << 63
_TICK_COLUMNS: Final = (
    *("timestamp", "symbol", "instrument_token", "last_price", "volume", "oi"),
    *("bid_price_1", "bid_quantity_1", "ask_price_1", "ask_quantity_1"),
)

PathArgument = Annotated[
    Path, typer.Argument(metavar="PATH", help="A journal file, a feed's folder, or the folder of all feeds.")
]


@app.command()
def info(path: PathArgument, json: JsonOption = False) -> None:
    """Show what was recorded hour by hour, who writes it and who follows."""
    from muhurat.capture.journal.info import hour_info, readers_info
    from muhurat.capture.journal.offline import journal_files
    from muhurat.cli.output import print_json, print_table

    hours = journal_files(path)
    rows, followers = [hour_info(paths) for paths in hours], readers_info(hours)
    if json:
        print_json({"hours": rows, "followers": followers})
        return
    shown = [_for_people(row) for row in rows]
    print_table(shown, title=f"{path}, {sum(row['records'] for row in rows):,} records")
    print_table(followers, title="followers", empty="none")


@app.command()
def verify(path: PathArgument, json: JsonOption = False) -> None:
    """Check every record against its header, index and checksum; exit code 1 when anything is torn or damaged."""
    from rich.progress import track

    from muhurat.capture.journal.offline import journal_files
    from muhurat.capture.journal.verify import summary, verify_hour
    from muhurat.cli.output import print_json

    hours = journal_files(path)
    shown = hours if json or len(hours) < 2 else track(hours, "verifying", transient=True)
    checked = [verify_hour(paths) for paths in shown]
    if json:
        print_json(summary(checked))
    else:
        _show_verified(checked)
    if not all(found.sound for found in checked):
        raise typer.Exit(1)


@app.command()
def decode(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .bin or .bin.zst, also one alone, or a folder.")],
    universe: Annotated[
        Path | None, typer.Option("--universe", metavar="FILE", help="The universe file that names the instruments.")
    ] = None,
    begin: Annotated[str, typer.Option("--from", metavar="HH:MM", help="Only what was received from then on.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="HH:MM", help="Only what was received before.")] = "",
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Stop after N ticks [20 without --json].")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Print the ticks of a recorded Kite feed, one per line, under the names of the tick tables."""
    from muhurat.cli.output import print_json_lines, print_table

    _note_byte_order(file)
    most = limit if json else limit or _ROWS_FOR_PEOPLE
    ticks = islice(_ticks(file, universe, (begin, end)), most)
    if json:
        print_json_lines(ticks)
    else:
        print_table([{name: tick.get(name) for name in _TICK_COLUMNS} for tick in ticks], empty="no ticks")


@app.command()
def replay(
    path: PathArgument,
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Where to write; DIR/<feed> must be empty.")],
    speed: Annotated[
        float | None, typer.Option("--speed", metavar="N", help="Recorded seconds per second [at once].")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write a feed's records again into another folder, with their own times, for whoever follows there."""
    from muhurat.capture.journal.offline import journal_files
    from muhurat.capture.replay import replay as play
    from muhurat.cli.output import print_record
    from muhurat.clock import clock_from_environment

    if speed is not None and speed <= 0:
        raise UsageError(f"--speed {speed:g} is no speed", hint="60 plays an hour in a minute")
    done = play(journal_files(path), into, clock_from_environment(), speed)
    print_record({"into": str(into), "records": done.records, "bytes": done.bytes}, as_json=json)


app.command()(archive)
app.command()(restore)
app.command()(merge)


def _for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    """An hour in a line that fits a terminal: times without the day, which the hour has, and its marks in words."""
    marks = {
        "closed": row["closed"],
        "archived": row["archived"],
        "without index": not row["indexed"],
        "little-endian": row["byte_order"] == "little",
        f"{row['recovered']} recovered": row["recovered"],
        f"{row['clock_doubt']} in doubt of the clock": row["clock_doubt"],
    }
    edges = {edge: row[edge] and row[edge][11:23] for edge in ("first", "last")}
    plain = {name: row[name] for name in ("feed", "hour", "records", "bytes", "largest", "gaps")}
    return {**plain, **edges, "state": ", ".join(mark for mark, holds in marks.items() if holds)}


def _verdict(found: Verification) -> str:
    marks = [("being written", found.live), ("little-endian", found.byte_order == "little")]
    return ", ".join(["sound" if found.sound else "NOT SOUND", *(mark for mark, holds in marks if holds)])


def _note_byte_order(file: Path) -> None:
    """Say it when headers are not as we write them, beside the ticks rather than among them."""
    from muhurat.capture.journal.offline import journal_files
    from muhurat.capture.journal.scan import open_bytes, order_of

    for paths in journal_files(file):
        if order_of(open_bytes(paths.bin)) == "little":
            typer.echo(f"{paths.bin.name} has little-endian headers ('<QI'); read as such", err=True)


def _ticks(file: Path, universe: Path | None, span: tuple[str, str]) -> Iterator[dict[str, Any]]:
    from muhurat.capture.journal.format import Record
    from muhurat.capture.journal.offline import journal_files
    from muhurat.capture.tick_lines import tick_lines
    from muhurat.capture.universe import load_universe
    from muhurat.venues.kite.decode import decode_message

    named = load_universe(universe).instruments if universe else {}
    symbols = {entry.token: symbol for symbol, entry in named.items()}
    entries = (entry for paths in journal_files(file) for entry in _entries(paths, *span))
    return tick_lines((entry for entry in entries if isinstance(entry, Record)), decode_message, symbols)


def _entries(paths: HourPaths, begin: str, end: str) -> Iterator[Entry]:
    """An hour's entries, or those between two times of its day."""
    from muhurat.capture.journal.offline import read_between, read_entries

    if not (begin or end):
        return read_entries(paths)
    to_ns = _instant(paths.hour, end) if end else _NEVER_NS
    return read_between(paths, _instant(paths.hour, begin) if begin else 0, to_ns)


def _instant(hour: str, time_of_day: str) -> int:
    from datetime import datetime, time

    from muhurat.clock import ist_ns

    try:
        at = time.fromisoformat(time_of_day)
    except ValueError:
        raise UsageError(f"{time_of_day!r} is no time of day", hint="write 10:15 or 10:15:30") from None
    return ist_ns(datetime.strptime(hour[:8], "%Y%m%d").date(), at)  # noqa: DTZ007 - a day has no zone


def _show_verified(checked: list[Verification]) -> None:
    from muhurat.cli.output import print_table

    rows = [
        {
            "file": found.file,
            "records": found.records,
            "bytes": found.bytes,
            "torn bytes": found.torn_bytes,
            "damaged": ", ".join(f"{start:,}–{end:,}" for start, end in found.damaged),
            "gaps": len(found.gaps),
            "verdict": _verdict(found),
        }
        for found in checked
    ]
    print_table(rows)
    gaps = [{"file": found.file, **gap} for found in checked for gap in found.gaps]
    told = list(dict.fromkeys(name for gap in gaps for name in gap))
    print_table([{name: gap.get(name) for name in told} for gap in gaps], title="gaps", empty="none")
