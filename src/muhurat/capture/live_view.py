"""The last tick of every instrument, as a small file for those who only look: the page and its API."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from muhurat.capture.tick_columns import TickRows
from muhurat.clock import Clock
from muhurat.log import get_logger

INTERVAL_S: Final = 0.5

_COLUMNS: Final = {
    "last_price": "last_price",
    "ts": "timestamp",
    "volume": "volume",
    "oi": "oi",
    "bid": "bid_price_1",
    "ask": "ask_price_1",
    "net_change": "net_change",
    "modelled": "modelled",
}


class LiveView:
    """`symbol -> {last_price, ts, volume, oi, bid, ask, net_change, modelled}`; `ts` is the reception in epoch ms."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Publish to `path`, replaced as a whole at most twice a second of real time."""
        self._path = path
        self._clock = clock
        self._last: dict[str, dict[str, Any]] = {}
        self._written_at = float("-inf")
        self._changed = False
        self._trouble = ""
        self._log = get_logger(__name__)
        path.parent.mkdir(parents=True, exist_ok=True)

    def update(self, rows: TickRows) -> None:
        """Take note of rows in the order of the journal."""
        latest = np.full(int(rows.codes.max()) + 1, -1)
        latest[rows.codes] = np.arange(len(rows))
        latest = latest[latest >= 0]
        fields = {
            name: rows.columns[column][latest].tolist() for name, column in _COLUMNS.items() if column in rows.columns
        }
        for symbol, *values in zip(rows.columns["symbol"][latest].tolist(), *fields.values(), strict=True):
            self._last.setdefault(symbol, dict.fromkeys(_COLUMNS)).update(zip(fields, values, strict=True))
        self._changed = True

    def publish(self, *, now: bool = False) -> None:
        """Write the file when there is news and the last one is old enough, or `now`.

        A disk that refuses it is tried again, and ends nothing: those who only look see an older picture.
        """
        at = self._clock.monotonic()
        if not self._changed or (not now and at - self._written_at < INTERVAL_S):
            return
        self._written_at, self._changed = at, False
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(msgspec.json.encode(self._last))
            fresh.replace(self._path)
        except OSError as error:
            self._changed = True
            if not self._trouble:
                self._log.warning("the live view cannot be written", error=str(error))
            self._trouble = str(error)
            return
        self._trouble = ""
