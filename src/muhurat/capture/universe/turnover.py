"""The stocks with futures, those with the highest turnover first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from muhurat.errors import MuhuratError
from muhurat.model.instrument import Instrument
from muhurat.venues.base import Quote, Quotes

if TYPE_CHECKING:
    from muhurat.stores.base import ReferenceStore

_DAYS_BACK: Final = 10
_STOCK_FUTURE: Final = "STF"
"""UDiFF's `FinInstrmTp` of a stock future (NSE's circular of the common bhavcopy, 2024)."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Names in order of turnover, and where the figures are from."""

    names: tuple[str, ...]
    source: str


def rank(
    futures: Mapping[str, Instrument], quotes: Quotes, reference: Callable[[], ReferenceStore] | None, day: date
) -> Ranking:
    """Rank the stocks by the turnover of their futures; `futures` has the near one of every stock.

    From the last bhavcopy in the reference store, else from the venue's quotes: volume times average price of the
    session they are of, or open interest times last price while no session has begun. A stock without a figure comes
    last; equals go by name. Raises `VenueError` when the venue tells no quotes.
    """
    by_bhavcopy, why_not = _from_reference(reference, day)
    if by_bhavcopy is not None:
        return Ranking(_ranked(futures, by_bhavcopy.rupees), by_bhavcopy.source)
    told = quotes.quotes([future.key for future in futures.values()])
    known = {name: told[future.key] for name, future in futures.items() if future.key in told}
    traded = {name: _traded(quote) for name, quote in known.items()}
    if any(traded.values()):
        return Ranking(_ranked(futures, traded), f"quotes: volume times average price of the near future{why_not}")
    held = {name: float(quote.oi * quote.last_price) for name, quote in known.items()}
    return Ranking(_ranked(futures, held), f"quotes: open interest times last price of the near future{why_not}")


@dataclass(frozen=True, slots=True)
class _Bhavcopy:
    rupees: dict[str, float]
    source: str


def _from_reference(reference: Callable[[], ReferenceStore] | None, day: date) -> tuple[_Bhavcopy | None, str]:
    """The turnover of the last bhavcopy, or why there is none: a store that fails must not cost the day's recording."""
    if reference is None:
        return None, ""
    try:
        with closing(reference()) as store:
            return _from_bhavcopy(store, day), ""
    except MuhuratError as error:
        return None, f" (the reference store cannot be read: {error})"


def _from_bhavcopy(reference: ReferenceStore, day: date) -> _Bhavcopy | None:
    """The turnover of the last session before `day` whose bhavcopy is kept; None when there is none of late."""
    for back in range(1, _DAYS_BACK + 1):
        session = day - timedelta(days=back)
        where = {"TradDt": session, "FinInstrmTp": _STOCK_FUTURE}
        rows = reference.read("FoBhavcopy", where=where, columns=("TckrSymb", "TtlTrfVal"))
        if rows:
            rupees: dict[str, float] = {}
            for row in rows:
                rupees[row["TckrSymb"]] = rupees.get(row["TckrSymb"], 0.0) + (row["TtlTrfVal"] or 0.0)
            return _Bhavcopy(rupees, f"bhavcopy of {session}: turnover of the stock's futures")
    return None


def _traded(quote: Quote) -> float:
    return float(Decimal(quote.volume) * (quote.average_price or quote.last_price))


def _ranked(names: Iterable[str], rupees: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: (-rupees.get(name, 0.0), name)))
