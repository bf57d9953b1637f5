"""`ticks_full_named`: the full ticks under the names of the raw crawler's field list, with what the universe knows.

Circuit limits are in no packet: they come from the files `<feed>_<YYYYMMDD>.limits.jsonl` beside the universe's, and
are null before the day's first was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa

from muhurat.stores.schema import LEVELS
from muhurat.stores.universe_files import universe_files

NAMED_VIEW: Final = "ticks_full_named"
UNIVERSE: Final = "universe"
LIMITS: Final = "circuit_limits"

_LIMITS_FILE: Final = re.compile(r"(?P<feed>.+)_(?P<day>\d{8})\.limits\.jsonl")

_SAME: Final = (
    "seq, feed, ts_event, ts_recv_ns, instrument_token, last_price, last_quantity, volume, oi, oi_day_high, "
    "oi_day_low, open, high, low, close, average_price, buy_quantity, sell_quantity, net_change, last_trade_time, "
    "exchange_timestamp"
)


_SCHEMA: Final = pa.schema(
    [
        ("feed", pa.string()),
        ("date", pa.date32()),
        ("symbol", pa.string()),
        ("instrument_token", pa.int64()),
        ("exchange", pa.string()),
        ("type", pa.string()),
        ("asset_class", pa.string()),
        ("underlying", pa.string()),
        ("expiry", pa.date32()),
    ]
)


def universe_rows(directory: Path) -> pa.Table:
    """Every instrument of every universe file `<feed>_<YYYYMMDD>.json`, those in reserve too.

    Raises `StoreError` for a spoilt file.
    """
    rows = []
    for file in universe_files(directory):
        for symbol, entry in file.read().items():
            about = (entry.token, entry.exchange, entry.type, entry.asset_class, entry.underlying, entry.expiry)
            rows.append((file.feed, file.day, symbol, *about))
    columns = list(zip(*rows, strict=True)) or [()] * len(_SCHEMA)
    return pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA
    )


class _Seen(msgspec.Struct):
    """A line of a file of limits: what was new at an instant, lowest and highest price by symbol."""

    at_ns: int
    limits: dict[str, tuple[float, float]]


_LIMITS_SCHEMA: Final = pa.schema(
    [
        ("feed", pa.string()),
        ("date", pa.date32()),
        ("symbol", pa.string()),
        ("at", pa.timestamp("us")),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
    ]
)


def limits_rows(directory: Path) -> pa.Table:
    """Every band of every file of limits, with the instant (UTC) from which it counts."""
    rows = []
    for path in sorted(directory.glob("*.limits.jsonl")):
        if (named := _LIMITS_FILE.fullmatch(path.name)) is None:
            continue
        day = date.fromisoformat(named["day"])
        for seen in _seen(path):
            for symbol, (lower, upper) in seen.limits.items():
                rows.append((named["feed"], day, symbol, seen.at_ns // 1000, lower, upper))
    columns = list(zip(*rows, strict=True)) or [()] * len(_LIMITS_SCHEMA)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, _LIMITS_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=_LIMITS_SCHEMA)


def _seen(path: Path) -> Iterator[_Seen]:
    """The lines of a file; one that a crash cut short, or that is being written, does not count."""
    for line in path.read_bytes().splitlines():
        try:
            yield msgspec.json.decode(line, type=_Seen)
        except msgspec.DecodeError:
            continue


def named_view() -> str:
    """The statement that makes the view of `ticks_full` and the universe of the day in India."""
    depth = f"{{'buy': {_levels('bid')}, 'sell': {_levels('ask')}}}"
    return f"""CREATE TEMP VIEW {NAMED_VIEW} AS
        SELECT t.timestamp, t.symbol, u.asset_class, u.underlying, u.expiry, {_prefixed(_SAME)},
            t.bid_price_1 AS best_bid_price, t.bid_quantity_1 AS best_bid_quantity,
            t.ask_price_1 AS best_ask_price, t.ask_quantity_1 AS best_ask_quantity,
            t.last_trade_time AS last_traded_timestamp,
            l.lower AS lower_circuit_limit, l.upper AS upper_circuit_limit,
            {{'open': t.open, 'high': t.high, 'low': t.low, 'close': t.close}} AS ohlc,
            {depth} AS depth, {depth} AS market_depth, t.modelled
        FROM ticks_full t LEFT JOIN {UNIVERSE} u
            ON u.feed = t.feed AND u.symbol = t.symbol AND u.date = CAST(ist(t.timestamp) AS DATE)
        ASOF LEFT JOIN {LIMITS} l
            ON l.feed = t.feed AND l.symbol = t.symbol AND l.date = CAST(ist(t.timestamp) AS DATE)
            AND t.timestamp >= l.at"""


def _prefixed(names: str) -> str:
    return ", ".join(f"t.{name.strip()}" for name in names.split(","))


def _levels(side: str) -> str:
    levels = ", ".join(
        f"{{'quantity': t.{side}_quantity_{level}, 'price': t.{side}_price_{level}, 'orders': t.{side}_orders_{level}}}"
        for level in LEVELS
    )
    return f"list_filter([{levels}], lambda level: level.price IS NOT NULL)"
