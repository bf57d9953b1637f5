"""`CO_BSE.zip`: the derivatives' contract master, 69 comma-separated fields (facts/nse.md §5, BSE_FO_Header_Normal)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Final

from muhurat.simulator.bse.derivatives import MIC, BseDay, asset_codes
from muhurat.simulator.reference.listing import underlyings

CONTROL_LINE: Final = "2,1.0.0,"
_END: Final = "\r\n"
_LISTED_FOR: Final = timedelta(days=91)
_INDEX_CODES: Final = {"SENSEX": "BSX", "BANKEX": "BKX", "SENSEX50": "SX50"}
_MONTH_LETTERS: Final = "123456789OND"
_FIRST_PRODUCT: Final = 200
_ZEROS_14_TO_26: Final = ",".join("0" * 13)
_ZEROS_38_TO_48: Final = ",".join("0" * 11)


def contract_members(day: BseDay) -> dict[str, bytes]:
    """The archive's members by name: the contracts of a session with its closes as base prices, and the spreads."""
    when = day.contracts.day
    return {
        f"EQD_CO{when:%d%m%y}.csv": _text((CONTROL_LINE, *_rows(day))),
        f"EQD_SPD_CO{when:%d%m%y}.csv": _text((CONTROL_LINE, *_spreads(day))),
    }


def _rows(day: BseDay) -> Iterator[str]:
    contracts, assets, codes = day.contracts, asset_codes(), _codes()
    listed, names = underlyings(MIC), contracts.name
    columns = (contracts.underlying, contracts.expiry, contracts.strike, contracts.call, contracts.monthly)
    rows = list(zip(*(column.tolist() for column in (*columns, day.session.close)), strict=True))
    for row, token in zip(day.rows, day.tokens, strict=True):
        place, ordinal, strike, call, monthly, close = rows[row]
        of, code, expiry = listed[place], codes[place], date.fromordinal(ordinal)
        option = ("CE" if call else "PE") if strike else ""
        expires = _date(expiry)
        fields = (
            f"{token},{assets[place]},{'I' if of.is_index else 'S'}{'O' if option else 'F'},{code},{of.symbol},0",
            f"{expires},{round(strike * 100)},{option},2,0,0,1,{_ZEROS_14_TO_26}",
            f"{_date(expiry - _LISTED_FOR)},{expires}",
            f"{_FIRST_PRODUCT + 2 * place + bool(option)},{1 if of.is_index else 3},{of.lot},{of.lot},5,0,0,0,{token}",
            f"{_ZEROS_38_TO_48},{expires},{expires},0,1,{_series(code, expiry, monthly, strike, option)}",
            names[row] if of.is_index else _name(code, expiry, strike, option),
            f"0,0,0,{1 if of.is_index else 2},0,{'M' if monthly else 'W'},0,0,0,0,0,{code}{'OPT' if option else 'FUT'}",
            f"0,{round(close * 100)},{'E' if expiry <= contracts.day else 'A'}",
        )
        yield ",".join(fields)


def _spreads(day: BseDay) -> Iterator[str]:
    contracts, listed, codes = day.contracts, underlyings(MIC), _codes()
    futures = [(row, token) for row, token in zip(day.rows, day.tokens, strict=True) if not contracts.strike[row]]
    for (near, first), (far, second) in pairwise(futures):
        place = int(contracts.underlying[near])
        if place == contracts.underlying[far]:
            yield f"{first}{second % 1000:03d},{first},{second},{codes[place]},{listed[place].lot},A"


@cache
def _codes() -> list[str]:
    """The short code of each underlying: four letters of a stock's symbol, the last a number where that is taken."""
    codes: list[str] = []
    for each in underlyings(MIC):
        letters = "".join(filter(str.isalnum, each.symbol))
        wanted = _INDEX_CODES.get(each.symbol, letters[:4])
        number = 1
        while wanted in codes:
            number += 1
            wanted = f"{letters[:3]}{number}"
        codes.append(wanted)
    return codes


def _series(code: str, expiry: date, monthly: bool, strike: float, option: str) -> str:
    if not option:
        return f"{code}{expiry:%b%Y}".upper()
    week = "" if monthly else f"{expiry:%d}"
    return f"{code}{expiry.year % 10}{_MONTH_LETTERS[expiry.month - 1]}{week}{option[0]}{strike:g}"


def _name(code: str, expiry: date, strike: float, option: str) -> str:
    when = f"{code}{expiry:%y%b}".upper()
    return f"{when}{strike:.2f}{option}" if option else f"{when}FUT"


def _date(day: date) -> str:
    return f"{day:%d-%b-%Y}".upper()


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}{_END}" for line in lines).encode("ascii")
