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
LOT = 20
Chain = dict[tuple[int, str], pd.DataFrame]


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


def trade_by_hand(index: pd.DataFrame, options: Chain, *, capital: int = 500_000, stt: str = "0.0015") -> Outcome:
    """The day's trades; every frame has time, open, high, low, close, ema10, ema20, rows, of today only."""
    hand = Hand(options, capital, Decimal(stt))
    for bar in index.itertuples():
        hand.fill(bar)
        if not hand.leave(bar):
            hand.enter(bar)
    hand.finish()
    return hand.out


class Hand:
    """What is held, and what is on its way to be bought; filled at opens, decided at closes."""

    def __init__(self, options: Chain, capital: int, stt: Decimal) -> None:
        self.options, self.capital, self.stt = options, capital, stt
        self.out = Outcome()
        self.held: dict[str, Any] | None = None
        self.pending: dict[str, Any] | None = None
        self.squared = False
        self.streak, self.realised = 0, Decimal(0)

    def fill(self, bar: Any) -> None:
        if self.pending is not None:
            row = first_after(self.options[self.pending["key"]], self.pending["signal"], bar.time)
            if row is not None:
                opened = {"entry": price_of(row.open), "entry_time": row.time, "bars": 0, "leaving": None}
                self.held, self.pending = self.pending | opened, None
        if self.held is not None and self.held["leaving"] is not None:
            row = first_after(self.options[self.held["key"]], self.held["leaving"][1], bar.time)
            if row is not None:
                self.settle(price_of(row.open), row.time)

    def leave(self, bar: Any) -> bool:
        """Whether this bar closes the position."""
        due = (bar.time + THREE).strftime("%H:%M:%S") >= "15:20:00" and not self.squared
        if due:
            self.squared, self.pending = True, None
        if self.held is None:
            return False
        self.held["bars"] += 1
        reasons = exits(self.held, bar, self.options) | ({"square_off"} if due else set())
        if self.held["leaving"] is not None or not reasons:
            return False
        reason = min(reasons, key=PRECEDENCE.index)
        since = bar.time.replace(hour=15, minute=20) if reason == "square_off" else bar.time
        self.held["leaving"] = (reason, since)
        return True

    def enter(self, bar: Any) -> None:
        signal = entry(bar)
        if signal is None or self.held is not None or self.pending is not None:
            return
        side, strength = signal
        closes = bar.time + THREE
        spot = bar.close - (175 if closes.strftime("%H:%M") >= "12:00" else 0)
        key = (math.floor(spot / 100 + 0.5) * 100, side)
        self.out.signals.append((bar.time.strftime("%H:%M"), side, key[0], strength))
        reason = refusal(self.out, closes, strength, self.options.get(key), bar.time, self.realised)
        quantity = self.quantity(key, bar.time) if reason is None else 0
        if quantity == 0:
            self.out.refused[reason or "size"] += 1
            return
        self.pending = {"key": key, "side": side, "signal": bar.time, "quantity": quantity}

    def quantity(self, key: tuple[int, str], label: datetime) -> int:
        premium = price_of(last_until(self.options[key], label).close)
        lots = int(Decimal(self.capital) * 2 / 100 / (premium * LOT))
        return LOT * (max(1, lots // 2) if self.streak >= 2 and lots else lots)

    def finish(self) -> None:
        """What no later bar could sell goes at the last close."""
        if self.held is None:
            return
        rows = self.options[self.held["key"]]
        self.held["leaving"] = self.held["leaving"] or ("square_off", rows.time.iloc[-1])
        row = first_after(rows, self.held["leaving"][1], rows.time.iloc[-1])
        if row is not None:
            self.settle(price_of(row.open), row.time)
        else:
            self.settle(price_of(rows.close.iloc[-1]), rows.time.iloc[-1] + THREE)

    def settle(self, price: Decimal, at: datetime) -> None:
        held = self.held or {}
        quantity, bought = held["quantity"], held["entry"]
        charges = leg_charges("BUY", bought, quantity, self.stt) + leg_charges("SELL", price, quantity, self.stt)
        net = (price - bought) * quantity - charges
        trade = {
            "side": held["side"],
            "strike": held["key"][0],
            "quantity": quantity,
            "signal": held["signal"].strftime("%H:%M"),
            "entry": (held["entry_time"].strftime("%H:%M"), float(bought)),
            "exit": (at.strftime("%H:%M"), float(price)),
            "reason": held["leaving"][0],
            "charges": float(charges),
            "net": float(net),
        }
        self.out.trades.append(trade)
        self.streak, self.realised, self.held = (self.streak + 1 if net < 0 else 0), self.realised + net, None


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


def first_after(rows: pd.DataFrame, signal: datetime, until: datetime) -> Any:
    found = rows[(rows.time > signal) & (rows.time <= until)]
    return None if found.empty else found.iloc[0]


def last_until(rows: pd.DataFrame, label: datetime) -> Any:
    found = rows[rows.time <= label]
    return None if found.empty else found.iloc[-1]


def price_of(value: float) -> Decimal:
    return Decimal(str(value))
