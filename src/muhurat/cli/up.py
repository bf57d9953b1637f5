"""`muhurat up`: the desk's supervisor in the foreground."""

from __future__ import annotations

from muhurat.cli.options import DEFAULT_DESK, DeskOption, OverlayOption


def command(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None) -> None:
    """Start the desk's services in their windows and watch them, until SIGTERM or Ctrl-C ends them all.

    Services that an earlier `up` left running are taken over, or ended when the desk no longer asks for them.
    """
    import asyncio

    from muhurat import app

    asyncio.run(app.supervisor(app.open_desk(desk, overlay or [])).run())
