"""UDiFF bhavcopies, cash and derivatives: 34 columns, facts/nse.md §2. Lines end with LF."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Final

from muhurat.simulator.reference.derivatives import DayDerivatives
from muhurat.simulator.reference.listing import securities
from muhurat.simulator.reference.prices import DayPrices

HEADER: Final = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,StrkPric,OptnTp,"
    "FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,"
    "ChngInOpnIntrst,TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4"
)
_SHARE: Final = "%s,%s,CM,%s,STK,%d,%s,%s,%s,,,,,%s,%.2f,%.2f,%.2f,%.2f,%.2f,%.2f,,%.2f,,,%d,%.2f,%d,F1,1,,,,,"
_FUTURE: Final = "%s,%s,FO,%s,%s,%d,,%s,,%s,%s,,,%s,%.2f,%.2f,%.2f,%.2f,%.2f,%.2f,%.2f,%.2f,%d,%d,%d,%.2f,%d,F1,%d,,,,,"
_OPTION: Final = _FUTURE.replace("%s,%s,,,%s", "%s,%s,%.2f,%s,%s")


def cash_bhavcopy(session: DayPrices, source: str = "NSE") -> bytes:
    """Every security of a session, by symbol and series."""
    day = session.day.isoformat()
    columns = (session.open, session.high, session.low, session.close, session.last, session.previous, session.close)
    counted = (session.volume, session.turnover, session.trades)
    rows = zip(securities(), *(column.tolist() for column in (*columns, *counted)), strict=True)
    lines = [
        _SHARE
        % (day, day, source, security.token, security.isin, security.symbol, security.series, security.name, *row)
        for security, *row in rows
    ]
    return _text(sorted(lines, key=lambda line: line.split(",", 9)[7:9]))


def derivatives_bhavcopy(session: DayDerivatives, source: str = "NSE") -> bytes:
    """Every contract of a session."""
    day = session.contracts.day.isoformat()
    return _text([line % (day, day, source, *row) for line, row in _contract_rows(session)])


def _contract_rows(session: DayDerivatives) -> Iterator[tuple[str, tuple[Any, ...]]]:
    contracts = session.contracts
    expiries = {ordinal: date.fromordinal(ordinal).isoformat() for ordinal in set(contracts.expiry.tolist())}
    written = [expiries[ordinal] for ordinal in contracts.expiry.tolist()]
    kinds = (contracts.is_index, contracts.is_option, contracts.call)
    named = (contracts.token, contracts.symbol, written, contracts.strike, contracts.name)
    prices = (session.open, session.high, session.low, session.close, session.last, session.previous)
    standing = (session.spot, session.settlement, session.open_interest, session.open_interest_change)
    counted = (session.volume, session.value, session.trades, contracts.lot)
    columns = (_listed(column) for column in (*kinds, *named, *prices, *standing, *counted))
    for index, option, call, token, symbol, expiry, strike, name, *figures in zip(*columns, strict=True):
        if option:
            kind, side = "IDO" if index else "STO", "CE" if call else "PE"
            yield _OPTION, (kind, token, symbol, expiry, expiry, strike, side, name, *figures)
        else:
            yield _FUTURE, ("IDF" if index else "STF", token, symbol, expiry, expiry, name, *figures)


def _listed(column: Any) -> list[Any]:
    return column if isinstance(column, list) else column.tolist()


def _text(lines: Iterable[str]) -> bytes:
    return "\n".join((HEADER, *lines, "")).encode("ascii")
