"""What NSE publishes, as the jobs see it: frozen facts, and the contracts of those who get them.

Columns carry dates as ISO text, prices as rupees, and None where the file is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from muhurat.venues.refusals import Blocked, Malformed, NotPublished, OtherDay, Unavailable, WebPage

__all__ = [
    "SPAN_SLOTS",
    "BanList",
    "Bhavcopy",
    "Blocked",
    "Columns",
    "Gainers",
    "IndexDay",
    "Malformed",
    "NotPublished",
    "NseApi",
    "NseFiles",
    "OtherDay",
    "Progress",
    "Segment",
    "SpanFile",
    "SpanHead",
    "SpanSlot",
    "Unavailable",
    "WebPage",
]

Columns = Mapping[str, Sequence[Any]]
"""Rows by column, all of one length."""
Progress = Callable[[int, int | None], None]
"""Is told bytes so far and in total, where that is known."""

Segment = Literal["CM", "FO"]
SpanSlot = Literal["i1", "i2", "i3", "i4", "i5", "s"]
SPAN_SLOTS: Final[tuple[SpanSlot, ...]] = ("i1", "i2", "i3", "i4", "i5", "s")
"""In the order of the day: beginning, four during it, 15:30, settlement."""


@dataclass(frozen=True, slots=True)
class Bhavcopy:
    """One segment's whole day in UDiFF columns; `warnings` are oddities that do not make it wrong. `path` is the file
    that was kept."""

    segment: str
    source: str
    day: date
    rows: int
    columns: Columns
    warnings: tuple[str, ...] = ()
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class IndexDay:
    """Open, high, low and close of indices on one day, in columns of table IndexOhlc; `source` says who told it."""

    day: date
    rows: int
    columns: Columns
    source: str
    warnings: tuple[str, ...] = ()
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class BanList:
    """The stocks in whose derivatives no new position may be opened on `trade_date`."""

    trade_date: date
    symbols: tuple[str, ...]
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Gainers:
    """The website's list as it came, and as it reads: one mapping a row, header names in capitals, None for `-`."""

    raw: bytes
    rows: tuple[Mapping[str, str | float | None], ...]


@dataclass(frozen=True, slots=True)
class SpanHead:
    """What a SPAN file says of itself. `created` is YYYYMMDDhhmm in India; the file of a morning is made the evening
    before."""

    day: date
    created: str
    settlement: bool


@dataclass(frozen=True, slots=True)
class SpanFile:
    """A SPAN file that was taken: where it lies, which slot, and how much was in it."""

    path: Path
    slot: SpanSlot
    head: SpanHead
    rows: int
    commodities: int


class NseFiles(Protocol):
    """NSE's public files. Everything raises `VenueError` (`NotPublished`, `Blocked`, `Malformed`, `Unavailable`), and
    leaves earlier files as they were when it does. `folder` is where downloaded files stay."""

    def bhavcopy(self, segment: Segment, day: date, folder: Path, progress: Progress | None = None) -> Bhavcopy:
        """The day's whole UDiFF bhavcopy, checked."""

    def indices(self, day: date, folder: Path) -> IndexDay:
        """Every index of the day, out of one file of the archives."""

    def index_history(self, name: str, first: date, last: date) -> list[IndexDay]:
        """One index from niftyindices.com, oldest first; days without a session are absent."""

    def bans(self, session: date, folder: Path, *, archived: bool = False) -> BanList:
        """The list of a session: the one that is current at NSE, or the archived one. Raises `OtherDay` when it is of
        another session, and `Malformed` for an error page, which never means that there are no bans."""

    def span(
        self,
        day: date,
        slot: SpanSlot,
        folder: Path,
        load: Callable[[Iterator[Columns]], int],
        progress: Progress | None = None,
    ) -> SpanFile:
        """Download a slot's risk arrays and hand them to `load` in bounded batches of table SpanRisk's columns.

        `load` returns how many rows it took, or raises; the file takes its place in `folder` only after it returned.
        What is wrong with the file is raised out of the iterator, at the latest at its end.
        """


class NseApi(Protocol):
    """NSE's website."""

    def gainers(self, direction: Literal["gainers", "loosers"] = "gainers", of: str = "NIFTY") -> Gainers:
        """The list of gainers or losers (which NSE spells so) as CSV; raises `VenueError`."""
