"""`muhurat login`: the day's Kite session, by the browser."""

from __future__ import annotations

from typing import Annotated

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, OverlayOption


def command(
    answer: Annotated[
        str | None,
        typer.Option("--request-token", metavar="TEXT", help="The request token, or the address it came in."),
    ] = None,
    desk: DeskOption = DEFAULT_DESK,
    overlay: OverlayOption = None,
) -> None:
    """Log in to Kite and keep the day's session.

    Shows the address to log in at, takes the address the browser is sent to afterwards, and keeps the session in the
    desk's token file. Running services take a new session up by themselves.
    """
    from muhurat import app
    from muhurat.clock import ist
    from muhurat.venues.kite.login import login_url, request_token_in

    opened = app.open_desk(desk, overlay or [])
    chosen = app.kite(opened)
    if answer is None:
        print(f"Log in here:\n  {login_url(chosen.login, chosen.api_key)}")
        answer = typer.prompt("Then paste the address the browser was sent to", prompt_suffix=":\n")
    token = app.log_in(opened, request_token_in(answer))
    until = f", good until {ist(token.expires_ns):%d %b %H:%M}" if token.expires_ns else ""
    print(f"logged in as {token.user_id}; the session is in {token.source}{until}")
