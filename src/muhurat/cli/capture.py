"""`muhurat capture`: the services that record and understand a feed; the supervisor runs them."""

from __future__ import annotations

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, OverlayOption

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, help="Record a feed's bytes, decode them into the tick store."
)


@app.command()
def run(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None) -> None:
    """Record every byte of the desk's feeds into their journals, until SIGTERM."""
    from muhurat import app as parts

    parts.run_recorder(parts.open_desk(desk, overlay or []))


@app.command()
def decode(
    feed: str | None = typer.Option(None, metavar="NAME", help="Which feed's journal; default: the desk's only feed."),
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
) -> None:
    """Follow a feed's journal into the tick store, until SIGTERM."""
    from muhurat import app as parts

    parts.run_decode(parts.open_desk(desk, overlay or []), feed)


@app.command()
def limits(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None) -> None:
    """Ask for the price bands of the feeds' instruments, at once and every 15 minutes, until SIGTERM."""
    from muhurat import app as parts

    parts.run_limits(parts.open_desk(desk, overlay or []))


@app.command()
def universe(
    again: bool = typer.Option(False, "--again", help="Make today's files anew, even if they are there."),
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
) -> None:
    """Choose today's instruments of every feed from the venue's dump, and write the universe files."""
    from muhurat import app as parts

    parts.prepare_universe(parts.open_desk(desk, overlay or []), again=again)
