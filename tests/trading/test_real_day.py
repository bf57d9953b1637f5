"""The one real index day at hand, 2025-09-02 with 2025-09-01 before it (What must be seen, 2).

The lists below were made by hand from the candles; `oracle.py`, which shares no code with the engine, agrees. Where the
samples are absent the random days of `test_random_days.py` take the same path.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from muhurat.trading.backtest import recorded_session, run_candles
from muhurat.trading.candles import CandleDay, read_day
from muhurat.trading.parameters import Limits, Parameters
from muhurat.trading.replay import replay
from muhurat.trading.report import trading_report
from tests.trading import oracle
from tests.trading.tables import of_kind, short

DAY = date(2025, 9, 2)

# Every bar on which all rules of T3 on the index hold: label, side, strike, strength, what became of it and why.
#
# Until 11:54 the strike is the close to the nearest 100; the bar labelled 11:57 closes at 12:00:00 and is the first
# whose strike is taken 175 points lower (80,661.37 - 175 = 80,486.37, so 80,500). Only strike 80,500 has candles of
# that day. At 09:27 its call cost 600.00: one lot is 20 x 600 = 12,000, more than 2 % of 500,000, so the size is 0;
# the same at 12:33, 12:48, 12:54 and 12:57 with about 745. At 12:00, 12:09 and 13:12 the put cost about 340: one lot.
SIGNALS = [
    ("09:27", "CE", 80_500, 92.54, "refused:size"),
    ("10:24", "CE", 80_700, 82.64, "refused:option_data"),
    ("10:27", "CE", 80_700, 83.75, "refused:option_data"),
    ("10:39", "CE", 80_700, 87.83, "refused:option_data"),
    ("10:42", "CE", 80_700, 91.28, "refused:option_data"),
    ("10:51", "CE", 80_700, 91.76, "refused:option_data"),
    ("10:54", "CE", 80_700, 93.15, "refused:option_data"),
    ("10:57", "CE", 80_700, 92.34, "refused:option_data"),
    ("11:06", "CE", 80_700, 92.32, "refused:option_data"),
    ("11:09", "CE", 80_700, 86.20, "refused:option_data"),
    ("11:30", "CE", 80_700, 89.05, "refused:option_data"),
    ("11:33", "CE", 80_700, 92.35, "refused:option_data"),
    ("11:36", "CE", 80_700, 99.01, "refused:option_data"),
    ("11:39", "CE", 80_700, 98.67, "refused:option_data"),
    ("11:45", "CE", 80_700, 98.35, "refused:option_data"),
    ("11:57", "PE", 80_500, 99.20, "bought"),
    ("12:06", "PE", 80_500, 96.09, "bought"),
    ("12:33", "CE", 80_500, 91.51, "refused:size"),
    ("12:36", "CE", 80_600, 93.94, "refused:option_data"),
    ("12:48", "CE", 80_500, 96.74, "refused:size"),
    ("12:54", "CE", 80_500, 97.05, "refused:size"),
    ("12:57", "CE", 80_500, 96.88, "refused:size"),
    ("13:00", "CE", 80_600, 96.57, "refused:option_data"),
    ("13:09", "PE", 80_500, 95.18, "bought"),
    ("13:18", "PE", 80_400, 90.69, "refused:option_data"),
    ("13:33", "PE", 80_400, 87.59, "refused:option_data"),
    ("13:36", "PE", 80_400, 90.57, "refused:option_data"),
    ("13:39", "PE", 80_300, 86.31, "refused:option_data"),
    ("14:57", "PE", 80_000, 85.80, "refused:option_data"),
    ("15:00", "PE", 80_000, 85.86, "refused:last_entry_time"),
    ("15:15", "PE", 80_000, 90.07, "refused:last_entry_time"),
    ("15:21", "PE", 80_000, 96.25, "refused:last_entry_time"),
    ("15:24", "PE", 80_000, 93.74, "refused:last_entry_time"),
]

# Bars on which all index rules held too, but a put was held, so that no entry was looked for (or, at 13:15, it was
# being sold by that very bar): label and verdict.
WHILE_HOLDING = {"12:09": "hold", "12:15": "hold", "12:18": "hold", "13:15": "exit:premium_stop"}

# 1. Bought at the open of the put's 12:00 bar. The bar 12:03 closed at 80,680.50, above EMA20 80,679.69: the trend has
#    turned against the put. Sold at the open of 12:06: -2.65 x 20 - 59.58.
# 2. Bought at the open of 12:09. At the close of 12:24 the put was worth 327.70, not more than 337.95 - 2 % = 331.191.
#    That bar closed above EMA20 as well (80,693.20 against 80,667.62): the premium stop is the weightier.
# 3. Bought at the open of 13:12. At the close of 13:15 it was worth 335.15, not more than 342.25 - 2 % = 335.405.
TRADES = [
    ("PE", "12:00", 338.15, "12:06", 335.50, "ema20_stop"),
    ("PE", "12:09", 337.95, "12:27", 327.70, "premium_stop"),
    ("PE", "13:12", 342.25, "13:18", 335.15, "premium_stop"),
]
CHARGES = [59.58, 59.52, 59.62]
NETS = [-112.58, -264.52, -201.62]


@pytest.fixture(scope="module")
def folder(samples: Path) -> Path:
    return samples / "kite" / "sensex_2025-09"


@pytest.fixture(scope="module")
def candles(folder: Path) -> CandleDay:
    return read_day(folder, DAY)


def run(candles: CandleDay, *, model: bool = False, **limits: Any) -> list[dict[str, Any]]:
    return run_candles(*recorded_session(candles, Parameters(), Limits(**limits), model=model))


def frame(path: Path) -> pd.DataFrame:
    rows = pd.read_csv(path)
    return rows.assign(time=pd.to_datetime(rows.timestamp))[["time", "open", "high", "low", "close"]]


def test_the_columns_of_every_file_are_the_averages_of_its_own_rows(folder: Path) -> None:
    for path in sorted(folder.glob("*.csv")):
        rows = pd.read_csv(path)
        for span in (10, 20):
            own = rows.close.ewm(span=span, adjust=False).mean()
            assert (own - rows[f"ema{span}"]).abs().max() < 1e-6, path.name


def test_the_traders_averages_run_over_both_sessions(folder: Path, candles: CandleDay) -> None:
    both = pd.concat([frame(folder / f"SENSEX_2025-09-{day:02d}.csv") for day in (1, 2)])
    expected = both.close.ewm(span=10, adjust=False).mean()[-125:], both.close.ewm(span=20, adjust=False).mean()[-125:]

    told = of_kind(run(candles), "bar")

    assert [line["ema10"] for line in told] == expected[0].tolist()
    assert [line["ema20"] for line in told] == expected[1].tolist()


def test_the_days_signals_are_these_and_each_has_its_reason(candles: CandleDay) -> None:
    lines = run(candles)
    refused = {line["label"]: line["reason"] for line in of_kind(lines, "refused")}

    told = [
        (
            line["label"][11:16],
            line["side"],
            line["strike"],
            round(line["strength"], 2),
            f"refused:{refused[line['label']]}" if line["label"] in refused else "bought",
        )
        for line in of_kind(lines, "signal")
    ]

    assert told == SIGNALS
    verdicts = {line["label"][11:16]: line["verdict"] for line in of_kind(lines, "bar")}
    assert [verdicts[label].replace("enter", "bought") for label, *_ in SIGNALS] == [each[-1] for each in SIGNALS]


def test_signals_while_a_position_is_held_are_not_followed(candles: CandleDay) -> None:
    verdicts = {line["label"][11:16]: line["verdict"] for line in of_kind(run(candles), "bar")}

    assert {label: verdicts[label] for label in WHILE_HOLDING} == WHILE_HOLDING


def test_the_days_trades_are_these(candles: CandleDay) -> None:
    lines = run(candles)
    report = trading_report(lines)

    assert [short(trade) for trade in report.trades] == TRADES
    assert [trade["charges"] for trade in report.trades] == CHARGES
    assert [trade["net"] for trade in report.trades] == NETS
    assert {trade["symbol"] for trade in report.trades} == {"SENSEX2591180500PE"}
    assert (report.net, report.charges, report.bars) == (-578.72, 178.72, 125)
    assert report.refused == {"last_entry_time": 4, "option_data": 21, "size": 5}
    assert report.exits == {"ema20_stop": 1, "premium_stop": 2}


def test_the_first_signal_of_a_trade_explains_itself(candles: CandleDay) -> None:
    """The bar 11:57: open 80,678.98, high 80,684.67, close 80,661.37; EMA10 80,678.46, EMA20 80,680.48."""
    (line,) = [line for line in of_kind(run(candles), "bar") if line["label"][11:16] == "11:57"]
    rules = {rule["name"]: (rule["value"], rule["limit"], rule["ok"]) for rule in line["rules"]}

    assert line["verdict"] == "enter"
    assert rules["bars"] == (180, 20, True)
    assert rules["candle"] == (pytest.approx(-17.61), "< 0", True)
    assert rules["trend"] == (pytest.approx(-2.02, abs=0.005), "< 0", True)
    assert rules["tightness"] == (pytest.approx(2.02, abs=0.005), 51.0, True)
    assert rules["proximity"] == (pytest.approx(0.52, abs=0.005), 21.0, True)
    assert rules["signal_strength"] == (pytest.approx(99.20, abs=0.005), 80.0, True)
    assert rules["last_entry_time"] == ("12:00:00", "15:00:00", True)
    assert rules["option_data"] == (338.15, "SENSEX2591180500PE", True)
    assert rules["premium_history"] == (180, 20, True)
    assert rules["premium_deviation"] == (pytest.approx(1.29, abs=0.005), 15.0, True)


def oracle_day(folder: Path, capital: int) -> oracle.Outcome:
    index = oracle.with_averages(frame(folder / "SENSEX_2025-09-01.csv"), frame(folder / "SENSEX_2025-09-02.csv"))
    options = {}
    for side in ("CE", "PE"):
        rows = frame(folder / f"SENSEX2591180500{side}_2025-09-02.csv")
        earlier = rows.time.dt.day == 1
        options[80_500, side] = oracle.with_averages(rows[earlier], rows[~earlier])
    return oracle.trade_by_hand(index, options, capital=capital, stt="0.001")


@pytest.mark.parametrize("capital", [500_000, 1_000_000, 5_000_000])
def test_a_second_reading_of_the_rules_finds_the_same_day(folder: Path, candles: CandleDay, capital: int) -> None:
    lines = run(candles, paper_capital=oracle.Decimal(capital))
    expected = oracle_day(folder, capital)

    signals = [(line["label"][11:16], line["side"], line["strike"]) for line in of_kind(lines, "signal")]
    report = trading_report(lines)
    assert signals == [signal[:3] for signal in expected.signals]
    assert report.refused == dict(expected.refused)
    assert [
        {
            "side": trade["side"],
            "strike": trade["strike"],
            "quantity": trade["quantity"],
            "signal": trade["signal_time"][11:16],
            "entry": (trade["entry_time"][11:16], trade["entry_price"]),
            "exit": (trade["exit_time"][11:16], trade["exit_price"]),
            "reason": trade["reason"],
            "charges": trade["charges"],
            "net": trade["net"],
        }
        for trade in report.trades
    ] == expected.trades


def test_with_missing_options_modelled_every_signal_finds_a_price_and_says_that_it_is_no_markets(
    candles: CandleDay,
) -> None:
    lines = run(candles, model=True)
    report = trading_report(lines)

    assert "option_data" not in report.refused
    assert [line["premium"] for line in of_kind(lines, "signal")].count(None) == 0
    assert [short(trade) for trade in report.trades] == TRADES
    assert report.refused["max_trades"] == 4
    assert {line["modelled"] for line in of_kind(lines, "option_bar") if "80500" in line["symbol"]} == {False}
    assert {line["modelled"] for line in of_kind(lines, "option_bar") if "80700" in line["symbol"]} == {True}


def test_with_more_money_and_trades_a_modelled_option_is_traded_and_marked(candles: CandleDay) -> None:
    report = trading_report(run(candles, model=True, paper_capital=oracle.Decimal(2_000_000), max_trades_per_day=20))

    modelled = [trade for trade in report.trades if trade.get("modelled")]
    assert len(modelled) == report.modelled_trades > 0
    assert all("80500" not in trade["symbol"] for trade in modelled)
    assert all("modelled" not in trade for trade in report.trades if "80500" in trade["symbol"])


def test_the_recorded_day_replays_byte_for_byte(candles: CandleDay, tmp_path: Path) -> None:
    lines = run_candles(*recorded_session(candles, Parameters(), Limits()), tmp_path)

    assert list(replay(tmp_path / "input.jsonl").lines) == lines
