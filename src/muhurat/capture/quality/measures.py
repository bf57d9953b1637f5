"""What looks wrong among a day's ticks, counted by instrument: repeated packets, prices that cannot be, late clocks.

The queries go hour by hour, so that memory stays bounded however many ticks there are; they use nothing but what
standard SQL and both tick stores have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from muhurat.calendars.session import Window
from muhurat.capture.circuit_limits import Bands
from muhurat.clock import NS_PER_S
from muhurat.stores.base import TickStore

_HOUR_NS: Final = 3600 * NS_PER_S
_BY_SYMBOL: Final = "OVER (PARTITION BY symbol ORDER BY seq)"
_FULL: Final = "ticks_full"
_REVERTS: Final = 0.25
"""A jump counts as one that reverts when the next price is back within this part of it."""

_ALIKE: Final = (
    *("last_price", "volume", "oi", "buy_quantity", "sell_quantity", "last_quantity"),
    *("bid_price_1", "bid_quantity_1", "ask_price_1", "ask_quantity_1"),
)
"""A packet of the same exchange's second in which all these are as before is a repeated one."""

_COUNTED: Final = ("ticks", "duplicates", "not_positive", "outside_day", "crossed", "spikes")
_ALL: Final = (*_COUNTED, "outside_limits")


@dataclass(slots=True)
class Measured:
    """Counts of one instrument; `lags` counts packets by their receive lag in hundredths of a second."""

    counts: Counter[str] = field(default_factory=Counter)
    lags: Counter[int] = field(default_factory=Counter)


def measure(
    store: TickStore, feed: str, windows: tuple[Window, ...], jump_share: float, bands: Bands | None = None
) -> dict[str, Measured]:
    """Every instrument of a feed over the session's `windows`, by symbol.

    `jump_share`: how large a part of a price a jump is that counts when the next price takes it back. `bands` are the
    price bands of the day, as far as they are known.
    """
    found: dict[str, Measured] = {}
    for window in windows:
        for begin_ns in range(window.open_ns, window.close_ns, _HOUR_NS):
            where = _between(feed, begin_ns, min(begin_ns + _HOUR_NS, window.close_ns))
            for row in store.query(_doubts(where, jump_share)).dicts():
                counts = found.setdefault(row["symbol"], Measured()).counts
                counts.update({name: int(row[name] or 0) for name in _COUNTED})
            for symbol, outside in store.query(_outside(where, bands)) if bands else ():
                found.setdefault(symbol, Measured()).counts["outside_limits"] += int(outside)
            for symbol, lag, packets in store.query(_lags(where)):
                found.setdefault(symbol, Measured()).lags[int(lag)] += packets
    return found


def quantile(lags: Mapping[int, int], share: float) -> float | None:
    """The lag in seconds that this share of the packets did not exceed; None without any."""
    left = share * sum(lags.values())
    for lag in sorted(lags):
        left -= lags[lag]
        if left <= 0:
            return lag / 100
    return None


def _between(feed: str, begin_ns: int, end_ns: int) -> str:
    begin, end = (
        f"'{datetime.fromtimestamp(at_ns / NS_PER_S, UTC):%Y-%m-%dT%H:%M:%S}'" for at_ns in (begin_ns, end_ns)
    )
    return f"feed = '{feed}' AND timestamp >= {begin} AND timestamp < {end}"


def _doubts(where: str, jump_share: float) -> str:
    """Each tick beside the one before and the one after it, counted by what is wrong with it."""
    jump = f"abs(last_price - price_before) > {jump_share} * price_before"
    back = f"abs(price_after - price_before) <= {_REVERTS} * abs(last_price - price_before)"
    conditions = {
        "duplicates": "alike = 1",
        "not_positive": "last_price <= 0",
        "outside_day": "(high > 0 AND last_price > high) OR (low > 0 AND last_price < low)",
        "crossed": "ask_price_1 > 0 AND bid_price_1 > ask_price_1",
        "spikes": f"price_before > 0 AND {jump} AND {back}",
    }
    counted = ", ".join(f"sum(CASE WHEN {what} THEN 1 ELSE 0 END) AS {name}" for name, what in conditions.items())
    neighbours = (
        f"lag(last_price) {_BY_SYMBOL} AS price_before, lead(last_price) {_BY_SYMBOL} AS price_after, "
        f"CASE WHEN {' AND '.join(_unchanged())} THEN 1 ELSE 0 END AS alike"
    )
    columns = "symbol, last_price, high, low, bid_price_1, ask_price_1"
    ticks = f"SELECT {columns}, {neighbours} FROM {_FULL} WHERE {where}"
    return f"SELECT symbol, count(*) AS ticks, {counted} FROM ({ticks}) AS beside GROUP BY symbol"


def _unchanged() -> Iterator[str]:
    yield f"exchange_timestamp = lag(exchange_timestamp) {_BY_SYMBOL}"
    for name in _ALIKE:
        yield f"coalesce({name}, -1) = coalesce(lag({name}) {_BY_SYMBOL}, -1)"


def _outside(where: str, bands: Bands) -> str:
    """Ticks at a price that was not allowed at any time of the day."""
    rows = (
        f"SELECT {_text(symbol)} AS of_symbol, {lower!r} AS lower_limit, {upper!r} AS upper_limit"
        for symbol, (lower, upper) in bands.items()
    )
    return (
        f"SELECT symbol, count(*) AS outside FROM {_FULL} JOIN ({' UNION ALL '.join(rows)}) AS bands "
        f"ON symbol = of_symbol WHERE {where} AND (last_price < lower_limit OR last_price > upper_limit) "
        "GROUP BY symbol"
    )


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _lags(where: str) -> str:
    lag = "CAST(round(100 * (ts_recv_ns / 1000000000.0 - extract(epoch FROM exchange_timestamp))) AS BIGINT)"
    return (
        f"SELECT symbol, {lag} AS lag, count(*) AS packets FROM {_FULL} "
        f"WHERE {where} AND exchange_timestamp IS NOT NULL GROUP BY symbol, {lag}"
    )


def total(found: Mapping[str, Measured]) -> dict[str, Any]:
    """All instruments together: counts, and the lags' quantiles."""
    lags, counts = Counter[int](), Counter[str]()
    for measured in found.values():
        lags.update(measured.lags)
        counts.update(measured.counts)
    return {"counts": {name: counts[name] for name in _ALL}, "skew": skew(lags)}


def skew(lags: Mapping[int, int]) -> dict[str, Any]:
    """How far reception is behind the exchange's clock; a negative lag means that one of the two clocks is off."""
    return {
        "median_s": quantile(lags, 0.5),
        "p99_s": quantile(lags, 0.99),
        "negative": sum(packets for lag, packets in lags.items() if lag < 0),
    }
