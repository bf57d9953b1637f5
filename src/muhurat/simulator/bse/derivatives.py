"""BSE's futures and options on a session: those of the common listing, with the tokens Kite's dump has for SENSEX."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from muhurat.model.instrument import InstrumentType
from muhurat.simulator.market import listing as kite
from muhurat.simulator.market.base import Ints
from muhurat.simulator.reference.contracts import Contracts
from muhurat.simulator.reference.derivatives import DayDerivatives, Derivatives
from muhurat.simulator.reference.listing import securities, underlyings

MIC: Final = "XBOM"
_ABOVE_SENSEX: Final = 1_000_000
"""What is added to the tokens of other contracts: SENSEX contracts have those of `simulator.market`, below this."""


@dataclass(frozen=True, slots=True, eq=False)
class BseDay:
    """A session. `rows` are the places, within the columns of `session`, of the contracts BSE lists: those whose stock
    has a scrip code; `tokens` are BSE's, beside `rows`."""

    session: DayDerivatives
    rows: list[int]
    tokens: list[int]

    @property
    def contracts(self) -> Contracts:
        return self.session.contracts


def bse_day(derivatives: Derivatives, day: date) -> BseDay:
    """The derivatives of a session."""
    session = derivatives.session(day)
    contracts = session.contracts
    rows = np.flatnonzero(np.array(asset_codes())[contracts.underlying] > 0)
    return BseDay(session, rows.tolist(), _tokens(contracts)[rows].tolist())


def asset_codes() -> list[int]:
    """BSE's number of each underlying: small ones for indices, scrip codes for stocks, 0 for a stock BSE has not."""
    indices = {"SENSEX": 1, "BANKEX": 12, "SENSEX50": 47}
    listed = securities()
    return [indices[each.symbol] if each.is_index else listed[each.row].scrip_code for each in underlyings(MIC)]


def _tokens(contracts: Contracts) -> Ints:
    tokens: Ints = contracts.token + _ABOVE_SENSEX
    place = next(place for place, each in enumerate(underlyings(MIC)) if each.symbol == kite.UNDERLYING)
    for row in np.flatnonzero(contracts.underlying == place).tolist():
        expiry = kite.Expiry(date.fromordinal(int(contracts.expiry[row])), bool(contracts.monthly[row]))
        strike = int(contracts.strike[row])
        side = InstrumentType.CALL if contracts.call[row] else InstrumentType.PUT
        listed = kite.option(expiry, strike, side) if strike else kite.future(expiry)
        tokens[row] = listed.exchange_token
    return tokens
