"""Notice a feed's universe and its wishes as they change, and take what is wished from the reserve."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from muhurat.capture.universe import (
    file_stamp,
    load_universe,
    load_wanted,
    save_universe,
    universe_path,
    want_path,
    with_wanted,
)
from muhurat.errors import MuhuratError

_Stamp = tuple[int, int] | None


class UniverseWatch:
    """One feed's files. `instruments` and `missing` count, `problem` says what is wrong with a file."""

    def __init__(self, folder: Path, feed: str) -> None:
        self.instruments = 0
        self.missing: list[str] = []
        self.problem = ""
        self._folder = folder
        self._feed = feed
        self._seen: tuple[date, _Stamp, _Stamp] | None = None

    def look(self, day: date) -> list[int] | None:
        """The tokens to record from now on; None when nothing has changed, or what changed is spoilt."""
        path, wishes = universe_path(self._folder, self._feed, day), want_path(self._folder, self._feed, day)
        seen = (day, file_stamp(path), file_stamp(wishes))
        if seen == self._seen:
            return None
        self._seen = seen
        try:
            tokens = self._read(path, wishes)
        except (MuhuratError, OSError) as error:
            self.problem = str(error)
            return None
        self._seen = (day, file_stamp(path), seen[2])
        return tokens

    def _read(self, path: Path, wishes: Path) -> list[int]:
        universe = load_universe(path)
        larger, unknown = with_wanted(universe, load_wanted(wishes))
        if larger is not universe:
            save_universe(path, larger)
        self.instruments = len(larger.instruments)
        self.missing = [*universe.missing, *unknown]
        self.problem = ""
        return larger.tokens()
