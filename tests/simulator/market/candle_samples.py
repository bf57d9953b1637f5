"""Candles made by us, in the shape of Kite's files."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path

from muhurat.clock import IST, NS_PER_S, ist_ns
from muhurat.simulator.market.pricing import RATE, SECONDS_PER_YEAR, black76

TUESDAY, MONDAY = date(2025, 9, 2), date(2025, 9, 1)
EXPIRY = date(2025, 9, 11)
CandleRow = tuple[int, float, float, float, float, int]


def starts_of(day: date, bars: int = 125) -> list[int]:
    open_s = ist_ns(day, time_of_day(9, 15)) // NS_PER_S
    return [open_s + 180 * number for number in range(bars)]


def index_rows(day: date, level: float = 80_000.0) -> list[CandleRow]:
    """Candles along a wave, with a wick on either side."""
    rows = []
    for number, start_s in enumerate(starts_of(day)):
        opens, closes = (round(level + 150.0 * math.sin(at / 17.0), 2) for at in (number, number + 0.9))
        wick = 3.25 + number % 7
        rows.append(
            (start_s, opens, round(max(opens, closes) + wick, 2), round(min(opens, closes) - wick, 2), closes, 0)
        )
    return rows


def option_rows(index: Sequence[CandleRow], strike: float, call: bool, vol: float = 0.12) -> list[CandleRow]:
    """The option's candles on index candles at one volatility, on the grid of 0.05."""
    expires_s = ist_ns(EXPIRY, time_of_day(15, 30)) // NS_PER_S

    def worth(start_s: int, spot: float) -> float:
        years = (expires_s - start_s - 180) / SECONDS_PER_YEAR
        price = black76(call, spot * math.exp(RATE * years), strike, vol, years)
        return round(float(price) * 20) / 20

    rows = []
    for number, (start_s, opens, high, low, closes, _) in enumerate(index):
        four = [worth(start_s, spot) for spot in (opens, high, low, closes)]
        rows.append((start_s, four[0], max(four), min(four), four[3], 20 * (number % 90)))
    return rows


def write(path: Path, rows: Iterable[CandleRow], *, time_first: bool = False) -> Path:
    """A Kite CSV in either order of columns, with the indicator columns that such files carry."""
    names = ["open", "high", "low", "close", "volume"]
    head = ["timestamp", "date", *names] if time_first else [*names, "timestamp"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*head, "ema10", "ema20"])
        for start_s, *numbers in rows:
            when = datetime.fromtimestamp(start_s, IST).isoformat(sep=" ")
            cells = [when, when, *numbers] if time_first else [*numbers, when]
            writer.writerow([*cells, 1.5, 2.5])
    return path


def write_folder(folder: Path) -> Path:
    """Two sessions of the index, and of one call and one put whose file of Tuesday holds Monday too."""
    monday, tuesday = index_rows(MONDAY, 80_300.0), index_rows(TUESDAY)
    write(folder / f"SENSEX_{MONDAY}.csv", monday)
    write(folder / f"SENSEX_{TUESDAY}.csv", tuesday)
    for side, call in (("CE", True), ("PE", False)):
        rows = [*option_rows(monday, 80_100.0, call), *option_rows(tuesday, 80_100.0, call)]
        write(folder / f"SENSEX2591180100{side}_{TUESDAY}.csv", rows, time_first=call)
    (folder / "README.txt").write_text("not a candle file")
    return folder
