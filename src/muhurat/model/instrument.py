"""What can be quoted and traded, as the venue's daily dump describes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

INDEX_UNDERLYINGS: Final = frozenset(
    {"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50", "SENSEX", "BANKEX", "SENSEX50"}
)
"""Underlyings of index contracts; the market-wide position limit, and so a ban, concerns stocks only."""


class InstrumentType(StrEnum):
    """The kinds in Kite's `instrument_type` column; an index is an `EQ` row of segment `INDICES` there, named here."""

    INDEX = "INDEX"
    EQUITY = "EQ"
    FUTURE = "FUT"
    CALL = "CE"
    PUT = "PE"

    @property
    def is_option(self) -> bool:
        return self in (InstrumentType.CALL, InstrumentType.PUT)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One row of a venue's instrument dump, valid for one day.

    `token` is the number in the ticker's packets, `symbol` the venue's trading symbol, `name` the underlying's name as
    the dump has it. `strike` and `tick_size` are rupees (index points), `lot_size` units per lot. Exchange tokens are
    reused: across days an instrument is (exchange, symbol, expiry).
    """

    token: int
    exchange_token: int
    symbol: str
    name: str
    exchange: str
    segment: str
    type: InstrumentType
    expiry: date | None
    strike: Decimal
    tick_size: Decimal
    lot_size: int

    @property
    def key(self) -> str:
        """`EXCHANGE:SYMBOL`, the form Kite's quote calls take."""
        return f"{self.exchange}:{self.symbol}"


def nearest_strike(spot: Decimal | float, step: int) -> int:
    """The strike nearest to where an index stands; half way between two it is the upper one."""
    return int((2 * spot + step) // (2 * step)) * step
