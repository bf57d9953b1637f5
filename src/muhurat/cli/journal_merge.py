"""`muhurat journal merge`: two recordings of one feed made one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from muhurat.cli.options import JsonOption
from muhurat.errors import UsageError

if TYPE_CHECKING:
    from muhurat.capture.journal.format import HourPaths
    from muhurat.capture.merge import Report

_MOST_ROWS: Final = 20

SideArgument = typer.Argument(metavar="PATH", help="A journal file, or a feed's folder.")


def merge(
    a: Annotated[Path, SideArgument],
    b: Annotated[Path, SideArgument],
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="The file to write; of two folders a folder.")],
    feed: Annotated[
        str | None, typer.Option("--feed", metavar="NAME", help="Which feed, where a folder holds several.")
    ] = None,
    window: Annotated[
        float, typer.Option("--window", metavar="S", help="Seconds apart beyond which equal packets are two.")
    ] = 5.0,
    universe: Annotated[
        Path | None, typer.Option("--universe", metavar="FILE", help="The universe file that names the instruments.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Unite two recordings of one feed packet by packet, and tell what each missed.

    A packet that both received counts once; one that a single connection brought twice stays twice. Records of the
    first come out as they are, in their order, with what only the second has between them. Neither is changed.
    """
    from muhurat.capture.merge import Folder, OneFile
    from muhurat.capture.universe import load_universe
    from muhurat.cli.output import print_json

    if window <= 0:
        raise UsageError(f"--window {window:g} pairs nothing", hint="5 seconds allow for two clocks that disagree")
    if a.is_dir() != b.is_dir():
        raise UsageError("one of the two is a folder, the other is not", hint="name two files, or two folders")
    mine, theirs = _hours(a, feed), _hours(b, feed)
    target = Folder(out, mine[0].feed) if a.is_dir() else OneFile(out)
    named = load_universe(universe).instruments if universe else {}
    found = _merged(mine, theirs, target, window, quiet=json).told({e.token: symbol for symbol, e in named.items()})
    if json:
        print_json(found)
    else:
        _show(found, {"a": a, "b": b})


def _hours(path: Path, feed: str | None) -> list[HourPaths]:
    """The hours of one feed; raises `UsageError` when it is not clear of which."""
    from muhurat.capture.journal.offline import journal_files

    hours = journal_files(path)
    feeds = sorted({paths.feed for paths in hours})
    if feed is None and len(feeds) > 1:
        raise UsageError(f"{path} holds {len(feeds)} feeds", hint=f"name one with --feed: {', '.join(feeds)}")
    chosen = [paths for paths in hours if feed in {None, paths.feed}]
    if not chosen:
        raise UsageError(f"{path} has nothing of the feed {feed}", hint=f"it holds {', '.join(feeds)}")
    return chosen


def _merged(mine: list[HourPaths], theirs: list[HourPaths], target: Any, window_s: float, *, quiet: bool) -> Report:
    from rich.progress import Progress

    from muhurat.capture.journal.scan import open_bytes
    from muhurat.capture.merge import merge as united
    from muhurat.venues.kite.packets import KitePackets

    # A message that is not Kite's is one packet, so feeds of other venues merge message by message.
    with Progress(transient=True, disable=quiet) as progress:
        total = sum(len(open_bytes(paths.bin)) for paths in (*mine, *theirs))
        task = progress.add_task("merging", total=total)
        return united(
            mine,
            theirs,
            target,
            KitePackets(),
            window_s=window_s,
            advance=lambda count: progress.advance(task, count),
        )


def _show(found: dict[str, Any], sources: Mapping[str, Path]) -> None:
    from muhurat.cli.output import print_fields, print_table

    print_fields({name: value for name, value in found.items() if name not in sources})
    for side, path in sources.items():
        told = found[side]
        missed = told["missed"]
        damaged = ", ".join(f"{name} {start:,}–{end:,}" for name, start, end in told["damaged"]) or "nothing"
        print_fields({f"\n{side}": f"\n{path}", **told, "damaged": damaged, "missed": missed["packets"]})
        print_table(_first(missed["spans"]), title=f"when {side} missed packets", empty="never")
        print_table(_by_instrument(missed["instruments"]), title=f"what {side} missed", empty="nothing")


def _by_instrument(counts: Mapping[str, int]) -> list[dict[str, object]]:
    return _first([{"instrument": name, "packets": count} for name, count in counts.items()])


def _first(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """As many rows as people read; the last says how many more there are."""
    if len(rows) <= _MOST_ROWS:
        return rows
    more = len(rows) - _MOST_ROWS
    last: dict[str, object] = {**dict.fromkeys(rows[0], "…"), next(iter(rows[0])): f"and {more:,} more"}
    return [*rows[:_MOST_ROWS], last]
