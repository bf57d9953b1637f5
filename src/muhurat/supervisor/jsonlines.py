"""Small append-only files of one JSON object a line, read by other processes while they grow."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from muhurat.log import get_logger

KEPT: Final = 2000
"""Lines that a file keeps when a supervisor starts: some weeks of a quiet desk."""

_TAIL_BYTES: Final = 1_000_000


def append(path: Path, line: dict[str, Any]) -> bool:
    """Add a line, behind a line that a crash or a full disk cut short too; what cannot be written is logged."""
    try:
        with path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            file.write(b"\n" * torn + json.dumps(line, ensure_ascii=False).encode() + b"\n")
    except OSError as error:
        get_logger("supervisor").error("line not written", file=path.name, why=error.strerror, line=line)
        return False
    return True


def read(path: Path, newest: int = KEPT) -> list[dict[str, Any]]:
    """The newest lines, oldest first; what is no JSON object is left out."""
    found = []
    for line in _tail(path)[-newest:]:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict):
            found.append(told)
    return found


def trim(path: Path) -> None:
    """Drop all but the newest lines; only for who alone appends."""
    kept = b"".join(line + b"\n" for line in _tail(path)[-KEPT:])
    if kept and len(kept) < path.stat().st_size:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(kept)
        fresh.replace(path)


def _tail(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES)
            file.seek(start)
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    return lines[1:] if start else lines  # the first may be the rest of a line
