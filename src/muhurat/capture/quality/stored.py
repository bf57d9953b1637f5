"""What a tick store holds of a feed's day, asked in SQL plain enough for every store behind `TickStore.query`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from muhurat.clock import IST, to_ns
from muhurat.stores.base import TickStore

TICK_TABLES: Final = ("ticks_full", "ticks_quote", "ticks_ltp")
REPAIRED: Final = "repaired_candles"

Minutes = Mapping[int, int]
"""Ticks by the start of their minute."""


def of_day(feed: str, day: date) -> str:
    """The condition that a row is of a feed and of an Indian day."""
    begin = datetime.combine(day, time(), IST).astimezone(UTC)
    end = begin + timedelta(days=1)
    return f"feed = '{feed}' AND timestamp >= '{begin:%Y-%m-%dT%H:%M:%S}' AND timestamp < '{end:%Y-%m-%dT%H:%M:%S}'"


def minutes_seen(store: TickStore, feed: str, day: date) -> dict[str, dict[int, int]]:
    """By symbol, the minutes in which it had ticks, and how many."""
    found: dict[str, dict[int, int]] = {}
    for table in TICK_TABLES:
        rows = store.query(
            f"SELECT symbol, date_trunc('minute', timestamp) AS minute, count(*) AS ticks FROM {table} "
            f"WHERE {of_day(feed, day)} GROUP BY symbol, date_trunc('minute', timestamp)"
        )
        for symbol, minute, ticks in rows:
            minutes = found.setdefault(symbol, {})
            start_ns = instant_ns(minute)
            minutes[start_ns] = minutes.get(start_ns, 0) + ticks
    return found


def repaired(store: TickStore, feed: str, day: date) -> Iterator[dict[str, Any]]:
    """The candles that stand in for missed minutes, with `start_ns`."""
    rows = store.query(
        f"SELECT symbol, timestamp, open, high, low, close, volume, reason FROM {REPAIRED} "
        f"WHERE {of_day(feed, day)} ORDER BY symbol, timestamp"
    )
    for row in rows.dicts():
        yield row | {"start_ns": instant_ns(row["timestamp"])}


def instant_ns(instant: datetime) -> int:
    """A store's naive UTC instant."""
    return to_ns(instant.replace(tzinfo=UTC))
