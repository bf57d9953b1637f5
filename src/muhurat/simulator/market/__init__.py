"""The simulated exchange's day: instruments and a seeded, time-ordered stream of packets, without any wire format.

`build_market` picks the source: a synthetic day, a day from real candles, or a recorded journal played again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from muhurat.errors import UsageError
from muhurat.simulator.market.base import DAY_MINUTES, Candle, Frame, Level, Market, Quote, Series, SimInstrument
from muhurat.simulator.market.candle_files import CandleError, candle_days
from muhurat.simulator.market.candles import CandleMarket
from muhurat.simulator.market.replay import RecordedMarket
from muhurat.simulator.market.synthetic import SyntheticMarket

__all__ = [
    "DAY_MINUTES",
    "Candle",
    "CandleError",
    "CandleMarket",
    "Frame",
    "Level",
    "Market",
    "Quote",
    "RecordedMarket",
    "Series",
    "SimInstrument",
    "SyntheticMarket",
    "build_market",
    "candle_days",
]


def build_market(
    day: date,
    seed: int,
    candles: Path | None = None,
    journal: Path | None = None,
    overlays: Sequence[Path] = (),
) -> Market:
    """The day's market: from the journal when there is one, else from real candles, else synthetic.

    `candles` is a folder of Kite CSVs, `journal` a feed's folder of `.bin` hours or one such file, `overlays` are a
    desk's own calendar files. Raises `UsageError` when both sources are given, `CalendarError` for a day without
    a session, `MuhuratError` naming file and line when the files cannot be read.
    """
    if candles is not None and journal is not None:
        raise UsageError("a day comes from candles or from a journal, not from both")
    if journal is not None:
        return RecordedMarket(journal, day, overlays=overlays)
    if candles is not None:
        return CandleMarket(candles, day, seed, overlays)
    return SyntheticMarket(day, seed, overlays)
