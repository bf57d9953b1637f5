r"""The paths of `process.json`: the seed's rules, and where a Windows path lies on this machine.

A registry that was written on Windows names `C:\...` and `\\server\share\...`. Here such a path goes through a map from
beginnings to folders; a path that no beginning fits is a problem, never a guess. Beginnings are compared as Windows
does: whole folders, any case, either slash; the longest wins.

Rules (seed, 1.4 "Path Format Rules"): absolute, no stray spaces, no temporary folders. Spaces inside a folder's name,
as in `1 New Blitz Projects`, are fine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

WINDOWS: Final = re.compile(r"[A-Za-z]:[\\/]|\\\\[^\\/]+[\\/]")
_DOTTED: Final = re.compile(r"\.{1,2}[\\/]")
_SEPARATORS: Final = re.compile(r"[\\/]+")
_STRAY: Final = re.compile(r"\s+[\\/]|[\\/]\s+")
_SHARE: Final = "\\\\"
_TEMPORARY: Final = frozenset({"tmp", "temp"})


class Fault(NamedTuple):
    """What is wrong with a path, and what to do about it."""

    message: str
    hint: str


def is_windows(text: str) -> bool:
    """Whether a text is a full Windows path; `A:soft` is none."""
    return WINDOWS.match(text.strip()) is not None


def is_dotted(text: str) -> bool:
    """Whether a text is a path from wherever a program happens to run: `./in`, `..\\in`."""
    return _DOTTED.match(text.strip()) is not None


def is_absolute(text: str) -> bool:
    return text.strip().startswith("/") or is_windows(text)


def faults(text: str, home: Path) -> Iterator[Fault]:
    """How a path breaks the rules.

    `home` is the registry's folder: when it lies in a temporary folder itself, as a rehearsal's, others there are fine.
    """
    if text != text.strip():
        yield Fault(f"there are spaces at an end of '{text}'", "remove them")
    if _STRAY.search(text.strip()):
        yield Fault(f"there are spaces beside a separator in '{text}'", "remove them")
    parts = [part.strip() for part in _SEPARATORS.split(text.strip())]
    if ".." in parts:
        yield Fault(f"'{text}' goes back through ..", "write the folder that is meant")
    temporary = _temporary_root(parts)
    if temporary is not None and not _is_inside(home, temporary):
        yield Fault(
            f"'{text}' lies in a temporary folder, which may be emptied any time",
            "use a fixed folder that only this desk writes to",
        )


class PathMap:
    """Beginnings of Windows paths and the folders they are on this machine."""

    def __init__(self, beginnings: Mapping[str, Path]) -> None:
        keyed = [(_windows_key(written), folder) for written, folder in beginnings.items()]
        self._beginnings = sorted(keyed, key=lambda each: len(each[0]), reverse=True)

    def place(self, windows: str) -> str | None:
        """The path on this machine, a separator at its end kept; None when no beginning fits."""
        parts, key = _windows_parts(windows), _windows_key(windows)
        for beginning, folder in self._beginnings:
            if key[: len(beginning)] == beginning:
                rest = "/".join(parts[len(beginning) :])
                ending = "/" if rest and windows.rstrip().endswith(("\\", "/")) else ""
                return str(folder / rest) + ending if rest else str(folder)
        return None

    def told(self, windows: str) -> Fault:
        """The fault of a path that no beginning fits."""
        parts = _windows_parts(windows)
        beginning = _SHARE + "\\".join(parts[1:3]) if parts[0] == _SHARE else parts[0]
        written = beginning.replace("\\", "\\\\")
        return Fault(
            f"{windows.strip()} is a Windows path, and path_map has no beginning of it",
            f'say where it lies on this machine: "path_map": {{"{written}": "/srv/desk"}}',
        )


def is_file(path: Path) -> bool:
    """Whether there is such a file; not when it cannot be looked at."""
    try:
        return path.is_file()
    except OSError:
        return False


def nearest_file(missing: Path) -> Path | None:
    """A file or folder beside a missing one whose name is the same in another case, or nearly the same."""
    from difflib import get_close_matches

    try:
        names = [path.name for path in missing.parent.iterdir()]
    except OSError:
        return None
    same = [name for name in names if name.casefold() == missing.name.casefold()]
    near = same or get_close_matches(missing.name, names, n=1, cutoff=0.8)
    return missing.with_name(near[0]) if near else None


def _windows_parts(windows: str) -> list[str]:
    r"""The drive or, of a share, `\\` and the server, then the folders."""
    parts = [part for part in _SEPARATORS.split(windows.strip()) if part]
    return [_SHARE, *parts] if windows.strip()[:2] in {_SHARE, "//"} else parts


def _windows_key(windows: str) -> tuple[str, ...]:
    return tuple(part.casefold() for part in _windows_parts(windows))


def _temporary_root(parts: list[str]) -> PurePosixPath | None:
    """The path up to and with the folder that is a temporary one by its name."""
    for number, part in enumerate(parts, 1):
        if part.casefold() in _TEMPORARY:
            return PurePosixPath("/", *parts[:number])
    return None


def _is_inside(home: Path, folder: PurePosixPath) -> bool:
    return home.is_relative_to(folder)
