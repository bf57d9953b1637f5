"""`muhurat stop`: an operator's word to the supervisor."""

from __future__ import annotations

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption


def command(
    service: str | None = typer.Argument(None, help="The service's name; without one, the whole desk is ended."),
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
    json: JsonOption = False,
) -> None:
    """Stop a service until it is started again; without a name, end the supervisor and every service."""
    from muhurat import app
    from muhurat.cli.output import print_record
    from muhurat.supervisor.control import ask

    run_dir = app.open_desk(desk, overlay or []).run_dir
    if service is None:
        ask(run_dir, {"do": "end"})
        print_record({"desk": "ending", "see": "muhurat status"}, as_json=json)
    else:
        print_record(ask(run_dir, {"do": "stop", "service": service})["service"], as_json=json)
