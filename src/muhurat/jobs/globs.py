"""File patterns of a person: what they match now, and whether they would match what a job is about to make."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

ANY_DEPTH: Final = "**"


def matches(pattern: Path, unfinished: str) -> list[Path]:
    """The files that a pattern matches now, in order; folders, hidden files and unfinished ones do not count."""
    found = map(Path, glob.glob(str(pattern), recursive=True))  # noqa: PTH207 - Path.glob finds hidden files too
    return sorted(path for path in found if path.is_file() and not path.name.endswith(unfinished))


def would_match(pattern: Path, folder: Path) -> bool:
    """Whether the pattern matches a folder itself, or can match a file that is put into it."""
    parts, inside = _parts(pattern), folder.resolve().parts
    above = parts if parts[-1] == ANY_DEPTH else parts[:-1]
    return _fits(parts, inside) or _fits(above, inside)


def newest_files(folder: Path, count: int) -> list[Path]:
    """The newest files of a folder, newest first; none when there is no such folder."""
    if not folder.is_dir():
        return []
    files = [path for path in folder.iterdir() if path.is_file()]
    return sorted(files, key=lambda path: path.stat().st_mtime_ns, reverse=True)[:count]


def folder_of(pattern: Path) -> Path:
    """The folder where a pattern begins to be one."""
    fixed = Path(pattern.anchor)
    for part in pattern.parts[1 if pattern.anchor else 0 : -1]:
        if glob.has_magic(part):
            break
        fixed /= part
    return fixed


def _parts(pattern: Path) -> tuple[str, ...]:
    """The parts of a pattern, links in its fixed beginning followed."""
    fixed = folder_of(pattern)
    return (*fixed.resolve().parts, *pattern.parts[len(fixed.parts) :])


def _fits(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == ANY_DEPTH:
        return any(_fits(pattern[1:], parts[skipped:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(pattern[1:], parts[1:])
