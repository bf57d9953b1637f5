"""`muhurat check`: everything that is wrong with a desk, at once."""

from __future__ import annotations

import typer

from muhurat.cli.options import DEFAULT_DESK, DeskOption, JsonOption, OverlayOption


def command(desk: DeskOption = DEFAULT_DESK, overlay: OverlayOption = None, json: JsonOption = False) -> None:
    """Explain every problem of a desk file at once, and touch everything that it names.

    Exit code 0 when all is well, 1 when something the desk needs is missing, 2 when the file itself is wrong.
    """
    from muhurat.cli.desk_check import check, wrong_key
    from muhurat.cli.output import print_rows
    from muhurat.errors import ConfigError

    try:
        findings = check(desk, overlay or [])
    except ConfigError as error:
        if not json:
            raise
        print_rows([wrong_key(problem).row() for problem in error.problems], as_json=True)
        raise typer.Exit(2) from None
    print_rows([finding.row() for finding in findings], as_json=json, title=None if json else f"check of {desk}")
    if any(finding.verdict == "wrong" for finding in findings):
        raise typer.Exit(1)
