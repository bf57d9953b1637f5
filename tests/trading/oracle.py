"""A second, plain reading of the trading rules for recorded candles, sharing no code with the engine.

One loop over the index's bars with lists, pandas for the averages and `Decimal` for money. Tests compare its trades
with the engine's on the real day and on random ones.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pandas as pd

PRECEDENCE = ["premium_stop", "ema20_stop", "premium_target", "take_profit", "crossover", "time", "square_off"]
THREE = timedelta(minutes=3)


@dataclass
class Outcome:
    trades: list[dict[str, Any]] = field(default_factory=list)
    signals: list[tuple[str, str, int, float]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def with_averages(previous: pd.DataFrame | None, today: pd.DataFrame) -> pd.DataFrame:
    """Today's rows with ema10, ema20 and the number of rows so far, over both sessions."""
    frames = [today] if previous is None or previous.empty else [previous, today]
    rows = pd.concat(frames, ignore_index=True)
    rows["ema10"] = rows.close.ewm(span=10, adjust=False).mean()
    rows["ema20"] = rows.close.ewm(span=20, adjust=False).mean()
    rows["rows"] = range(1, len(rows) + 1)
    return rows[rows.time >= today.time.iloc[0]].reset_index(drop=True)


def leg_charges(side: str, price: Decimal, quantity: int, stt: Decimal) -> Decimal:
    value = price * quantity
    fees = Decimal(20) + value * Decimal("0.000325") + value * Decimal("0.000001")
    tax = (value * stt).quantize(Decimal(1), ROUND_HALF_UP) if side == "SELL" else value * Decimal("0.00003")
    return (fees + fees * Decimal("0.18") + tax).quantize(Decimal("0.01"), ROUND_HALF_UP)


