"""`muhurat web`: the desk's page."""

from __future__ import annotations

from muhurat.cli.options import DEFAULT_DESK, DeskOption, OverlayOption


def command(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None) -> None:
    """Serve the desk's page and its API, on the address under `web.listen`."""
    from muhurat import app

    app.run_web(app.open_desk(desk, overlay or []))
