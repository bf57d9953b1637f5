"""BSE's bhavcopies in the common format (UDiFF, facts/nse.md §2): plain CSV of 34 columns, cash and derivatives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

import numpy as np

from muhurat.simulator.bse.derivatives import MIC, BseDay
from muhurat.simulator.bse.scrips import own_closes, scrips
from muhurat.simulator.reference.listing import underlyings
from muhurat.simulator.reference.noise import uniform
from muhurat.simulator.reference.prices import Prices

HEADER: Final = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,StrkPric,OptnTp,"
    "FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,ChngInOpnIntrst,"
    "TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4"
)
_END: Final = "\n"
_SHARE_OF_NSE: Final = 14
"""What is traded in Bombay is one part in so many of what is traded on the other exchange."""
_OPENS, _HIGHS, _LOWS, _SIZES = range(50, 54)


def cash_bhavcopy(prices: Prices, day: date) -> bytes:
    """The cash segment's session: every active equity."""
    return _text((*_shared(prices, day), *_own(prices, day)))


def derivatives_bhavcopy(day: BseDay) -> bytes:
    """The derivatives segment's session: every contract, traded or not."""
    return _text(_contracts(day))


def _shared(prices: Prices, day: date) -> Iterator[str]:
    session = prices.cash(day)
    columns = (session.open, session.high, session.low, session.close, session.last, session.previous)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    volumes, trades = (session.volume // _SHARE_OF_NSE).tolist(), (session.trades // _SHARE_OF_NSE).tolist()
    for scrip in scrips():
        if scrip.row >= 0 and scrip.trades:
            yield _cash_row(day, scrip.code, scrip.isin, scrip.id, scrip.group, scrip.name, rows[scrip.row]) + _traded(
                volumes[scrip.row], rows[scrip.row][3], trades[scrip.row]
            )


def _own(prices: Prices, day: date) -> Iterator[str]:
    listed = tuple(scrip for scrip in scrips() if scrip.row < 0 and scrip.trades)
    codes = np.array([scrip.code for scrip in listed], dtype=np.int64)
    ordinal, seed = day.toordinal(), prices.seed
    close, previous = own_closes(seed, listed, day), own_closes(seed, listed, prices.sessions.before(day))
    opens = np.round(np.maximum(previous * (0.99 + 0.02 * uniform(seed, codes, ordinal, _OPENS)), 0.05) / 0.05) * 0.05
    high = np.maximum(opens, close) * (1.0 + 0.02 * uniform(seed, codes, ordinal, _HIGHS))
    low = np.minimum(opens, close) * (1.0 - 0.02 * uniform(seed, codes, ordinal, _LOWS))
    volume = np.exp(9.0 * uniform(seed, codes, ordinal, _SIZES)).astype(np.int64)
    columns = zip(*(column.tolist() for column in (opens, high, low, close, close, previous)), strict=True)
    for scrip, row, traded in zip(listed, columns, volume.tolist(), strict=True):
        yield _cash_row(day, scrip.code, scrip.isin, scrip.id, scrip.group, scrip.name, row) + _traded(
            traded, row[3], 1 + traded // 30
        )


def _cash_row(day: date, code: int, isin: str, symbol: str, group: str, name: str, prices: tuple[float, ...]) -> str:
    opens, high, low, close, last, previous = prices
    return (
        f"{day},{day},CM,BSE,STK,{code},{isin},{symbol},{group},,,,,{name},"
        f"{opens:.2f},{high:.2f},{low:.2f},{close:.2f},{last:.2f},{previous:.2f},,{close:.2f},,,"
    )


def _traded(volume: int, price: float, trades: int) -> str:
    return f"{max(1, volume)},{max(1, volume) * price:.2f},{max(1, trades)},F1,1,,,,,"


def _contracts(day: BseDay) -> Iterator[str]:
    session, contracts, listed = day.session, day.contracts, underlyings(MIC)
    when = contracts.day
    prices = (session.open, session.high, session.low, session.close, session.last, session.previous)
    rows = list(zip(*(column.tolist() for column in prices), strict=True))
    spots, settled, strikes = session.spot.tolist(), session.settlement.tolist(), contracts.strike.tolist()
    owners, expiries, calls = contracts.underlying.tolist(), contracts.expiry.tolist(), contracts.call.tolist()
    held, change = session.open_interest.tolist(), session.open_interest_change.tolist()
    volumes, values, trades = session.volume.tolist(), session.value.tolist(), session.trades.tolist()
    names = contracts.name
    for row, token in zip(day.rows, day.tokens, strict=True):
        of, expiry, strike = listed[owners[row]], date.fromordinal(expiries[row]), strikes[row]
        kind = ("ID" if of.is_index else "ST") + ("O" if strike else "F")
        side = f"{strike:.2f},{'CE' if calls[row] else 'PE'}" if strike else ","
        opens, high, low, close, last, previous = rows[row]
        yield (
            f"{when},{when},FO,BSE,{kind},{token},,{of.symbol},,{expiry},{expiry},{side},{names[row]},"
            f"{opens:.2f},{high:.2f},{low:.2f},{close:.2f},{last:.2f},{previous:.2f},{spots[row]:.2f},{settled[row]:.2f},"
            f"{held[row]},{change[row]},{volumes[row]},{values[row]:.2f},{trades[row]},F1,{of.lot},,,,,"
        )


def _text(rows: Iterable[str]) -> bytes:
    return "".join(f"{line}{_END}" for line in (HEADER, *rows)).encode("ascii")
