"""NSE Clearing's SPAN files: sixteen scenario losses for every contract, read as they stream by.

An array holds the losses of a LONG position, in rupees; positive is a loss. Order: price unmoved with volatility up,
then down; price +1/3 up, down; -1/3; +2/3; -2/3; +3/3; -3/3; and the two extreme moves, weighted. A full file is 56 MB
of XML; it is never held in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from xml.parsers import expat

from muhurat.venues.nse.base import Columns, SpanHead, SpanSlot
from muhurat.venues.refusals import Malformed

SCENARIOS: Final = 16
COLUMNS: Final = (
    "SpanDate",
    "Slot",
    "Exchange",
    "Code",
    "Kind",
    "Expiry",
    "Strike",
    "OptionType",
    "Price",
    "Scan",
    "Composite",
)

_CONTAINERS: Final = frozenset(
    [
        "spanFile",
        "definitions",
        "pointInTime",
        "clearingOrg",
        "exchange",
        "phyPf",
        "futPf",
        "oopPf",
        "phy",
        "fut",
        "series",
        "opt",
        "ra",
        "scanRate",
        "undPf",
        "undC",
        "intrRate",
        "curConv",
        "pbRateDef",
        "pointDef",
        "ccDef",
        "dSpread",
        "pLeg",
        "interSpreads",
    ]
)
_OPTION_TYPES: Final = {"C": "CE", "P": "PE"}
_NUMBER: Final = r"-?\d+(?:\.\d+)?"
_ARRAY: Final = re.compile(rf"{_NUMBER}(?:,{_NUMBER}){{{SCENARIOS - 1}}}")
_CHANGED: Final = "NSE Clearing may have changed the file's form; compare it with an older one"

_CODE: Final = COLUMNS.index("Code")
_KIND: Final = COLUMNS.index("Kind")

_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a whole file has at least: so many commodities, and these codes."""

    commodities: int
    codes: frozenset[str]


WHOLE_FILE: Final = Needs(200, frozenset({"NIFTY"}))
"""The equity derivatives' file, with its underlyings well over two hundred."""


