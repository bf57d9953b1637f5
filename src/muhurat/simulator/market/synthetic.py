"""A day no market ever had: seeded, plausible, the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from muhurat.simulator.market.daymodel import DayModel
from muhurat.simulator.market.hours import DayHours, Exchange
from muhurat.simulator.market.listing import ExpiryRule, list_day
from muhurat.simulator.market.modelled import ModelledMarket, Source
from muhurat.simulator.market.paths import synthetic_path


class SyntheticMarket(ModelledMarket):
    """SENSEX, NIFTY 50, INDIA VIX, two futures and the options of two weekly expiries on any trading date.

    Raises `CalendarError` on a date the exchange is closed or its calendar does not cover; `overlays` are further
    calendar files.
    """

    def __init__(self, day: date, seed: int, overlays: Sequence[Path] = ()) -> None:
        exchange = Exchange(overlays)
        hours = exchange.hours(day)
        before = exchange.previous_hours(day)
        today, previous = (_model(seed, of, exchange) for of in (hours, before))
        spots = (float(today.path.spot.min()), float(today.path.spot.max()), float(previous.path.spot[-1]))
        listing = list_day(ExpiryRule(exchange), day, spots)
        super().__init__(Source("synthetic", listing, today, previous))


def _model(seed: int, hours: DayHours, exchange: Exchange) -> DayModel:
    before = exchange.previous_hours(hours.day)
    return DayModel(seed, hours, synthetic_path(seed, hours, before.day), exchange)
