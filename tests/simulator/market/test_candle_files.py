from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from muhurat.simulator.market.candle_files import CandleError, candle_days, candle_files, files_for, read_rows
from tests.simulator.market.candle_samples import TUESDAY, index_rows, option_rows, starts_of, write

HEADER = "open,high,low,close,volume,timestamp,ema10,ema20"
GOOD = "100.05,101.0,99.95,100.5,40,2025-09-02 09:15:00+05:30,1,1"


def file_of(tmp_path: Path, *lines: str, header: str = HEADER) -> Path:
    path = tmp_path / "SENSEX2591180500CE_2025-09-02.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("time_first", [False, True])
def test_both_orders_of_columns_read_alike(tmp_path, time_first):
    rows = option_rows(index_rows(TUESDAY), 80_100.0, call=True)

    read = read_rows(write(tmp_path / "a.csv", rows, time_first=time_first), tick_paise=5)

    assert [(row.start_s, row.volume) for row in read] == [(row[0], row[5]) for row in rows]
    assert [row.open / 100 for row in read] == [row[1] for row in rows]
    assert [row.low / 100 for row in read] == [row[3] for row in rows]


def test_prices_become_exact_paise_even_when_a_float_left_dust(tmp_path):
    path = file_of(tmp_path, "0.35,80412.1500000000001,0.35,0.40,0,2025-09-02T09:15:00+0530,1,1")

    (row,) = read_rows(path, tick_paise=5)

    assert (row.open, row.high, row.close) == (35, 8_041_215, 40)
    assert row.start_s == starts_of(date(2025, 9, 2))[0]


@pytest.mark.parametrize(
    ("line", "column", "problem"),
    [
        ("100,99,99.5,99.2,40,2025-09-02 09:18:00+05:30", "high", "below the low"),
        ("102,101,99,100,40,2025-09-02 09:18:00+05:30", "open", "outside"),
        ("100,101,99,98,40,2025-09-02 09:18:00+05:30", "close", "outside"),
        ("100,101,99,100,40,2025-09-02 09:15:00+05:30", "timestamp", "twice"),
        ("100,101,99,100,40,2025-09-02 09:17:00+05:30", "timestamp", "three-minute"),
        ("100,101,99,100,40,2025-09-02 09:18:00", "timestamp", "offset"),
        ("100,101,99,100,40,yesterday", "timestamp", "no time"),
        ("100,101,99,hundred,40,2025-09-02 09:18:00+05:30", "close", "no number"),
        ("100,nan,99,100,40,2025-09-02 09:18:00+05:30", "high", "no number"),
        ("100,101,-1,100,40,2025-09-02 09:18:00+05:30", "low", "no price"),
        ("100.013,101,99,100,40,2025-09-02 09:18:00+05:30", "open", "paise"),
        ("100.01,101,99,100,40,2025-09-02 09:18:00+05:30", "open", "tick of 0.05"),
        ("100,101,99,100,-1,2025-09-02 09:18:00+05:30", "volume", "units"),
        ("100,101,99,100,1.5,2025-09-02 09:18:00+05:30", "volume", "units"),
        ("100,101,99,100", "timestamp", "no time"),
    ],
)
def test_a_cell_that_cannot_be_is_named_by_file_line_and_column(tmp_path, line, column, problem):
    path = file_of(tmp_path, GOOD, line)

    with pytest.raises(CandleError) as caught:
        read_rows(path, tick_paise=5)

    assert f"{path}, line 3, column {column}:" in str(caught.value)
    assert problem in str(caught.value)


def test_missing_columns_are_named(tmp_path):
    path = file_of(tmp_path, "1,2,3", header="open,high,volume")

    with pytest.raises(CandleError, match="line 1: no column low, close, timestamp or date; found open, high, volume"):
        read_rows(path, tick_paise=5)


def test_an_empty_file_and_a_missing_folder_are_refused(tmp_path):
    (tmp_path / "SENSEX_2025-09-02.csv").write_text("")

    with pytest.raises(CandleError, match="found nothing"):
        read_rows(tmp_path / "SENSEX_2025-09-02.csv", tick_paise=1)
    with pytest.raises(CandleError, match="nowhere"):
        candle_files(tmp_path / "nowhere")


def test_files_are_known_by_their_names(tmp_path):
    for name in (
        "SENSEX_2025-09-01.csv",
        "NIFTY 50_2025-09-02.csv",
        "SENSEX_2025-09-12.csv",
        "notes.csv",
        "x_2025-13-01.csv",
    ):
        (tmp_path / name).write_text(HEADER)

    found = candle_files(tmp_path)

    assert [(file.symbol, str(file.day)) for file in found] == [
        ("NIFTY 50", "2025-09-02"),
        ("SENSEX", "2025-09-01"),
        ("SENSEX", "2025-09-12"),
    ]
    assert candle_days(tmp_path) == (date(2025, 9, 1), date(2025, 9, 12))
    assert len(files_for(found, date(2025, 9, 1), date(2025, 9, 2))) == 2