class SpanReader:
    """Reads one file. `rows` gives its rows; once that has ended, `count`, `head` and `commodities` are those of the
    whole file. Memory stays that of the largest portfolio, whatever the size."""

    def __init__(self, *, day: date, slot: SpanSlot, origin: str, needs: Needs = WHOLE_FILE) -> None:
        self.slot = slot
        self.count = 0
        self.commodities: set[str] = set()
        """The commodities whose margin parameters (`ccDef`) the file gives."""
        self._day = day
        self._origin = origin
        self._needs = needs
        self._head: SpanHead | None = None
        self._text: list[str] = []
        self._array: list[str] = []
        self._scopes: list[dict[str, str]] = [{}]
        self._portfolio: list[_Row] = []
        self._ready: list[list[_Row]] = []
        self._seen: set[tuple[str, str]] = set()
        self._ends: dict[str, Callable[[dict[str, str]], None]] = {
            "ra": self._end_array,
            "phy": self._end_underlying,
            "fut": self._end_future,
            "opt": self._end_option,
            "phyPf": self._end_portfolio,
            "futPf": self._end_portfolio,
            "oopPf": self._end_portfolio,
            "ccDef": self._end_commodity,
        }

    @property
    def head(self) -> SpanHead:
        """What the file says of itself; known from its first row on."""
        if self._head is None:
            raise self._malformed("does not say of which day it is")
        return self._head

    def rows(self, pieces: Iterable[bytes]) -> Iterator[Columns]:
        """The rows out of the file's bytes, a batch for each portfolio: all contracts of one code and kind.

        Raises `Malformed` for another day, an array that has not sixteen numbers, and a file that ends before its last
        tag or lacks commodities; so what was taken from it counts only once this has ended.
        """
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        try:
            for piece in pieces:
                parser.Parse(piece, False)
                yield from self._taken()
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise self._malformed(f"is no whole XML file: {error}") from error
        yield from self._taken()
        self._check_whole()

    def _taken(self) -> Iterator[Columns]:
        ready, self._ready = self._ready, []
        for rows in ready:
            yield dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name in _CONTAINERS:
            self._scopes.append({})

    def _end(self, name: str) -> None:
        if name == "a":
            self._array.append("".join(self._text).strip())
        elif name in _CONTAINERS:
            scope = self._scopes.pop()
            if (end := self._ends.get(name)) is not None:
                end(scope)
        else:
            self._scopes[-1][name] = "".join(self._text).strip()
        self._text.clear()

    def _end_array(self, scope: dict[str, str]) -> None:
        """Keep the array and its composite delta with the contract that it belongs to."""
        values = ",".join(self._array)
        if not _ARRAY.fullmatch(values):
            count = len(self._array)
            raise self._malformed(f"has a risk array of {count} values, {values[:60]!r}, not {SCENARIOS} numbers")
        self._array.clear()
        self._scopes[-1] |= {"scan": f"[{values}]", "composite": scope.get("d", "0")}

    def _end_underlying(self, scope: dict[str, str]) -> None:
        self._add("PHY", self._scopes[-1], self._scopes[-2], scope, None, None, None)

    def _end_future(self, scope: dict[str, str]) -> None:
        self._add("FUT", self._scopes[-1], self._scopes[-2], scope, self._expiry(scope), None, None)

    def _end_option(self, scope: dict[str, str]) -> None:
        series, portfolio, exchange = self._scopes[-1], self._scopes[-2], self._scopes[-3]
        kind = _OPTION_TYPES.get(scope.get("o", ""))
        if kind is None:
            raise self._malformed(f"has an option of type {scope.get('o')!r} of {portfolio.get('pfCode')}")
        strike = self._number(scope, "k", portfolio)
        self._add("OOP", portfolio, exchange, scope, self._expiry(series), strike, kind)

    def _end_portfolio(self, scope: dict[str, str]) -> None:
        """Hand over what the portfolio held; one without contracts is none."""
        if not self._portfolio:
            return
        code, kind = self._portfolio[0][_CODE], self._portfolio[0][_KIND]
        if (code, kind) in self._seen:
            raise self._malformed(f"has two portfolios {kind} of {code}")
        self._seen.add((code, kind))
        self._ready.append(self._portfolio)
        self._portfolio = []

    def _end_commodity(self, scope: dict[str, str]) -> None:
        self.commodities.add(scope.get("cc", ""))

    def _add(
        self,
        kind: str,
        portfolio: dict[str, str],
        exchange: dict[str, str],
        contract: dict[str, str],
        expiry: str | None,
        strike: float | None,
        option_type: str | None,
    ) -> None:
        if self._head is None:
            self._head = self._read_head()
        code = portfolio.get("pfCode", "")
        if not code or "scan" not in contract:
            raise self._malformed(f"has a contract {kind} {code or 'without a code'} without a risk array")
        price, composite = self._number(contract, "p", portfolio), self._number(contract, "composite", portfolio)
        where = (exchange.get("exch", ""), code, kind, expiry, strike, option_type)
        self._portfolio.append((self._day.isoformat(), self.slot, *where, price, contract["scan"], composite))
        self.count += 1

    def _read_head(self) -> SpanHead:
        """The date and the time of making, which stand before the first contract."""
        said = {name: value for scope in self._scopes[:4] for name, value in scope.items()}
        if said.get("date") != f"{self._day:%Y%m%d}":
            raise Malformed(f"{self._origin} is of {said.get('date', 'no date')}, not of {self._day:%Y%m%d}")
        return SpanHead(self._day, said.get("created", ""), said.get("isSetl") == "1")

    def _expiry(self, scope: dict[str, str]) -> str:
        """The expiry of a contract or a series: `pe` where it is a day (20260929), else the settlement's date."""
        for name in ("pe", "setlDate"):
            written = scope.get(name, "")
            if len(written) == 8 and written.isdigit():
                return f"{written[:4]}-{written[4:6]}-{written[6:]}"
        raise self._malformed(f"has an expiry {scope.get('pe')!r} without a day")

    def _number(self, scope: dict[str, str], name: str, portfolio: dict[str, str]) -> float:
        try:
            return float(scope[name])
        except (KeyError, ValueError):
            raise self._malformed(f"has no number {name!r} for a contract of {portfolio.get('pfCode')}") from None

    def _check_whole(self) -> None:
        """Whether everything was there that a day's file has."""
        if not self.count:
            raise self._malformed("holds no risk arrays")
        if len(self.commodities) < self._needs.commodities:
            raise self._malformed(
                f"has {len(self.commodities)} commodities, where a whole file has at least {self._needs.commodities}"
            )
        if lacking := self._needs.codes - {code for code, _ in self._seen}:
            raise self._malformed(f"has nothing of {', '.join(sorted(lacking))}")

    def _malformed(self, what: str) -> Malformed:
        return Malformed(f"{self._origin} {what}", hint=_CHANGED)
