"""What a rule that chooses a feed's instruments is, and what it may ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol

from muhurat.capture.universe.model import Entry, Universe
from muhurat.model.instrument import Instrument
from muhurat.venues.base import Quotes

if TYPE_CHECKING:
    from muhurat.stores.base import ReferenceStore


@dataclass(frozen=True, slots=True)
class Order:
    """For whom to choose, and for which day. `strikes` is how many to record on either side of the money."""

    feed: str
    venue: str
    mode: str
    strikes: int
    day: date
    built_at_ns: int


@dataclass(frozen=True, slots=True)
class Market:
    """Whom a rule may ask for prices and turnover. `reference` opens the desk's reference data; the rule closes it."""

    quotes: Quotes
    reference: Callable[[], ReferenceStore] | None = None


class UniverseKind(Protocol):
    """A rule that chooses the day's instruments of a feed out of the venue's dump."""

    @property
    def name(self) -> str:
        """As the desk file names it."""

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The exchanges whose dump it needs."""

    @property
    def file(self) -> str:
        """Where the chosen instruments are written too, from the desk's folder; empty for nowhere else."""

    def choose(self, dump: Sequence[Instrument], order: Order, market: Market) -> Universe:
        """The day's universe; what it lacks stands in `missing`. Raises `UniverseError` when there is nothing to
        choose from."""


def modelled_among(entries: Iterable[Entry], quotes: Quotes) -> frozenset[str]:
    """The symbols whose price a simulator says it made up; no real venue says so."""
    told = quotes.quotes([f"{entry.exchange}:{entry.symbol}" for entry in entries])
    return frozenset(key.partition(":")[2] for key, quote in told.items() if quote.modelled)
