"""Options that many verbs share, so that they are spelt and explained alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

DEFAULT_DESK: Final = Path("desk.yaml")

DeskOption = Annotated[
    Path, typer.Option("--desk", metavar="FILE", help="The desk file; its relative paths start at its folder.")
]
OverlayOption = Annotated[
    list[Path] | None,
    typer.Option("--overlay", metavar="FILE", help="A file whose keys win over the desk file's. May be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables for people.")]
