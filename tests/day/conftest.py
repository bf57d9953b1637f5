"""A whole rehearsed day, run once per session of tests and looked at by many."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

collect_ignore = [] if "MUHURAT_KILLS" in os.environ else ["test_bod.py"]
"""A long form: what it does once takes a minute of two cores."""

MUHURAT_SESSION = "2025-10-21"
"""One hour of trading, 13:45 to 14:45: the shortest whole day there is."""

PREVIOUS_SESSION = "2025-10-20"


@dataclass(frozen=True)
class Day:
    """A finished demo: its folder, its report, what it printed."""

    folder: Path
    report: dict[str, Any]
    code: int
    output: str


def made_candles(folder: Path) -> Path:
    """Kite candle files of our own for the Muhurat hour: the index and two options, and the index's session before."""
    chance = random.Random(11)
    folder.mkdir(parents=True)
    for day, begin, bars in ((PREVIOUS_SESSION, "09:15", 125), (MUHURAT_SESSION, "13:45", 20)):
        _write_candles(
            folder / f"SENSEX_{day}.csv", day, begin, _walk(chance, bars, 80_000.0, 25.0, 0.01), traded=False
        )
    for symbol in ("SENSEX25O2380000CE", "SENSEX25O2380000PE"):
        path = folder / f"{symbol}_{MUHURAT_SESSION}.csv"
        _write_candles(path, MUHURAT_SESSION, "13:45", _walk(chance, 20, 300.0, 6.0, 0.05), traded=True)
    return folder


def _walk(chance: random.Random, bars: int, price: float, wide: float, grid: float) -> Iterator[tuple[float, ...]]:
    """Open, high, low, close of bars that follow each other, on a price grid."""
    for _ in range(bars):
        opens, closes = price, price + chance.gauss(0, wide)
        high, low = max(opens, closes) + chance.random() * wide, min(opens, closes) - chance.random() * wide
        yield tuple(round(round(value / grid) * grid, 2) for value in (opens, high, low, closes))
        price = closes


def _write_candles(path: Path, day: str, begin: str, bars: Iterable[tuple[float, ...]], *, traded: bool) -> None:
    first = datetime.fromisoformat(f"{day}T{begin}:00+05:30")
    lines = ["timestamp,open,high,low,close,volume"]
    for number, prices in enumerate(bars):
        at = first + timedelta(minutes=3 * number)
        volume = 20 * (number + 7) if traded else 0
        lines.append(",".join([at.isoformat(sep=" "), *map(str, prices), str(volume)]))
    path.write_text("\n".join(lines) + "\n")


def muhurat(*arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "muhurat", *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )


def run_demo(folder: Path, *arguments: str) -> Day:
    told = folder.with_suffix(".json")
    done = muhurat("demo", "--dir", str(folder), "--json", str(told), *arguments)
    report = json.loads(told.read_text()) if told.exists() else {}
    return Day(folder, report, done.returncode, done.stdout + done.stderr)
