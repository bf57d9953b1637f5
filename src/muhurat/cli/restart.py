"""`muhurat restart`: an operator's word to the supervisor."""

from __future__ import annotations

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption


def command(
    service: str = typer.Argument(help="The service's name, as `muhurat status` shows it."),
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    json: JsonOption = False,
) -> None:
    """Stop a service and start it again."""
    from muhurat import app
    from muhurat.cli.output import print_record
    from muhurat.supervisor.control import ask

    reply = ask(app.open_desk(desk, overlay or []).run_dir, {"do": "restart", "service": service})
    print_record(reply["service"], as_json=json)
