"""`muhurat capture`: the services that record and understand a feed; the supervisor runs them."""

from __future__ import annotations

from pathlib import Path

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption

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
def publish(
    feed: str | None = typer.Option(None, metavar="NAME", help="Which feed; default: the only one that is published."),
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
) -> None:
    """Publish a feed's journal to its stream for followers on other hosts, until SIGTERM."""
    from muhurat import app as parts

    parts.run_publish(parts.open_desk(desk, overlay or []), feed)


@app.command()
def follow(
    redis: str = typer.Option(
        ..., "--redis", metavar="URL", envvar="MUHURAT_REDIS", help="The server: redis://:password@host:6379/0."
    ),
    feed: str | None = typer.Option(None, metavar="NAME", help="Whose usual stream to follow [sso_xvenue]."),
    stream: str | None = typer.Option(None, metavar="NAME", help="The stream itself, if it is not a feed's usual one."),
    group: str = typer.Option("muhurat", metavar="NAME", help="The group among whose consumers records are shared."),
    consumer: str | None = typer.Option(None, metavar="NAME", help="This consumer, the same at every start [host]."),
    store: str | None = typer.Option(
        None, metavar="URL", help="Keep the ticks: parquet:///./ticks, instead of printing."
    ),
    universe: Path | None = typer.Option(None, metavar="FILE", help="The universe file that names the instruments."),
    once: bool = typer.Option(False, "--once", help="Stop when there is nothing more."),
    json: JsonOption = False,
) -> None:
    """Follow a published feed on any host: print its ticks, or keep them in a tick store.

    Needs no desk file. The ticks are those of the journal, with the same seq. An entry is acknowledged after its ticks
    were printed or kept; entries that were handed over before and not acknowledged come first.
    """
    from muhurat.cli.following import Following, run

    run(Following(redis, feed, stream, group, consumer, store, universe, once, json))


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

    for feed, instruments in parts.prepare_universe(parts.open_desk(desk, overlay or []), again=again).items():
        typer.echo(f"{feed}: {instruments} instruments")


@app.command()
def refresh(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None) -> None:
    """Fetch the venue's dump again and take in contracts listed during the day; prints what is new."""
    from muhurat import app as parts

    found = parts.run_refresh(parts.open_desk(desk, overlay or []))
    for feed, symbols in found.items():
        typer.echo(f"{feed}: {', '.join(symbols)}")
    if not found:
        typer.echo("nothing new is listed")
