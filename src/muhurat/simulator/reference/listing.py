"""The cash securities and the underlyings of the simulated exchanges; the same for every seed and date.

Some 400 well-known symbols, the others invented. Names, ISINs, tokens and scrip codes are made up (ISINs with a right
check digit); no row speaks of a real security.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from typing import Final

from muhurat.simulator.reference import symbols

ALL_SECURITIES: Final = 3_260
_INVENTED_SERIES: Final = ("EQ",) * 34 + ("SM",) * 8 + ("BE",) * 5 + ("ST",) * 2 + ("BZ",)
_STEPS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 50.0, 100.0, 250.0, 500.0)
_STEP_SHARE: Final = 0.011
_LOT_RUPEES: Final = 750_000
_BSE_INDICES: Final = {"SENSEX": ("SENSEX", 20, 100), "BANKEX": ("BANKEX", 30, 100), "SENSEX50": ("SENSEX 50", 75, 100)}
_WEEKLY: Final = frozenset({"NIFTY", "SENSEX"})


@dataclass(frozen=True, slots=True)
class Security:
    """A cash security. `token` is NSE's number, `scrip_code` BSE's (0: not listed there); `price` sets its scale.

    `series` is NSE's: EQ, BE, BZ, SM, ST shares, EQ funds, GS government securities, GB gold bonds.
    """

    symbol: str
    name: str
    series: str
    isin: str
    token: int
    scrip_code: int
    price: float
    kind: str


@dataclass(frozen=True, slots=True)
class Underlying:
    """What futures and options are written on. `row` is its place in `securities()`, or in `indices()` of an index.

    `strikes` says how many are listed on each side of the spot for each listed month, `weekly_strikes` for each of
    `weeks` weekly expiries; `vol` is the usual at-the-money volatility, `open_lots` the open interest at the money.
    """

    symbol: str
    is_index: bool
    row: int
    token: int
    lot: int
    step: float
    strikes: tuple[int, ...]
    weeks: int = 0
    weekly_strikes: int = 0


@cache
def securities() -> tuple[Security, ...]:
    """Every cash security, in order of its symbol within its kind: known shares, invented ones, funds, bonds."""
    drawn = islice(_all(), ALL_SECURITIES)
    return tuple(
        Security(symbol, name, series, _isin(kind, row), 1_001 + 7 * row, _scrip_code(kind, row), price, kind)
        for row, (symbol, name, series, price, kind) in enumerate(drawn)
    )


@cache
def rows_by_symbol() -> dict[str, int]:
    """Where in `securities()` a symbol is."""
    return {security.symbol: row for row, security in enumerate(securities())}


@cache
def indices(mic: str = "XNSE") -> tuple[tuple[str, float], ...]:
    """The indices of an exchange as (name, usual level); NSE's names are written as in its daily index file."""
    if mic == "XBOM":
        return (("SENSEX", 80_000.0), ("BANKEX", 64_500.0), ("SENSEX 50", 25_200.0))
    entries = symbols.INDEX_LEVELS.strip().replace("\n", "|").split("|")
    named = (entry.rpartition("=") for entry in entries)
    return tuple((name, float(level)) for name, _, level in named)


@cache
def underlyings(mic: str = "XNSE") -> tuple[Underlying, ...]:
    """What derivatives of an exchange are written on: its index underlyings, then 236 stocks, the same on both."""
    index_row = {name: row for row, (name, _) in enumerate(indices(mic))}
    on_indices = symbols.INDEX_UNDERLYINGS if mic == "XNSE" else _BSE_INDICES
    made = [
        _on_index(place, symbol, index_row[name], lot, step)
        for place, (symbol, (name, lot, step)) in enumerate(on_indices.items())
    ]
    rows, listed = rows_by_symbol(), securities()
    return (*made, *(_on_stock(listed[rows[symbol]], rows[symbol]) for symbol in stock_underlyings()))


@cache
def stock_underlyings() -> tuple[str, ...]:
    """The symbols of the stocks with derivatives, sorted."""
    texts = (symbols.NIFTY_50, symbols.NIFTY_NEXT_50, symbols.OTHER_UNDERLYINGS)
    return tuple(sorted(symbol for text in texts for symbol, _ in _priced(text)))


