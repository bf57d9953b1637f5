"""Universe files: `<feed>_<YYYYMMDD>.json`, and beside it what the trader wants, `<feed>_<YYYYMMDD>.want.json`."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from muhurat.capture.universe.model import Universe, UniverseError, Wanted

_MISSING: Final = "`muhurat capture universe` chooses today's; that of a day that is over comes back from a backup only"
_SPOILT: Final = "correct it if it is your own; else remove it: `muhurat capture universe` makes it anew"


def universe_path(folder: Path, feed: str, day: date) -> Path:
    """Where a feed's universe of a day is kept."""
    return folder / f"{feed}_{day:%Y%m%d}.json"


def want_path(folder: Path, feed: str, day: date) -> Path:
    """Where the trader says which further symbols it needs recorded."""
    return folder / f"{feed}_{day:%Y%m%d}.want.json"


def file_stamp(path: Path) -> tuple[int, int] | None:
    """Differs whenever a file was written anew; None while there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino


def load_universe(path: Path) -> Universe:
    """Read a universe file; raises `UniverseError` naming what is wrong with it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Universe)
    except FileNotFoundError:
        raise UniverseError(f"there is no universe file {path}", hint=_MISSING) from None
    except msgspec.DecodeError as error:
        raise UniverseError(f"the universe file {path} is spoilt: {error}", hint=_SPOILT) from error
    except OSError as error:
        raise UniverseError(
            f"the universe file {path} cannot be read: {error.strerror}", hint="look at its owner and its mode"
        ) from error


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """A `with` block in which nobody else reads a universe file in order to write it anew; waits for one who does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def save_universe(path: Path, universe: Universe) -> None:
    """Replace a universe file as a whole."""
    _replace(path, msgspec.json.format(msgspec.json.encode(universe), indent=1))


def load_wanted(path: Path) -> list[str]:
    """The symbols somebody wants recorded; none without a file. Raises `UniverseError` when it is spoilt."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Wanted).symbols
    except FileNotFoundError:
        return []
    except msgspec.DecodeError as error:
        raise UniverseError(f"the file of wanted symbols {path} is spoilt: {error}") from error


def save_wanted(path: Path, symbols: Iterable[str]) -> None:
    """Ask for symbols to be recorded; replaces what was asked for before."""
    _replace(path, msgspec.json.encode(Wanted(sorted(set(symbols)))))


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise UniverseError(
            f"{path} cannot be written: {error.strerror}",
            hint=f"free space on the disk of {path.parent}, or look at its owner and its permissions",
        ) from error
