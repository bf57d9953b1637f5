"""Which instrument a token means on a day, from the feed's universe file of that day."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muhurat.capture.universe import file_stamp, load_universe


class DayNames:
    """Symbols and marks by code, a small number that stands for a token; tokens nobody named join as they are met."""

    def __init__(self, named: Mapping[int, tuple[str, bool]]) -> None:
        """Start from `token -> (symbol, modelled)`."""
        tokens = sorted(named)
        self._tokens = np.array(tokens, np.int64)
        self._codes = np.arange(len(tokens))
        self.symbols = np.array([named[token][0] for token in tokens], object)
        self.modelled = np.array([named[token][1] for token in tokens], bool)
        self.unknown = np.zeros(len(tokens), bool)

    def codes(self, tokens: NDArray[Any]) -> NDArray[np.intp]:
        """The code of every token; one without a name is called by its number and marked in `unknown`."""
        places = np.searchsorted(self._tokens, tokens)
        if len(self._tokens):
            np.minimum(places, len(self._tokens) - 1, out=places)
            strange = self._tokens[places] != tokens
        else:
            strange = np.ones(len(tokens), bool)
        if strange.any():
            self._add(np.unique(tokens[strange]))
            places = np.searchsorted(self._tokens, tokens)
        return self._codes[places]

    def _add(self, tokens: NDArray[Any]) -> None:
        new = np.arange(len(self.symbols), len(self.symbols) + len(tokens))
        everything = np.append(self._tokens, tokens)
        order = np.argsort(everything)
        self._tokens = everything[order]
        self._codes = np.append(self._codes, new)[order]
        self.symbols = np.append(self.symbols, np.array([str(token) for token in tokens.tolist()], object))
        self.modelled = np.append(self.modelled, np.zeros(len(tokens), bool))
        self.unknown = np.append(self.unknown, np.ones(len(tokens), bool))


class TokenNames:
    """The names of one feed's tokens, day by day; a universe file that changes during the day is read again."""

    def __init__(self, universe: Path, feed: str) -> None:
        """`universe` is the folder of the files `<feed>_<YYYYMMDD>.json`."""
        self._universe = universe
        self._feed = feed
        self._day = ""
        self._stamp: tuple[int, int] | None = None
        self._names = DayNames({})

    def on(self, day: str) -> DayNames:
        """The names on a day `YYYYMMDD`; without a universe file every token is unknown.

        Raises `UniverseError` when the file is there and spoilt.
        """
        path = self._universe / f"{self._feed}_{day}.json"
        stamp = file_stamp(path)
        if (day, stamp) != (self._day, self._stamp) or not self._day:
            self._day, self._stamp = day, stamp
            self._names = DayNames(_named(path) if stamp else {})
        return self._names


def names_of(path: Path) -> DayNames:
    """The names of one universe file, for whatever day; raises `UniverseError` when it is not there or spoilt."""
    return DayNames(_named(path))


def _named(path: Path) -> dict[int, tuple[str, bool]]:
    """The instruments that are recorded and those that may be."""
    universe = load_universe(path)
    entries = {**universe.reserve, **universe.instruments}
    return {entry.token: (symbol, entry.modelled) for symbol, entry in entries.items()}
