"""Contracts for a day of recorded candles, where there may be no dump of that day.

With a dump the contracts are its rows. Without one they are read off Kite's trading symbols in the file names, as a
help for old candles only: the lot is then 20 (SENSEX since 2025) or what `lot_size` says, and a monthly symbol is taken
to expire on its month's last Thursday.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from muhurat.model.instrument import Instrument
from muhurat.model.position import OptionSide
from muhurat.trading.candles import CandleDay
from muhurat.trading.contracts import CALL, PUT, Contract, contract_of, current_week

DEFAULT_LOT: Final = 20
_EXCHANGE: Final = "BFO"
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTH_CODES: Final = "123456789OND"
_WEEKLY: Final = re.compile(rf"(\d{{2}})([{_MONTH_CODES}])(\d{{2}})(\d+)(CE|PE)")
_MONTHLY: Final = re.compile(rf"(\d{{2}})({'|'.join(_MONTHS)})(\d+)(CE|PE)")
_THURSDAY: Final = 3
_FIRST_TOKEN: Final = 1_000_000


def contracts_of(candles: CandleDay, dump: Sequence[Instrument], lot_size: int) -> tuple[Contract, ...]:
    """The current week's contracts: of the expiries that have candles that day, or are at least named, the nearest."""
    listed = {each.symbol: contract_of(each, each.expiry) for each in dump if each.type.is_option and each.expiry}
    named = [listed.get(each) or read_symbol(each, candles.index, lot_size) for each in candles.symbols]
    coming = [each for each in named if each is not None and each.expiry >= candles.day]
    traded = {bar.symbol for bar in candles.bars}
    expiries = {each.expiry for each in coming if each.symbol in traded} or {each.expiry for each in coming}
    if not expiries:
        return current_week(dump, candles.day, candles.index)
    nearest = min(expiries)
    of_week = [each for each in dump if each.expiry == nearest]
    found = {each.symbol: each for each in coming if each.expiry == nearest}
    found |= {each.symbol: each for each in current_week(of_week, candles.day, candles.index)}
    return tuple(sorted(found.values(), key=lambda each: (each.strike, each.side)))


def read_symbol(symbol: str, underlying: str, lot_size: int) -> Contract | None:
    """The contract that Kite's trading symbol names; None when it is no option of this underlying."""
    rest = symbol.removeprefix(underlying)
    if rest == symbol:
        return None
    if match := _WEEKLY.fullmatch(rest):
        year, month, day, strike, side = match.groups()
        expiry = date(2000 + int(year), _MONTH_CODES.index(month) + 1, int(day))
    elif match := _MONTHLY.fullmatch(rest):
        year, month, strike, side = match.groups()
        expiry = _last_thursday(2000 + int(year), _MONTHS.index(month) + 1)
    else:
        return None
    return _contract(symbol, CALL if side == CALL else PUT, Decimal(strike), expiry, underlying, lot_size)


def sibling(contract: Contract, strike: Decimal, side: OptionSide) -> Contract:
    """The contract of the same expiry at another strike, named like `contract`."""
    stem = contract.symbol.removesuffix(contract.side).removesuffix(f"{contract.strike.normalize():f}")
    symbol = f"{stem}{strike.normalize():f}{side}"
    return _contract(symbol, side, strike, contract.expiry, contract.underlying, contract.lot_size)


def _contract(symbol: str, side: OptionSide, strike: Decimal, expiry: date, underlying: str, lot_size: int) -> Contract:
    token = _FIRST_TOKEN + 2 * int(strike) + (side == PUT)
    return Contract(symbol, token, _EXCHANGE, side, strike, expiry, lot_size or DEFAULT_LOT, underlying)


def _last_thursday(year: int, month: int) -> date:
    last = date(year, month, monthrange(year, month)[1])
    return last - timedelta(days=(last.weekday() - _THURSDAY) % 7)
