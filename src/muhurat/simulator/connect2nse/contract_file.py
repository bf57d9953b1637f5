"""`contract.gz`: NSE's derivatives master, `|`-separated (facts/nse.md §6; PartC, Annexure 1).

The first line names format and version; then come rows of 69 fields: the indices and stocks themselves, the contracts,
and the exchange's own test symbols, which clients are to leave out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from muhurat.simulator.reference.derivatives import DayDerivatives
from muhurat.simulator.reference.listing import Underlying, underlyings

MIC: Final = "XNSE"
FORMAT: Final = "NEATFO|7.0.4|"
EXTRA_STRIKES: Final = 10
"""Strikes on each side that the master has and the bhavcopy has not: they wait until the price comes near."""

_END: Final = "\n"
_FIRST_EXTRA_TOKEN: Final = 20_000_000
_FIRST_TEST_TOKEN: Final = 19_000_000
_DAY_S: Final = 86_400
_DAYS_TO_1980_S: Final = date(1980, 1, 1).toordinal() * _DAY_S
_LISTED_FOR_S: Final = 91 * _DAY_S
_EXPIRES_AT_S: Final = 14 * 3600 + 30 * 60
_NO_LIMIT: Final = 999_999_999_999
_WIDE: Final = 1_024
_WEEKS: Final = 160


def contract_file(session: DayDerivatives, made_1980_s: int) -> bytes:
    """The file for a session as text; `made_1980_s` is when it was made, in seconds since 1980 in India."""
    lines = (
        f"{FORMAT}{made_1980_s}",
        *_underlyings(),
        *_listed(session),
        *_extra(session),
        *_tests(session.contracts.day),
    )
    return "".join(f"{line}{_END}" for line in lines).encode("ascii")


def _underlyings() -> Iterator[str]:
    """The rows of what contracts are written on, which are no contracts."""
    for of in underlyings(MIC):
        kind = "INDEX" if of.is_index else "EQUITY"
        yield _row(f"{of.token}|0|{kind}|{of.symbol}", -1, "-1|XX", 1, 0, of.symbol)


def _listed(session: DayDerivatives) -> Iterator[str]:
    contracts, listed = session.contracts, underlyings(MIC)
    columns = (
        contracts.token,
        contracts.underlying,
        contracts.expiry,
        contracts.strike,
        contracts.call,
        session.previous,
    )
    rows = zip(*(column.tolist() for column in columns), contracts.name, strict=True)
    for token, place, expiry, strike, call, base, name in rows:
        yield _contract(listed[place], token, expiry, strike, call, base, name)


def _extra(session: DayDerivatives) -> Iterator[str]:
    listed = underlyings(MIC)
    for series in session.contracts.series:
        of, ordinal = listed[series.underlying], series.expiry.toordinal()
        lowest, highest = series.strikes[0], series.strikes[-1]
        below = (lowest - number * of.step for number in range(1, EXTRA_STRIKES + 1))
        above = (highest + number * of.step for number in range(1, EXTRA_STRIKES + 1))
        for strike in (*(strike for strike in below if strike > 0), *above):
            place = (series.underlying * _WEEKS + ordinal // 7 % _WEEKS) * _WIDE + round(strike / of.step) % _WIDE
            for call in (True, False):
                token = _FIRST_EXTRA_TOKEN + place * 2 + (not call)
                name = f"{of.symbol}{series.expiry:%y%b%d}{strike:g}{'CE' if call else 'PE'}".upper()
                yield _contract(of, token, ordinal, strike, call, 0.05, name)


def _tests(day: date) -> Iterator[str]:
    """The exchange's own symbols for trying systems out (facts/nse.md §6)."""
    for number in range(1, 4):
        symbol = f"{number:02d}1NSETEST"
        of = Underlying(symbol, False, 0, _FIRST_TEST_TOKEN + number, 1, 1.0, ())
        yield _contract(of, _FIRST_TEST_TOKEN + 10 + number, day.toordinal() + 30, 0.0, False, 100.0, f"{symbol}FUT")


def _contract(of: Underlying, token: int, expiry: int, strike: float, call: bool, base: float, name: str) -> str:
    kind = ("OPT" if strike else "FUT") + ("IDX" if of.is_index else "STK")
    option = ("CE" if call else "PE") if strike else "XX"
    paise = round(strike * 100) if strike else -1
    expires_s = expiry * _DAY_S - _DAYS_TO_1980_S + _EXPIRES_AT_S
    return _row(
        f"{token}|{of.token}|{kind}|{of.symbol}", expires_s, f"{paise}|{option}", of.lot, round(base * 100), name
    )


def _row(begin: str, expires_s: int, strike: str, lot: int, base: int, name: str) -> str:
    """The 69 fields; those nobody documents are as in the currency segment's file, whose layout is the same."""
    dates = f"{expires_s - _LISTED_FOR_S}|{expires_s + _DAY_S}|{expires_s}" if expires_s > 0 else "0|0|0"
    low, high = max(1, base * 8 // 10), base * 12 // 10
    return (
        f"{begin}|XX||{expires_s}|{strike}|2|0||1|0|1|1||2|0||2|0||3|0||{dates}|0|{lot}|{lot}|5|{_NO_LIMIT:.14E}|"
        f"{lot * 40 + 1:.14E}|0|0|0|0|0|0|0|{low}|{high}|0|0|0|0|0|0|15|{lot}||{name}|0|0|0|0||E|N|N|N||N|||{base}|N"
    )