@cache
def constituents(index: str) -> tuple[str, ...]:
    """The symbols in `Nifty 50`, `Nifty Next 50` or `Nifty Bank`."""
    if index == "Nifty Bank":
        banks = (
            "HDFCBANK ICICIBANK SBIN KOTAKBANK AXISBANK INDUSINDBK FEDERALBNK IDFCFIRSTB BANKBARODA AUBANK CANBK PNB"
        )
        return tuple(banks.split())
    text = {"Nifty 50": symbols.NIFTY_50, "Nifty Next 50": symbols.NIFTY_NEXT_50}[index]
    return tuple(symbol for symbol, _ in _priced(text))


def isin_with_check_digit(body: str) -> str:
    """Eleven characters with the twelfth, by ISO 6166 (Luhn over letters as 10 to 35)."""
    digits = [int(digit) for letter in body for digit in str(int(letter, 36))]
    doubled = [digit * 2 if place % 2 == 0 else digit for place, digit in enumerate(reversed(digits))]
    return body + str(-sum(digit // 10 + digit % 10 for digit in doubled) % 10)


Row = tuple[str, str, str, float, str]


def _all() -> Iterator[Row]:
    known = (symbols.NIFTY_50, symbols.NIFTY_NEXT_50, symbols.OTHER_UNDERLYINGS, symbols.OTHER_KNOWN)
    shares = sorted(entry for text in known for entry in _priced(text))
    yield from ((symbol, f"{symbol} LIMITED", "EQ", price, "share") for symbol, price in shares)
    yield from (
        (symbol, f"{symbol} EXCHANGE TRADED FUND", "EQ", price, "fund") for symbol, price in _priced(symbols.FUNDS)
    )
    yield from _bonds()
    yield from _invented({symbol for symbol, _ in shares})


def _priced(text: str) -> list[tuple[str, float]]:
    return [(symbol, float(price)) for symbol, _, price in (entry.rpartition(":") for entry in text.split())]


def _bonds() -> Iterator[Row]:
    for number in range(24):
        rate, year = 640 + 7 * number, 2029 + number
        yield f"{rate}GS{year}", f"GOI LOAN {rate / 100:.2f}% {year}", "GS", 100.0, "bond"
    for year, month in product(range(2027, 2032), ("FEB", "MAY", "AUG", "DEC")):
        yield f"SGB{month}{year % 100}", f"2.50% GOLDBONDS {year} {month}", "GB", 14_000.0, "fund"


def _invented(taken: set[str]) -> Iterator[Row]:
    pairs = list(product(symbols.PLACES.split(), symbols.TRADES.items()))
    # A stride that shares no factor with the number of pairs mixes places and trades.
    for number in range(len(pairs)):
        place, (trade, code) = pairs[number * 1_009 % len(pairs)]
        symbol = place[: 10 - len(code)].upper() + code
        if symbol in taken:
            continue
        taken.add(symbol)
        price = round(12.0 * 1.9 ** (number % 97 / 12.0), 2)
        yield symbol, f"{place} {trade} Limited", _INVENTED_SERIES[number % len(_INVENTED_SERIES)], price, "share"


def _isin(kind: str, row: int) -> str:
    if kind == "bond":
        return isin_with_check_digit(f"IN00{20_260_00 + row:07d}"[:11])
    letter = chr(ord("A") + row // 1_000)
    issuer = "F" if kind == "fund" else "E"
    return isin_with_check_digit(f"IN{issuer}{row % 1_000:03d}{letter}0101")


def _scrip_code(kind: str, row: int) -> int:
    return 0 if kind == "bond" or row % 11 == 5 else 500_002 + 13 * row


def _on_index(place: int, symbol: str, row: int, lot: int, step: float) -> Underlying:
    weekly = symbol in _WEEKLY
    strikes = (60, 60, 60) if weekly else (50, 50, 40)
    return Underlying(symbol, True, row, 26_000 + place, lot, step, strikes, 4 if weekly else 0, 45 if weekly else 0)


def _on_stock(security: Security, row: int) -> Underlying:
    step = next((step for step in _STEPS if step >= _STEP_SHARE * security.price), _STEPS[-1])
    grain = 25 if security.price > 250 else 125
    lot = max(1, round(_LOT_RUPEES / security.price / grain)) * grain
    return Underlying(security.symbol, False, row, security.token, lot, step, (15, 12, 6))
