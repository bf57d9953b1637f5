"""Kite's three-minute candles from a folder of CSV files, checked to the last cell.

A file is `<tradingsymbol>_<date>.csv`. It has the columns open, high, low, close, volume and timestamp (or date) in
any order; others, such as ema10, are left alone. Its rows may belong to several dates. A cell that cannot be is refused
with file, line and column, because a day built on a wrong candle would look right.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

import numpy as np

from muhurat.clock import IST, NS_PER_S, to_ns
from muhurat.errors import MuhuratError
from muhurat.simulator.market.bars import CandleBars
from muhurat.simulator.market.hours import BAR_S

_FILE_NAME: Final = re.compile(r"(?P<symbol>.+)_(?P<day>\d{4}-\d\d-\d\d)\.csv")
_PRICES: Final = ("open", "high", "low", "close")
_TIMES: Final = ("timestamp", "date")
_HIGHEST_RUPEES: Final = Decimal(10_000_000)
_FLOAT_DUST: Final = Decimal("0.000001")
_LATER_FILES: Final = timedelta(days=7)
"""A file is named after the day it was saved and may hold rows of days before."""


class CandleError(MuhuratError):
    """A candle file says something that cannot be."""


class CandleFile(NamedTuple):
    """A file by what its name says."""

    path: Path
    symbol: str
    day: date


class Row(NamedTuple):
    """One candle: start in epoch seconds, prices in paise, volume in units."""

    start_s: int
    open: int
    high: int
    low: int
    close: int
    volume: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in a file, for messages."""

    path: Path
    line: int

    def refuse(self, column: str, problem: str) -> NoReturn:
        raise CandleError(
            f"{self.path}, line {self.line}, column {column}: {problem}", hint="correct the row or take the file away"
        )


def candle_files(folder: Path) -> list[CandleFile]:
    """The candle files of a folder by name; other files are none of our business."""
    try:
        names = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise CandleError(f"the folder of candles {folder} cannot be read: {error}") from error
    return [found for path in names if (found := _by_name(path)) is not None]


def candle_days(folder: Path, symbol: str = "SENSEX") -> tuple[date, ...]:
    """The dates for which a folder has a file of a symbol, the index by default: the days that can be replayed."""
    return tuple(sorted({file.day for file in candle_files(folder) if file.symbol == symbol}))


def files_for(files: Iterable[CandleFile], previous: date, day: date) -> list[CandleFile]:
    """The files that may hold rows of a day or of the session before it."""
    return [file for file in files if previous <= file.day <= day + _LATER_FILES]


def read_rows(path: Path, *, tick_paise: int) -> list[Row]:
    """All candles of a file in order of time; raises `CandleError` for the first cell that cannot be."""
    rows: dict[int, Row] = {}
    for cell, fields in _lines(path):
        row = _row(cell, fields, tick_paise)
        if row.start_s in rows:
            cell.refuse(_time_column(fields), f"the candle of {_shown(row.start_s)} is there twice")
        rows[row.start_s] = row
    return [rows[start_s] for start_s in sorted(rows)]


def bars_of(rows: Iterable[Row]) -> CandleBars:
    """Rows as columns."""
    table = np.array(list(rows), dtype=np.int64).reshape(-1, len(Row._fields))
    prices = table[:, 1:5].astype(np.int32)
    return CandleBars(table[:, 0], prices[:, 0], prices[:, 1], prices[:, 2], prices[:, 3], table[:, 5])


def _by_name(path: Path) -> CandleFile | None:
    match = _FILE_NAME.fullmatch(path.name)
    if match is None:
        return None
    try:
        return CandleFile(path, match["symbol"], date.fromisoformat(match["day"]))
    except ValueError:
        return None


def _lines(path: Path) -> Iterator[tuple[Cell, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="")
            _check_header(path, reader.fieldnames or ())
            for fields in reader:
                yield Cell(path, reader.line_num), fields
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CandleError(f"{path} cannot be read: {error}") from error


def _check_header(path: Path, names: Iterable[str]) -> None:
    names = list(names)
    missing = [name for name in (*_PRICES, "volume") if name not in names]
    if not any(name in names for name in _TIMES):
        missing.append(" or ".join(_TIMES))
    if missing:
        raise CandleError(f"{path}, line 1: no column {', '.join(missing)}; found {', '.join(names) or 'nothing'}")


def _row(cell: Cell, fields: dict[str, str], tick_paise: int) -> Row:
    start_s = _start(cell, fields)
    prices = {name: _paise(cell, name, fields[name], tick_paise) for name in _PRICES}
    if prices["high"] < prices["low"]:
        cell.refuse("high", f"{fields['high']} is below the low {fields['low']}")
    for name in ("open", "close"):
        if not prices["low"] <= prices[name] <= prices["high"]:
            cell.refuse(name, f"{fields[name]} lies outside low {fields['low']} and high {fields['high']}")
    return Row(start_s, **prices, volume=_volume(cell, fields["volume"]))


def _start(cell: Cell, fields: dict[str, str]) -> int:
    column = _time_column(fields)
    text = fields[column] or ""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        cell.refuse(column, f"{text!r} is no time such as 2025-09-02 09:15:00+05:30")
    if moment.tzinfo is None:
        cell.refuse(column, f"{text!r} has no offset such as +05:30")
    start_s, rest = divmod(to_ns(moment), NS_PER_S)
    if rest or start_s % BAR_S:
        cell.refuse(column, f"{text!r} does not start a three-minute candle")
    return start_s


def _paise(cell: Cell, column: str, text: str | None, tick_paise: int) -> int:
    rupees = _number(cell, column, text)
    if not 0 < rupees < _HIGHEST_RUPEES:
        cell.refuse(column, f"{text} is no price")
    paise = round(rupees * 100)
    # Rupees that went through a binary float may be off in the twelfth place: 291444.67000000004.
    if abs(rupees * 100 - paise) > _FLOAT_DUST:
        cell.refuse(column, f"{text} is not a whole number of paise")
    if paise % tick_paise:
        cell.refuse(column, f"{text} is not on the tick of {Decimal(tick_paise) / 100}")
    return paise


def _volume(cell: Cell, text: str | None) -> int:
    units = _number(cell, "volume", text)
    if units < 0 or units != int(units):
        cell.refuse("volume", f"{text} is no number of units")
    return int(units)


def _number(cell: Cell, column: str, text: str | None) -> Decimal:
    try:
        number = Decimal((text or "").strip())
    except InvalidOperation:
        cell.refuse(column, f"{text!r} is no number")
    if not number.is_finite():
        cell.refuse(column, f"{text!r} is no number")
    return number


def _time_column(fields: dict[str, str]) -> str:
    return next(name for name in _TIMES if name in fields)


def _shown(start_s: int) -> str:
    return f"{datetime.fromtimestamp(start_s, IST):%Y-%m-%d %H:%M}"
