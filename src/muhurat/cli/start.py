"""`muhurat start`: an operator's word to the supervisor."""

from __future__ import annotations

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption


def command(
    service: str = typer.Argument(help="The service's name, as `muhurat status` shows it."),
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    json: JsonOption = False,
) -> None:
    """Start a service that is stopped, or that was given up; outside its window it waits for it."""
    from muhurat import app
    from muhurat.cli.output import print_record
    from muhurat.supervisor.control import ask

    reply = ask(app.open_desk(desk, overlay or []).run_dir, {"do": "start", "service": service})
    print_record(reply["service"], as_json=json)
