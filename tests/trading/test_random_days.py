"""Days made up at random: the engine against the plain second reading of the rules, and what must hold on any day."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, time
from decimal import Decimal
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muhurat.clock import ist
from muhurat.model.bar import Bar
from muhurat.model.money import to_paise
from muhurat.trading.backtest import recorded_session, run_candles
from muhurat.trading.modelled import modelled_bar
from muhurat.trading.parameters import Limits, Parameters
from muhurat.trading.recorded import read_symbol
from muhurat.trading.report import trading_report
from tests.trading import oracle
from tests.trading.tables import BAR_NS, DAY, EVE, INDEX, at, candle_day, of_kind

STRIKES = range(79_000, 81_100, 100)
SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def walk(chance: random.Random, day: Any, spot: float) -> list[Bar]:
    """A session of the index that drifts, turns and stands still."""
    made, drift = [], 0.0
    for number in range(125):
        drift = chance.uniform(-9, 9) if number % 12 == 0 else drift
        points = [spot + sum(chance.gauss(drift / 4, 6) for _ in range(step)) for step in (0, 1, 2, 3)]
        prices = [round(each, 2) for each in points]
        start_ns = at("09:15", day) + number * BAR_NS
        made.append(Bar(INDEX, start_ns, start_ns + BAR_NS, prices[0], max(prices), min(prices), prices[-1], 0))
        spot = points[-1]
    return made


def random_day(seed: int) -> tuple[list[Bar], list[Bar]]:
    """History and today: the index and every option, each option silent for a bar now and then or altogether."""
    chance = random.Random(seed)
    yesterday = walk(chance, EVE, 80_000.0)
    today = walk(chance, DAY, yesterday[-1].close)
    bars = [*yesterday, *today]
    model = replace(Parameters(), model_volatility_percent=chance.choice([6.0, 12.0]))
    for strike in STRIKES:
        for side in ("CE", "PE"):
            if chance.random() < 0.1:
                continue
            contract = read_symbol(f"SENSEX26N26{strike}{side}", INDEX, 20)
            assert contract is not None
            told = [modelled_bar(contract, bar, model) for bar in (*yesterday, *today) if chance.random() > 0.05]
            bars += [replace(bar, modelled=False) for bar in told]
    first = today[0].start_ns
    return [bar for bar in bars if bar.start_ns < first], [bar for bar in bars if bar.start_ns >= first]


def run(seed: int, parameters: Parameters, limits: Limits) -> list[dict[str, Any]]:
    history, today = random_day(seed)
    symbols = sorted({bar.symbol for bar in (*history, *today)} - {INDEX})
    return run_candles(*recorded_session(candle_day(today, history, symbols), parameters, limits))


def frame(bars: list[Bar], symbol: str) -> pd.DataFrame:
    rows: list[tuple[datetime, float, float, float, float]] = [
        (ist(bar.start_ns), bar.open, bar.high, bar.low, bar.close) for bar in bars if bar.symbol == symbol
    ]
    return pd.DataFrame(rows, columns=["time", "open", "high", "low", "close"])


@FEW
@given(SEEDS, st.sampled_from([500_000, 3_000_000]))
def test_the_engine_trades_as_a_second_reading_of_the_rules(seed: int, capital: int) -> None:
    lines = run(seed, Parameters(), Limits(paper_capital=Decimal(capital)))
    history, today = random_day(seed)
    options = {
        (strike, side): oracle.with_averages(frame(history, name), frame(today, name))
        for strike in STRIKES
        for side in ("CE", "PE")
        if any(bar.symbol == (name := f"SENSEX26N26{strike}{side}") for bar in today)
    }
    index = oracle.with_averages(frame(history, INDEX), frame(today, INDEX))
    expected = oracle.trade_by_hand(index, options, capital=capital)

    report = trading_report(lines)
    assert report.refused == dict(expected.refused)
    assert [
        (
            trade["side"],
            trade["strike"],
            trade["quantity"],
            trade["signal_time"][11:16],
            (trade["entry_time"][11:16], trade["entry_price"]),
            (trade["exit_time"][11:16], trade["exit_price"]),
            trade["reason"],
            trade["charges"],
            trade["net"],
        )
        for trade in report.trades
    ] == [tuple(trade.values()) for trade in expected.trades]


EAGER = Parameters(
    min_signal_strength=0.0,
    ema_tightness_threshold=500.0,
    proximity_threshold=100.0,
    premium_deviation_threshold=500.0,
)

BIG = Limits(paper_capital=Decimal(4_000_000))


@FEW
@given(
    SEEDS,
    st.sampled_from(["bar_close", "tick", "off"]),
    st.integers(0, 6),
    st.integers(500, 30_000),
    st.sampled_from(["15:00", "12:30"]),
)
def test_on_any_day_limits_hold_and_the_money_adds_up(
    seed: int, check: Any, most_trades: int, most_loss: int, last_entry: str
) -> None:
    parameters = replace(EAGER, premium_check=check, last_entry_time=time.fromisoformat(last_entry))
    limits = replace(BIG, max_trades_per_day=most_trades, max_daily_loss=Decimal(most_loss))

    lines = run(seed, parameters, limits)

    trades, fills = of_kind(lines, "trade"), of_kind(lines, "fill")
    assert len(trades) <= most_trades
    assert {trade["signal_time"][11:16] < last_entry for trade in trades} <= {True}
    assert lines[-1]["kind"] == "session_end"
    assert lines[-1]["open"] is None
    held, cash, realised = 0, 0, 0
    for line in lines:
        if line["kind"] == "order" and line["purpose"] == "entry":
            assert held == 0
            assert realised > -most_loss * 100
            assert line["quantity"] * line["reference"] <= 80_000
        elif line["kind"] == "fill":
            sign = 1 if line["action"] == "BUY" else -1
            held += sign * line["quantity"]
            cash -= sign * line["quantity"] * to_paise(line["price"])
            assert held >= 0
        elif line["kind"] == "trade":
            realised += to_paise(line["net"])
            assert held == 0
    charges = sum(to_paise(trade["charges"]) for trade in trades)
    assert cash - charges == realised == to_paise(lines[-1]["net"])
    assert len(fills) == 2 * len(trades)
