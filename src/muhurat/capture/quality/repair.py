"""Candles of the venue in place of minutes that were missed: which to keep, and as what rows.

They lie in a table of their own, marked, and never among the ticks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

import numpy as np

from muhurat.capture.journal import hour_name
from muhurat.capture.quality.hours import MINUTE_NS
from muhurat.capture.quality.missed import SILENT, Watched
from muhurat.capture.quality.stored import REPAIRED
from muhurat.capture.universe import Entry
from muhurat.clock import NS_PER_S
from muhurat.model.bar import Bar
from muhurat.model.instrument import Instrument, InstrumentType
from muhurat.stores.base import TickStore, make_seq

_NS_PER_MS = 1_000_000
_HOUR_MINUTES = 60


def instrument_of(symbol: str, entry: Entry) -> Instrument:
    """An instrument as venues take it, from what the universe keeps of it."""
    known = {kind.value: kind for kind in InstrumentType}
    return Instrument(
        token=entry.token,
        exchange_token=entry.exchange_token,
        symbol=entry.symbol or symbol,
        name=entry.name,
        exchange=entry.exchange,
        segment=entry.segment,
        type=known.get(entry.type, InstrumentType.EQUITY),
        expiry=None,
        strike=Decimal(entry.strike or 0),
        tick_size=Decimal(entry.tick_size),
        lot_size=entry.lot,
    )


def stand_ins(of: Watched, minutes: Mapping[int, str], candles: Iterable[Bar]) -> list[Bar]:
    """The candles that belong to missed `minutes`; where no gap is known only those in which something was traded."""
    index = of.entry.type == "INDEX"
    return [
        candle
        for candle in candles
        if (reason := minutes.get(candle.start_ns)) is not None and (reason != SILENT or candle.volume or index)
    ]


def keep(store: TickStore, feed: str, of: Watched, candles: Sequence[Bar], *, source: str, fetched_ns: int) -> None:
    """Append candles to the table of repaired ones; a minute that is there already is replaced. `flush` is the
    caller's."""
    in_order = sorted(candles, key=lambda candle: candle.start_ns)
    for hour, group in groupby(in_order, key=lambda candle: hour_name(candle.start_ns)):
        columns = _columns(hour, of, list(group), source, fetched_ns)
        store.append(REPAIRED, columns, feed=feed)


def _columns(hour: str, of: Watched, candles: list[Bar], source: str, fetched_ns: int) -> dict[str, Any]:
    rows = len(candles)
    starts = np.array([candle.start_ns for candle in candles], np.int64)
    tokens = np.full(rows, of.entry.token, np.int64)
    prices = {
        name: np.array([getattr(candle, name) for candle in candles], np.float64)
        for name in ("open", "high", "low", "close")
    }
    return {
        "timestamp": starts // _NS_PER_MS,
        "ts_event": starts // NS_PER_S,
        "ts_recv_ns": starts,
        "symbol": np.full(rows, of.symbol, object),
        "instrument_token": tokens,
        "seq": make_seq(hour, tokens, starts // MINUTE_NS % _HOUR_MINUTES),
        **prices,
        "volume": np.array([candle.volume for candle in candles], np.int64),
        "repaired": np.ones(rows, bool),
        "source": np.full(rows, source, object),
        "reason": np.array([of.missed.get(candle.start_ns, SILENT) for candle in candles], object),
        "fetched_at": np.full(rows, fetched_ns // NS_PER_S, np.int64),
        "modelled": np.full(rows, of.entry.modelled, bool),
    }
