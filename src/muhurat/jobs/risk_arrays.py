"""What a contract can lose: NSE Clearing's sixteen scenarios, looked up in the reference store.

    array = risk_array(store, day, "NIFTY", expiry=date(2026, 11, 24), strike=26000, option_type="CE")

The losses are those of a LONG position in rupees, positive for a loss, in the order that `venues.nse.span` documents; a
short position loses their negatives.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from muhurat.jobs.base import JobError
from muhurat.stores.base import ReferenceStore

TABLE: Final = "SpanRisk"


@dataclass(frozen=True, slots=True)
class RiskArray:
    """One contract's row: the slot it is from, the price it starts from, its losses, its composite delta."""

    slot: str
    price: float
    losses: tuple[float, ...]
    composite_delta: float

    @property
    def worst_long(self) -> float:
        """The scan risk of a long position; 0 when it cannot lose."""
        return max(0.0, *self.losses)

    @property
    def worst_short(self) -> float:
        """The scan risk of a short position."""
        return max(0.0, *(-loss for loss in self.losses))


def risk_array(
    store: ReferenceStore,
    day: date,
    code: str,
    *,
    expiry: date | None = None,
    strike: float | None = None,
    option_type: str | None = None,
) -> RiskArray:
    """The array of an underlying, of a future (`expiry`), or of an option (`expiry`, `strike`, CE or PE).

    Raises `JobError` when the day's file has no such contract, or was not loaded.
    """
    kind = "OOP" if option_type else "FUT" if expiry else "PHY"
    wanted: dict[str, Any] = {"SpanDate": day, "Code": code, "Kind": kind, "Expiry": expiry, "Strike": strike}
    rows = store.read(TABLE, where=wanted | {"OptionType": option_type})
    if not rows:
        what = " ".join(str(part) for part in (code, expiry, strike, option_type) if part is not None)
        loaded = store.count(TABLE, where={"SpanDate": day})
        raise JobError(
            f"the SPAN file of {day} has no {what}" if loaded else f"no SPAN file of {day} is loaded",
            hint="run `muhurat job run nse_span_downloader`; contracts of BSE, such as SENSEX, are not in NSE's file",
        )
    row = rows[0]
    return RiskArray(row["Slot"], row["Price"], tuple(json.loads(row["Scan"])), row["Composite"])
