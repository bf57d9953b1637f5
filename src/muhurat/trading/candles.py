"""Recorded candles: a folder of Kite's three-minute CSV files, `<tradingsymbol>_<date>.csv`, as the bars of one day.

Columns are found by their names, so both orders in use are read (`open,…,volume,timestamp,…` and
`timestamp,date,open,…`). A time without a zone is India's. The previous session is the latest date before the day for
which the index has candles; an option's candles of it may stand in its file of that date or of the day itself.
"""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from muhurat.clock import IST, NS_PER_S, ist, to_ns
from muhurat.errors import MuhuratError, UsageError
from muhurat.model.bar import Bar

_FILE: Final = re.compile(r"(?P<symbol>[A-Z0-9&-]+)_(?P<day>\d{4}-\d{2}-\d{2})\.csv")
_TIME_COLUMNS: Final = ("timestamp", "date")
_PRICE_COLUMNS: Final = ("open", "high", "low", "close")


class CandleError(MuhuratError):
    """A candle file is not what it should be; names file and line."""


@dataclass(frozen=True, slots=True)
class CandleDay:
    """What a folder holds for one day: its bars and the previous session's, and every option symbol it names."""

    day: date
    index: str
    bars: tuple[Bar, ...]
    history: tuple[Bar, ...]
    symbols: tuple[str, ...]

    def of(self, symbol: str) -> tuple[Bar, ...]:
        """The day's bars of one symbol."""
        return tuple(bar for bar in self.bars if bar.symbol == symbol)


def read_day(folder: Path, day: date, index: str = "SENSEX", minutes: int = 3) -> CandleDay:
    """The candles of a day; raises `UsageError` when the folder has none of the index for it."""
    files = _files(folder)
    index_bars = _index_bars(files.get(index, {}), day, index, minutes)
    today = [bar for bar in index_bars if _day_of(bar) == day]
    if not today:
        dates = ", ".join(sorted({f"{each}" for each in files.get(index, {})})) or "none"
        raise UsageError(f"no {index} candles of {day} in {folder}", hint=f"there are candles of: {dates}")
    before = [bar for bar in index_bars if _day_of(bar) < day]
    previous = _day_of(before[-1]) if before else day
    options = [symbol for symbol in sorted(files) if symbol != index]
    bars = list(index_bars)
    for symbol in options:
        wanted = [path for dated, path in sorted(files[symbol].items()) if previous <= dated <= day]
        bars += _merged(wanted, symbol, minutes)
    ordered = in_order(bars, index)
    return CandleDay(
        day=day,
        index=index,
        bars=tuple(bar for bar in ordered if _day_of(bar) == day),
        history=tuple(bar for bar in ordered if _day_of(bar) == previous and previous < day),
        symbols=tuple(options),
    )


def in_order(bars: Iterable[Bar], index: str) -> list[Bar]:
    """Bars in the order in which they are told: by label, of one label the options first."""
    return sorted(bars, key=lambda bar: (bar.start_ns, bar.symbol == index, bar.symbol))


def read_candles(path: Path, symbol: str, minutes: int = 3) -> list[Bar]:
    """The bars of one file, in its order; raises `CandleError` naming the first line that is none."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        names = rows.fieldnames or []
        time_column = next((name for name in _TIME_COLUMNS if name in names), None)
        missing = [name for name in (*_PRICE_COLUMNS, "volume") if name not in names]
        if time_column is None or missing:
            lacking = ", ".join(missing or ["timestamp"])
            raise CandleError(f"{path} has no column {lacking}", hint="Kite's candles have open, high, low, close, …")
        return [_bar(row, time_column, symbol, minutes, f"{path}:{rows.line_num}") for row in rows]


def _bar(row: dict[str, str], time_column: str, symbol: str, minutes: int, where: str) -> Bar:
    try:
        moment = datetime.fromisoformat(row[time_column])
        opened, high, low, close = (float(row[name]) for name in _PRICE_COLUMNS)
        volume = int(float(row["volume"]))
    except (ValueError, TypeError) as error:
        raise CandleError(f"{where} is no candle: {error}") from error
    prices = (opened, high, low, close)
    if not all(math.isfinite(price) and price >= 0 for price in prices) or low > min(prices) or high < max(prices):
        raise CandleError(f"{where}: open {opened}, high {high}, low {low}, close {close} is no candle")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=IST)
    start_ns = to_ns(moment)
    if start_ns % (minutes * 60 * NS_PER_S):
        raise CandleError(f"{where}: {moment:%H:%M:%S} does not begin a {minutes}-minute candle")
    return Bar(symbol, start_ns, start_ns + minutes * 60 * NS_PER_S, opened, high, low, close, volume)


def _index_bars(files: dict[date, Path], day: date, index: str, minutes: int) -> list[Bar]:
    """The index's bars of the day, and of the latest date before it."""
    dated = sorted(each for each in files if each <= day)
    bars = _merged([files[each] for each in dated[-2:]], index, minutes)
    latest = max((_day_of(bar) for bar in bars if _day_of(bar) < day), default=day)
    return [bar for bar in bars if _day_of(bar) in {latest, day}]


def _merged(paths: Iterable[Path], symbol: str, minutes: int) -> list[Bar]:
    """The bars of several files of one symbol; where they overlap the later file is right."""
    bars: dict[int, Bar] = {}
    for path in paths:
        bars |= {bar.start_ns: bar for bar in read_candles(path, symbol, minutes)}
    return [bars[start_ns] for start_ns in sorted(bars)]


def _files(folder: Path) -> dict[str, dict[date, Path]]:
    """The folder's candle files by symbol and date."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", hint="name one with candles: --candles DIR")
    found: dict[str, dict[date, Path]] = defaultdict(dict)
    for path in sorted(folder.iterdir()):
        if match := _FILE.fullmatch(path.name):
            found[match["symbol"]][date.fromisoformat(match["day"])] = path
    return dict(found)


def _day_of(bar: Bar) -> date:
    return ist(bar.start_ns).date()
