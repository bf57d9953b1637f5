"""Notice a feed's universe and its wishes as they change, and take what is wished from the reserve."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from muhurat.capture.universe import (
    changing,
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
    """One feed's files. `instruments` and `missing` count, `new` are the contracts listed during the day, `problem`
    says what is wrong with a file; `symbols` names the tokens."""

    def __init__(self, folder: Path, feed: str) -> None:
        self.instruments = 0
        self.missing: list[str] = []
        self.new: list[str] = []
        self.problem = ""
        self.symbols: dict[int, str] = {}
        self._folder = folder
        self._feed = feed
        self._seen: tuple[date, _Stamp, _Stamp] | None = None

    def look(self, day: date) -> list[int] | None:
        """The tokens to record from now on, the most important first; None when nothing has changed, or what changed
        is spoilt."""
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
        with changing(path):
            universe = load_universe(path)
            larger, unknown = with_wanted(universe, load_wanted(wishes))
            if larger is not universe:
                save_universe(path, larger)
        self.instruments = len(larger.instruments)
        self.missing = [*universe.missing, *unknown]
        self.new = larger.new
        self.symbols = {entry.token: symbol for symbol, entry in larger.instruments.items()}
        self.problem = ""
        return list(self.symbols)
