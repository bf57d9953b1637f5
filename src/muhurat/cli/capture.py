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
def decode(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None) -> None:
    """Follow the desk's journals into the tick store, until SIGTERM."""
    from muhurat import app as parts

    parts.run_decode(parts.open_desk(desk, overlay or []))
