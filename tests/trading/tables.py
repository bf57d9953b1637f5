"""Tiny tables of candles for tests: a row is `HH:MM open high low close`, and prices are chosen to be done by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from muhurat.clock import NS_PER_S, ist_ns
from muhurat.model.bar import Bar
from muhurat.trading.backtest import recorded_session, run_candles
from muhurat.trading.candles import CandleDay, in_order
from muhurat.trading.contracts import Contract
from muhurat.trading.parameters import Limits, Parameters

DAY = date(2026, 11, 19)
EVE = date(2026, 11, 18)
EXPIRY = date(2026, 11, 19)
INDEX = "SENSEX"
CE, PE = "SENSEX26N1980000CE", "SENSEX26N1980000PE"
BAR_NS = 180 * NS_PER_S

# The short average is the close itself, the long one is halfway between its last value and the close; every bar that
# rises (falls) and closes above (below) the long average is a signal.
EASY = Parameters(
    ema_short_period=1,
    ema_long_period=3,
    ema_tightness_threshold=10_000.0,
    proximity_threshold=10_000.0,
    min_signal_strength=0.0,
    minimum_bars=1,
    premium_confirmation=False,
    take_profit_points=10_000.0,
)


def at(label: str, day: date = DAY) -> int:
    """The instant of `HH:MM` or `HH:MM:SS`."""
    return ist_ns(day, time.fromisoformat(label))


def bar(symbol: str, row: str, day: date = DAY) -> Bar:
    """One bar from `HH:MM open high low close`; with one price all four are the same."""
    label, *prices = row.split()
    opened, high, low, close = (float(each) for each in (prices * 4 if len(prices) == 1 else prices))
    start_ns = at(label, day)
    return Bar(symbol, start_ns, start_ns + BAR_NS, opened, high, low, close, 0)


def bars(symbol: str, rows: str | Sequence[str], day: date = DAY) -> list[Bar]:
    lines = rows.strip().splitlines() if isinstance(rows, str) else rows
    return [bar(symbol, row, day) for row in lines]


def contract(symbol: str = CE, strike: int = 80_000, lot_size: int = 20, token: int = 7) -> Contract:
    return Contract(symbol, token, "BFO", "CE" if symbol.endswith("CE") else "PE", Decimal(strike), EXPIRY, lot_size)


def candle_day(today: Sequence[Bar], history: Sequence[Bar] = (), symbols: Sequence[str] = (CE, PE)) -> CandleDay:
    return CandleDay(DAY, INDEX, tuple(in_order(today, INDEX)), tuple(in_order(history, INDEX)), tuple(symbols))


def trade_day(
    index: str | Sequence[str],
    options: dict[str, str | Sequence[str]],
    parameters: Parameters = EASY,
    limits: Limits | None = None,
    *,
    history: Sequence[Bar] = (),
    directory: Path | None = None,
    **changed: Any,
) -> list[dict[str, Any]]:
    """Every line said about a day given as tables."""
    today = bars(INDEX, index)
    for symbol, rows in options.items():
        today += bars(symbol, rows)
    parameters = replace(parameters, **changed)
    facts, ordered = recorded_session(candle_day(today, history), parameters, limits or Limits())
    return run_candles(facts, ordered, directory)


def of_kind(lines: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["kind"] == kind]


def short(trade: dict[str, Any]) -> tuple[str, str, float, str, float, str]:
    """A trade in a row: side, entry time, price, exit time, price, reason."""
    entry, leave = trade["entry_time"][11:16], trade["exit_time"][11:16]
    return trade["side"], entry, trade["entry_price"], leave, trade["exit_price"], trade["reason"]


def steps(first: str, count: int) -> list[str]:
    """The labels of `count` bars from `first` on."""
    hour, minute = map(int, first.split(":"))
    minutes = [60 * hour + minute + 3 * number for number in range(count)]
    return [f"{each // 60:02d}:{each % 60:02d}" for each in minutes]