def trade_by_hand(
    index: pd.DataFrame,
    options: dict[tuple[int, str], pd.DataFrame],
    *,
    capital: int = 500_000,
    stt: Decimal = Decimal("0.0015"),
    lot: int = 20,
) -> Outcome:
    """The day's trades; every frame has time, open, high, low, close, ema10, ema20, rows, today only."""
    out, held, pending, streak, realised = Outcome(), None, None, 0, Decimal(0)
    squared = False
    for bar in index.itertuples():
        closes = bar.time + THREE
        if (
            pending is not None
            and (row := first_after(options[pending["key"]], pending["signal"], bar.time)) is not None
        ):
            held = pending | {"entry": price_of(row.open), "entry_time": row.time, "bars": 0, "leaving": None}
            pending = None
        if held is not None and held["leaving"] is not None:
            row = first_after(options[held["key"]], held["leaving"][1], bar.time)
            if row is not None:
                streak, realised = settle(out, held, price_of(row.open), row.time, stt, streak, realised)
                held = None
        if held is not None:
            held["bars"] += 1
            reasons = exits(held, bar, options)
            if closes.strftime("%H:%M:%S") >= "15:20:00" and not squared:
                reasons.add("square_off")
            if held["leaving"] is None and reasons:
                held["leaving"] = (min(reasons, key=PRECEDENCE.index), bar.time)
                if held["leaving"][0] == "square_off":
                    held["leaving"] = ("square_off", bar.time.replace(hour=15, minute=20))
                continue
        if closes.strftime("%H:%M:%S") >= "15:20:00":
            squared, pending = True, None
        signal = entry(bar)
        if signal is None or held is not None or pending is not None:
            continue
        side, strength = signal
        spot = bar.close - (175 if closes.strftime("%H:%M") >= "12:00" else 0)
        key = (math.floor(spot / 100 + 0.5) * 100, side)
        out.signals.append((bar.time.strftime("%H:%M"), side, key[0], strength))
        reason = refusal(out, closes, strength, options.get(key), bar.time, realised)
        quantity = 0
        if reason is None:
            seen = last_until(options[key], bar.time)
            lots = int(Decimal(capital) * 2 / 100 / (price_of(seen.close) * lot))
            lots = max(1, lots // 2) if streak >= 2 and lots else lots
            quantity = lots * lot
            reason = "size" if quantity == 0 else None
        if reason is not None:
            out.refused[reason] += 1
            continue
        pending = {"key": key, "side": side, "signal": bar.time, "quantity": quantity}
    if held is not None:
        rows = options[held["key"]]
        reason, since = held["leaving"] or ("square_off", rows.time.iloc[-1])
        held["leaving"] = (reason, since)
        row = first_after(rows, since, rows.time.iloc[-1])
        price, at = (row.open, row.time) if row is not None else (rows.close.iloc[-1], rows.time.iloc[-1] + THREE)
        settle(out, held, price_of(price), at, stt, streak, realised)
    return out


def refusal(
    out: Outcome, closes: datetime, strength: float, rows: pd.DataFrame | None, label: datetime, realised: Decimal
) -> str | None:
    if strength < 80:
        return "signal_strength"
    if closes.strftime("%H:%M:%S") > "15:00:00":
        return "last_entry_time"
    seen = None if rows is None else last_until(rows, label)
    if seen is None:
        return "option_data"
    if seen.rows < 20:
        return "premium_history"
    if abs(seen.ema10 - seen.ema20) > 15:
        return "premium_deviation"
    if realised <= -25_000:
        return "daily_loss"
    return "max_trades" if len(out.trades) >= 3 else None


def entry(bar: Any) -> tuple[str, float] | None:
    gap = abs(bar.ema10 - bar.ema20)
    if bar.rows < 20 or gap > 51:
        return None
    if bar.close > bar.open and bar.ema10 > bar.ema20:
        side, near = "CE", min(abs(bar.open - bar.ema10), abs(bar.low - bar.ema10))
    elif bar.close < bar.open and bar.ema10 < bar.ema20:
        side, near = "PE", min(abs(bar.open - bar.ema10), abs(bar.high - bar.ema10))
    else:
        return None
    return (side, 25 * (4 - 0.5 * gap / 51 - 0.5 * near / 21)) if near < 21 else None


def exits(held: dict[str, Any], bar: Any, options: dict[tuple[int, str], pd.DataFrame]) -> set[str]:
    up = held["side"] == "CE"
    premium = price_of(last_until(options[held["key"]], bar.time).close)
    found = {
        "premium_stop": premium <= held["entry"] * Decimal("0.98"),
        "premium_target": premium >= held["entry"] * Decimal("1.04"),
        "ema20_stop": bar.close < bar.ema20 if up else bar.close > bar.ema20,
        "take_profit": abs(bar.close - bar.ema20) > 150,
        "crossover": bar.ema10 < bar.ema20 if up else bar.ema10 > bar.ema20,
        "time": held["bars"] >= (20 if up else 10),
    }
    return {name for name, holds in found.items() if holds}


def settle(
    out: Outcome, held: dict[str, Any], price: Decimal, at: datetime, stt: Decimal, streak: int, realised: Decimal
) -> tuple[int, Decimal]:
    quantity = held["quantity"]
    charges = leg_charges("BUY", held["entry"], quantity, stt) + leg_charges("SELL", price, quantity, stt)
    net = (price - held["entry"]) * quantity - charges
    out.trades.append(
        {
            "side": held["side"],
            "strike": held["key"][0],
            "quantity": quantity,
            "signal": held["signal"].strftime("%H:%M"),
            "entry": (held["entry_time"].strftime("%H:%M"), float(held["entry"])),
            "exit": (at.strftime("%H:%M"), float(price)),
            "reason": held["leaving"][0],
            "charges": float(charges),
            "net": float(net),
        }
    )
    return (streak + 1 if net < 0 else 0), realised + net


def first_after(rows: pd.DataFrame, signal: datetime, until: datetime) -> Any:
    found = rows[(rows.time > signal) & (rows.time <= until)]
    return None if found.empty else found.iloc[0]


def last_until(rows: pd.DataFrame, label: datetime) -> Any:
    found = rows[rows.time <= label]
    return None if found.empty else found.iloc[-1]


def price_of(value: float) -> Decimal:
    return Decimal(str(value))
