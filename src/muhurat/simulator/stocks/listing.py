"""The rows of Kite's dump for stocks, funds, their derivatives and BANKEX, and what each of them follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.simulator.reference.contracts import list_contracts, spots
from muhurat.simulator.reference.listing import Security, securities, stock_underlyings, underlyings
from muhurat.simulator.reference.prices import Prices

TICK: Final = Decimal("0.05")
BANKEX: Final = 274441
"""Kite's token of the index (facts/kite.md, section 6)."""

_NSE, _NFO, _BSE, _BFO = 1, 2, 4, 5
_STRIKES_EACH_SIDE: Final = 6
_STRIKES_OF_AN_INDEX: Final = 15
_ADDED_LATER: Final = 0.8
"""Strikes further from the money than this share of the way to the last one are added during the day."""
_INDICES_WITH_FUTURES: Final = frozenset({"NIFTY", "BANKNIFTY"})
_SEGMENTS: Final = {"XNSE": ("NFO", _NFO), "XBOM": ("BFO", _BFO)}


@dataclass(frozen=True, slots=True)
class Basis:
    """Whose price an instrument follows: `row` of the securities, or of the indices of exchange `index_of`."""

    row: int
    index_of: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the dump and what it follows; `late` when the exchange adds it during the day."""

    instrument: Instrument
    basis: Basis
    late: bool = False


def list_stocks(nse: Prices, bse: Prices, day: date) -> list[Listed]:
    """Everything that is listed beside SENSEX on a session.

    Of options, those of the near month around the money of the close before; of BSE's derivatives those of BANKEX.
    """
    before = nse.sessions.before(day)
    return [*_cash(), *_bankex_index(), *_contracts(nse, day, before), *_contracts(bse, day, before)]


def _cash() -> Iterator[Listed]:
    wanted = frozenset(stock_underlyings())
    for row, security in enumerate(securities()):
        if (security.kind == "fund" and security.series == "EQ") or security.symbol in wanted:
            yield Listed(_share(security, "NSE", security.token << 8 | _NSE), Basis(row))
            if security.scrip_code:
                yield Listed(_share(security, "BSE", security.scrip_code << 8 | _BSE), Basis(row))


def _share(security: Security, exchange: str, token: int) -> Instrument:
    return Instrument(
        token=token,
        exchange_token=token >> 8,
        symbol=security.symbol,
        name=security.name,
        exchange=exchange,
        segment=exchange,
        type=InstrumentType.EQUITY,
        expiry=None,
        strike=Decimal(0),
        tick_size=TICK,
        lot_size=1,
    )


def _bankex_index() -> Iterator[Listed]:
    yield Listed(
        Instrument(
            token=BANKEX,
            exchange_token=BANKEX >> 8,
            symbol="BANKEX",
            name="BANKEX",
            exchange="BSE",
            segment="INDICES",
            type=InstrumentType.INDEX,
            expiry=None,
            strike=Decimal(0),
            tick_size=Decimal(0),
            lot_size=0,
        ),
        next(_basis("XBOM", place) for place, each in enumerate(underlyings("XBOM")) if each.symbol == "BANKEX"),
    )


def _contracts(prices: Prices, day: date, before: date) -> Iterator[Listed]:
    """The futures of an exchange, and the options around the money of its nearest month."""
    mic = prices.sessions.mic
    contracts, listed = list_contracts(prices, day), underlyings(mic)
    closes = spots(prices, listed, prices.cash_closes(before), prices.index_closes(before))
    wanted = [_is_listed(mic, each.symbol, is_index=each.is_index) for each in listed]
    widths = [each.step * _strikes_listed(mic, is_index=each.is_index) for each in listed]
    month = int(contracts.expiry[contracts.monthly].min())
    columns = zip(
        contracts.underlying.tolist(),
        contracts.expiry.tolist(),
        contracts.strike.tolist(),
        contracts.monthly.tolist(),
        contracts.call.tolist(),
        contracts.token.tolist(),
        contracts.name,
        strict=True,
    )
    for place, expiry, strike, monthly, call, token, symbol in columns:
        away = abs(strike - closes[place])
        near = away <= widths[place] and expiry == month
        if wanted[place] and monthly and (not strike or near):
            kind = (InstrumentType.CALL if call else InstrumentType.PUT) if strike else InstrumentType.FUTURE
            each = listed[place]
            row = _contract(mic, each.symbol, each.lot, symbol, kind, token, expiry, strike)
            yield Listed(row, _basis(mic, place), late=strike > 0 and away > _ADDED_LATER * widths[place])


def _is_listed(mic: str, symbol: str, *, is_index: bool) -> bool:
    if mic == "XBOM":
        return symbol == "BANKEX"
    return not is_index or symbol in _INDICES_WITH_FUTURES


def _strikes_listed(mic: str, *, is_index: bool) -> int:
    """Strikes on either side of the money; NSE's indices have futures alone here."""
    if is_index:
        return _STRIKES_OF_AN_INDEX if mic == "XBOM" else -1
    return _STRIKES_EACH_SIDE


def _basis(mic: str, place: int) -> Basis:
    underlying = underlyings(mic)[place]
    return Basis(underlying.row, mic if underlying.is_index else "")


def _contract(
    mic: str, name: str, lot: int, symbol: str, kind: InstrumentType, number: int, expiry: int, strike: float
) -> Instrument:
    exchange, segment = _SEGMENTS[mic]
    return Instrument(
        token=number << 8 | segment,
        exchange_token=number,
        symbol=symbol,
        name=name,
        exchange=exchange,
        segment=f"{exchange}-{'OPT' if kind.is_option else 'FUT'}",
        type=kind,
        expiry=_date(expiry),
        strike=_exact(strike),
        tick_size=TICK,
        lot_size=lot,
    )


@lru_cache(maxsize=64)
def _date(ordinal: int) -> date:
    return date.fromordinal(ordinal)


@lru_cache(maxsize=4096)
def _exact(strike: float) -> Decimal:
    return Decimal(f"{strike:g}")
