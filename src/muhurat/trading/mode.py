"""Which mode a trader starts in (MISSION T1): the desk file's, overruled by `.trading_mode`, overruled by `--mode`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from muhurat.errors import UsageError

MODE_FILE: Final = ".trading_mode"
DEBUG, TEST, LIVE = "debug", "test", "live"
_MODES: Final = (DEBUG, TEST, LIVE)


def resolve_mode(flag: str | None, folder: Path, desk_mode: str | None) -> str:
    """The mode to start in, read once; raises `UsageError` for an unknown one, and for `live`.

    `folder` is where `.trading_mode` may lie, `desk_mode` the desk file's word, None without one.
    """
    said = _said(flag, folder, desk_mode)
    if said is None:
        raise UsageError("no mode is given", hint="add --mode debug or --mode test, or name a desk file")
    where, text = said
    mode = text.strip().lower()
    if mode not in _MODES:
        raise UsageError(f"{where}: unknown mode {text.strip()!r}", hint=f"known: {', '.join(_MODES)}")
    if mode == LIVE:
        raise UsageError(
            f"{where}: live trading is not part of this version", hint="`--mode test` trades the live feed on paper"
        )
    return mode


def _said(flag: str | None, folder: Path, desk_mode: str | None) -> tuple[str, str] | None:
    file = folder / MODE_FILE
    if flag is not None:
        return "--mode", flag
    if file.is_file():
        return str(file), file.read_text(encoding="utf-8")
    return None if desk_mode is None else ("desk file", desk_mode)
