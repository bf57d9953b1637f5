"""Which instruments a feed records on a day, kept in `data/universe/<feed>_<YYYYMMDD>.json`.

A rule of `UNIVERSES` chooses them out of the day's dump; expiries, strikes and lots come from there, never from
symbols, so that they roll by themselves. A desk may also give a file of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from muhurat.capture.universe.cross_venue import SSO_XVENUE, CrossVenueUniverse
from muhurat.capture.universe.files import (
    changing,
    file_stamp,
    load_universe,
    load_wanted,
    save_universe,
    save_wanted,
    universe_path,
    want_path,
)
from muhurat.capture.universe.index import SENSEX_ATM, IndexUniverse, build
from muhurat.capture.universe.kinds import Market, Order, UniverseKind
from muhurat.capture.universe.listed_today import new_contracts, with_new
from muhurat.capture.universe.model import Entry, Group, Universe, UniverseError, Wanted, with_wanted

__all__ = [
    "SENSEX_ATM",
    "SSO_XVENUE",
    "UNIVERSES",
    "CrossVenueUniverse",
    "Entry",
    "Group",
    "IndexUniverse",
    "Market",
    "Order",
    "Universe",
    "UniverseError",
    "UniverseKind",
    "Wanted",
    "build",
    "changing",
    "file_stamp",
    "load_universe",
    "load_wanted",
    "new_contracts",
    "save_universe",
    "save_wanted",
    "universe_path",
    "want_path",
    "with_new",
    "with_wanted",
]

UNIVERSES: Final[Mapping[str, UniverseKind]] = {kind.name: kind for kind in (SENSEX_ATM, SSO_XVENUE)}
"""The universes a desk file may name; any other is the path of a universe file."""
