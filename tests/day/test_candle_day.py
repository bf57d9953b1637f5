"""The one real index day, 2025-09-02, through the whole desk: what was captured is what the candles say."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import pytest

from muhurat.calendars.calendar import calendar_for
from muhurat.capture.journal import HourPaths, hours_of, read_entries
from muhurat.capture.journal.format import Record
from muhurat.capture.universe import load_universe, universe_path
from muhurat.clock import ist
from muhurat.model.bar import Bar
from muhurat.trading.bars import BarBuilder
from muhurat.venues.kite.decode import decode_message
from tests.day.conftest import Day, muhurat, run_demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
DAY = date(2025, 9, 2)
FEED = "sensex_desk"
REAL = ("SENSEX", "SENSEX2591180500CE", "SENSEX2591180500PE")
"""The instruments whose candles are real; 125 of each on the day."""


@pytest.fixture(scope="module")
def day(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Day:
    candles = samples / "kite" / "sensex_2025-09"
    folder = tmp_path_factory.mktemp("candles") / "desk"
    return run_demo(folder, "--candles", str(candles), "--speed", "1000")


def candles_of(samples: Path, symbol: str) -> dict[str, tuple[float, ...]]:
    """Open, high, low, close and volume of the day's candles by their label."""
    with (samples / "kite" / "sensex_2025-09" / f"{symbol}_{DAY}.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["timestamp"].startswith(str(DAY))]
    columns = ("open", "high", "low", "close", "volume")
    return {row["timestamp"].replace(" ", "T"): tuple(float(row[name]) for name in columns) for row in rows}


def test_the_day_is_sound_and_takes_the_last_day_with_an_index_file(day: Day) -> None:
    assert day.code == 0, day.output
    assert day.report["date"] == str(DAY)
    assert day.report["index_bars"] == 125


@pytest.mark.parametrize("symbol", REAL)
def test_bars_rebuilt_from_the_captured_bytes_equal_the_source_candles(day: Day, samples: Path, symbol: str) -> None:
    universe = load_universe(universe_path(day.folder / "data" / "universe", FEED, DAY))
    token = universe.instruments[symbol].token
    session = calendar_for("XBOM", "FO").session(DAY)
    assert session is not None
    builder = BarBuilder({token: symbol}, session.windows)
    directory = day.folder / "data" / "raw_ticks" / FEED
    bars: list[Bar] = []
    for hour in hours_of(directory, FEED):
        for record in read_entries(HourPaths(directory, FEED, hour)):
            if isinstance(record, Record):
                while builder.due_ns <= record.ts_recv_ns:
                    bars += builder.close()
                for group in decode_message(record.payload).groups:
                    builder.add(group, record.ts_recv_ns)
    bars += builder.close()  # nothing is sent after the close, so no record ends the last bar
    rebuilt = {
        ist(bar.start_ns).isoformat(): (bar.open, bar.high, bar.low, bar.close, float(bar.volume)) for bar in bars
    }
    expected = candles_of(samples, symbol)
    assert len(expected) == 125
    assert rebuilt == expected


def test_bars_by_sql_on_the_tick_store_equal_the_source_candles(day: Day, samples: Path) -> None:
    """The same by another road, which shares no code with the bar builder: DuckDB over the Parquet files."""
    sql = """
        SELECT symbol, epoch(time_bucket(INTERVAL 3 MINUTE, ts_event)) AS label,
               arg_min(last_price, seq) AS open, max(last_price) AS high, min(last_price) AS low,
               arg_max(last_price, seq) AS close
        FROM ticks_full
        WHERE symbol IN ('SENSEX', 'SENSEX2591180500CE', 'SENSEX2591180500PE')
          AND ts_event >= TIMESTAMP '2025-09-02 03:45:00' AND ts_event < TIMESTAMP '2025-09-02 10:00:00'
        GROUP BY ALL ORDER BY symbol, label
    """
    told = muhurat("ticks", "sql", sql, "--desk", str(day.folder / "desk.yaml"), "--json")
    assert told.returncode == 0, told.stderr
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    for symbol in REAL:
        bars = {
            ist(int(row["label"]) * 10**9).isoformat(): tuple(row[name] for name in ("open", "high", "low", "close"))
            for row in rows
            if row["symbol"] == symbol
        }
        assert bars == {label: values[:4] for label, values in candles_of(samples, symbol).items()}


def test_prices_that_no_market_made_are_marked_wherever_they_appear(day: Day) -> None:
    desk = str(day.folder / "desk.yaml")
    sql = "SELECT symbol, bool_and(modelled) AS made_up, bool_or(modelled) AS some FROM ticks_full GROUP BY symbol"
    told = muhurat("ticks", "sql", sql, "--desk", desk, "--json").stdout
    rows = {row["symbol"]: row for row in map(json.loads, told.splitlines())}
    assert all(not rows[symbol]["some"] for symbol in REAL)
    assert all(row["made_up"] for symbol, row in rows.items() if symbol not in REAL)
    assert day.report["modelled"] is True
    assert not any(trade.get("modelled") for trade in day.report["trades"]), "80500 PE is real"
