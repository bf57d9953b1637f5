"""Made-up ticks for tests of tick stores: row `n` of an hour is always the same row."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muhurat.clock import ist_ns
from muhurat.stores.base import make_seq

HOUR = "20250902_1000"
TEN = ist_ns(date(2025, 9, 2), time(10, 0))
"""Ten o'clock in India, half past four UTC."""


def ticks(numbers: Iterable[int], *, hour: str = HOUR, price: float = 100.0, **more: Any) -> dict[str, NDArray[Any]]:
    """The rows with these numbers: `n` is packet `n % 3` of record `n // 3`, received `n // 3` ms into the hour."""
    number = np.array(list(numbers), np.int64)
    record, packet = number // 3, number % 3
    start_ns = ist_ns(date(int(hour[:4]), int(hour[4:6]), int(hour[6:8])), time(int(hour[9:11])))
    ts_recv_ns = start_ns + record * 1_000_000 + 7
    return {
        "timestamp": ts_recv_ns // 1_000_000,
        "ts_recv_ns": ts_recv_ns,
        "symbol": np.array([f"S{one % 5}" for one in number.tolist()], object),
        "seq": make_seq(hour, record, packet),
        "modelled": number < 0,
        "last_price": price + number / 4,
        "volume": number * 10,
        **more,
    }


def write_universe(folder: Path, feed: str, day: str, instruments: str) -> None:
    """A universe file with these instruments, given as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{feed}_{day}.json").write_text(f'{{"feed": "{feed}", "instruments": {instruments}}}')
