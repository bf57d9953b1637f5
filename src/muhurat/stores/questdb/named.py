"""`ticks_full_named` on the server: the full ticks under the names of the raw crawler's field list.

The universe files of the desk are the table `universe` there, brought up to date before a query that needs it. QuestDB
has no structs, so `ohlc` and `depth` are JSON text. Circuit limits are in no packet, so they are null here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from muhurat.clock import NS_PER_S, to_ns
from muhurat.stores.questdb.server import Server
from muhurat.stores.schema import LEVELS, Column, Kind, Table
from muhurat.stores.universe_files import UniverseFile, universe_files

NAMED_VIEW: Final = "ticks_full_named"

UNIVERSE: Final = Table(
    "universe",
    (
        Column("timestamp", Kind.INSTANT),
        Column("feed", Kind.TEXT),
        Column("symbol", Kind.TEXT),
        Column("instrument_token", Kind.COUNT),
        Column("exchange", Kind.TEXT),
        Column("type", Kind.TEXT),
        Column("asset_class", Kind.TEXT),
        Column("underlying", Kind.TEXT),
        Column("expiry", Kind.SECONDS),
        Column("written_ns", Kind.NANOSECONDS),
    ),
)
"""An instrument of a feed on a day in India, `timestamp` being that day; `written_ns` is the age of its file."""

_SAME: Final = (
    *("seq", "feed", "ts_event", "ts_recv_ns", "instrument_token", "last_price", "last_quantity", "volume", "oi"),
    *("oi_day_high", "oi_day_low", "open", "high", "low", "close", "average_price", "buy_quantity", "sell_quantity"),
    *("net_change", "last_trade_time", "exchange_timestamp"),
)
_RENAMED: Final = {
    "bid_price_1": "best_bid_price",
    "bid_quantity_1": "best_bid_quantity",
    "ask_price_1": "best_ask_price",
    "ask_quantity_1": "best_ask_quantity",
    "last_trade_time": "last_traded_timestamp",
}


def named_view() -> str:
    """The statement that makes the view of `ticks_full` and the universe of the day in India."""
    same = ", ".join(f't."{name}"' for name in _SAME)
    renamed = ", ".join(f't."{name}" AS {new}' for name, new in _RENAMED.items())
    depth = f"concat('{{\"buy\": [', {_levels('bid')}, '], \"sell\": [', {_levels('ask')}, ']}}')"
    ohlc = ", ', ', ".join(_member(name, f't."{name}"') for name in ("open", "high", "low", "close"))
    return (
        f"CREATE OR REPLACE VIEW {NAMED_VIEW} AS (SELECT t.timestamp, t.symbol, u.asset_class, u.underlying, u.expiry, "
        f"{same}, {renamed}, cast(null AS DOUBLE) AS lower_circuit_limit, cast(null AS DOUBLE) AS upper_circuit_limit, "
        f"concat('{{', {ohlc}, '}}') AS ohlc, {depth} AS depth, {depth} AS market_depth, t.modelled FROM "
        "(SELECT *, timestamp_floor('d', dateadd('m', 330, timestamp)) AS india FROM ticks_full) t LEFT JOIN "
        f"(SELECT timestamp AS india, feed, symbol, asset_class, underlying, expiry FROM {UNIVERSE.name}) u "
        "ON u.feed = t.feed AND u.symbol = t.symbol AND u.india = t.india)"
    )


def _member(name: str, value: str) -> str:
    """A member of a JSON object as arguments of `concat`."""
    return f"'\"{name}\": ', coalesce(cast({value} AS STRING), 'null')"


def _levels(side: str) -> str:
    """The levels of the book that have a price, as arguments of `concat`."""
    levels = []
    for level in LEVELS:
        price = f"t.{side}_price_{level}"
        comma = "', '" if level > 1 else "''"
        members = ", ', ', ".join(_member(name, f"t.{side}_{name}_{level}") for name in ("quantity", "price", "orders"))
        levels.append(f"CASE WHEN {price} IS NULL THEN '' ELSE concat({comma}, '{{', {members}, '}}') END")
    return ", ".join(levels)


def changed_files(server: Server, directory: Path) -> Iterator[UniverseFile]:
    """The universe files that the server does not know as they are now."""
    known = {
        (row["feed"], row["day"].date()): row["written_ns"]
        for row in server.table(f"SELECT feed, timestamp AS day, max(written_ns) AS written_ns FROM {UNIVERSE.name}")
    }
    for file in universe_files(directory):
        if known.get((file.feed, file.day)) != file.path.stat().st_mtime_ns:
            yield file


def universe_columns(file: UniverseFile) -> dict[str, NDArray[Any]]:
    """The instruments of a file as columns of `UNIVERSE`; raises `StoreError` for a spoilt one."""
    written_ns, listed = file.path.stat().st_mtime_ns, file.read()
    entries, rows = listed.values(), len(listed)
    return {
        "timestamp": np.full(rows, _midnight_s(file.day) * 1000),
        "symbol": np.array(list(listed), object),
        "instrument_token": np.array([entry.token for entry in entries], np.int64),
        "exchange": np.array([entry.exchange for entry in entries], object),
        "type": np.array([entry.type for entry in entries], object),
        "asset_class": np.array([entry.asset_class for entry in entries], object),
        "underlying": np.array([entry.underlying for entry in entries], object),
        "expiry": np.array([_midnight_s(entry.expiry) if entry.expiry else 0 for entry in entries], np.int64),
        "written_ns": np.full(rows, written_ns),
    }


def _midnight_s(day: date) -> int:
    return to_ns(datetime.combine(day, time(), UTC)) // NS_PER_S
