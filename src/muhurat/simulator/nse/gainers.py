"""The body of `/api/live-analysis-variations`, as JSON and as the website's CSV (facts/nse.md §7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

import msgspec

from muhurat.clock import NS_PER_S, ist, ist_ns
from muhurat.simulator.reference.exchange import ReferenceData
from muhurat.simulator.reference.listing import constituents, securities, stock_underlyings

LEGENDS: Final = (
    ("NIFTY", "NIFTY 50"),
    ("BANKNIFTY", "BANK NIFTY"),
    ("NIFTYNEXT50", "NIFTY NEXT 50"),
    ("SecGtr20", "Securities > Rs 20"),
    ("SecLwr20", "Securities < Rs 20"),
    ("FOSec", "F&O Securities"),
    ("allSec", "All Securities"),
)
ROWS: Final = 20
_INDEX_OF: Final = {"NIFTY": "Nifty 50", "BANKNIFTY": "Nifty Bank", "NIFTYNEXT50": "Nifty Next 50"}
_LAKH: Final = 1e5
_OPENS, _CLOSES, _FINAL = time(9, 15), time(15, 30), time(16, 0)
_COLUMNS: Final = {
    "SYMBOL \n": "symbol",
    "OPEN \n": "open_price",
    "HIGH \n": "high_price",
    "LOW \n": "low_price",
    "PREV. CLOSE \n": "prev_price",
    "LTP \n": "ltp",
    "%CHNG \n": "perChange",
    "VOLUME \n(shares)": "trade_quantity",
    "VALUE \n (₹ Lakhs)": "turnover",
    "CA \n": "ca_ex_dt",
}
RENAMES: Final = ((b'"ltp":', b'"lastTradedPrice":'), (b'"LTP \n"', b'"LAST \n"'))

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """Up to when a list speaks: a session, how much of it had passed, and the time it is labelled with."""

    day: date
    through: float
    stamp: datetime


def moment(reference: ReferenceData, now_ns: int, *, day_before: bool = False) -> Moment:
    """What the website shows at an instant: before a session opens and on closed days, the one before it."""
    sessions = reference.sessions
    day = sessions.last_at(now_ns, _OPENS)
    if day_before:
        day = sessions.before(day)
    opens_ns, closes_ns = ist_ns(day, _OPENS), ist_ns(day, _CLOSES)
    through = min(1.0, (now_ns - opens_ns) / (closes_ns - opens_ns))
    minute_ns = 60 * NS_PER_S
    return Moment(day, through, ist(min(now_ns // minute_ns * minute_ns, ist_ns(day, _FINAL))))


def variations(reference: ReferenceData, at: Moment, losers: bool) -> dict[str, Any]:
    """The JSON body: for every legend the securities that rose (or fell) most."""
    rows = sorted(_rows(reference, at), key=lambda row: row["perChange"], reverse=not losers)
    body: dict[str, Any] = {"legends": [list(legend) for legend in LEGENDS]}
    stamp = f"{at.stamp:%d-%b-%Y %H:%M:%S}"
    for key, _ in LEGENDS:
        chosen = [row for row in rows if _belongs(key, row) and (row["perChange"] < 0) == losers]
        body[key] = {"data": chosen[:ROWS], "timestamp": stamp}
    return body


def as_json(body: dict[str, Any]) -> bytes:
    return msgspec.json.encode(body)


def as_csv(rows: list[Row]) -> bytes:
    """The website's download: BOM, quoted headers with a newline inside, thousands commas."""
    lines = [",".join(f'"{column}"' for column in _COLUMNS)]
    lines += [",".join(f'"{_written(row[key])}"' for key in _COLUMNS.values()) for row in rows]
    return ("\ufeff" + "\n".join(lines) + "\n").encode()


def without_rows(body: bytes) -> bytes:
    """Either form with no securities in it."""
    if body.startswith(b"{"):
        return re.sub(rb'"data":\[[^\]]*\]', b'"data":[]', body)
    header_lines = sum(column.count("\n") for column in _COLUMNS) + 1
    return b"".join(body.splitlines(keepends=True)[:header_lines])


def _rows(reference: ReferenceData, at: Moment) -> Iterator[Row]:
    live = reference.prices.live_cash(at.day, at.through)
    figures = (live.open, live.high, live.low, live.last, live.previous, live.volume, live.turnover)
    columns = zip(securities(), *(column.tolist() for column in figures), strict=True)
    for security, opened, high, low, last, previous, volume, turnover in columns:
        if security.kind == "bond":
            continue
        change = round(100.0 * (last / previous - 1.0), 2)
        yield {
            "symbol": security.symbol,
            "series": security.series,
            "open_price": opened,
            "high_price": high,
            "low_price": low,
            "ltp": last,
            "prev_price": previous,
            "net_price": change,
            "trade_quantity": volume,
            "turnover": round(turnover / _LAKH, 2),
            "market_type": "N",
            "ca_ex_dt": "-",
            "ca_purpose": "-",
            "perChange": change,
        }


def _belongs(key: str, row: Row) -> bool:
    if key in _INDEX_OF:
        return row["symbol"] in constituents(_INDEX_OF[key])
    if key == "FOSec":
        return row["symbol"] in stock_underlyings()
    if key == "allSec":
        return True
    dear: bool = row["ltp"] > 20.0
    return dear == (key == "SecGtr20")


def _written(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
