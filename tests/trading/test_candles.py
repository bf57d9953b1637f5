from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from muhurat.errors import UsageError
from muhurat.trading.candles import CandleError, read_candles, read_day
from tests.trading.tables import CE, DAY, EVE, INDEX, PE, at

ONE_ORDER = "open,high,low,close,volume,timestamp,ema10,ema20"
OTHER_ORDER = "timestamp,date,open,high,low,close,volume,ema10,ema20"


def write(folder: Path, symbol: str, dated: date, rows: dict[str, str], day: date | None = None) -> None:
    """A file of `HH:MM` -> `open,high,low,close` in the first column order; `day` is that of the rows."""
    lines = [f"{prices},0,{day or dated} {label}:00+05:30,1,1" for label, prices in rows.items()]
    folder.joinpath(f"{symbol}_{dated}.csv").write_text("\n".join([ONE_ORDER, *lines]) + "\n")


FLAT = {"09:15": "5,6,4,5", "09:18": "5,7,5,6"}


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE_ORDER}\n5,7,4,6,820,2026-11-19 09:15:00+05:30,1,1\n",
        f"{OTHER_ORDER}\n2026-11-19 09:15:00+05:30,2026-11-19 09:15:00+05:30,5,7,4,6,820,1,1\n",
        "date,open,high,low,close,volume\n2026-11-19T09:15:00+0530,5,7,4,6,820\n",
        "timestamp,open,high,low,close,volume\n2026-11-19 09:15:00,5.0,7.0,4.0,6.0,820.0\n",
    ],
)
def test_every_order_of_columns_and_spelling_of_time_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(text)

    (bar,) = read_candles(path, CE)

    assert (bar.start_ns, bar.end_ns) == (at("09:15"), at("09:18"))
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (5.0, 7.0, 4.0, 6.0, 820)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,7,4,6,0,2026-11-19 09:15:00+05:30", "candles.csv:2 is no candle: could not convert"),
        ("5,7,4,6,0,yesterday", "candles.csv:2 is no candle: Invalid isoformat"),
        ("5,4,4,6,0,2026-11-19 09:15:00+05:30", "high 4.0"),
        ("5,7,5.5,6,0,2026-11-19 09:15:00+05:30", "low 5.5"),
        ("5,nan,4,6,0,2026-11-19 09:15:00+05:30", "is no candle"),
        ("5,7,4,6,0,2026-11-19 09:16:00+05:30", "09:16:00 does not begin a 3-minute candle"),
        ("5,7,4", "candles.csv:2 is no candle"),
    ],
)
def test_a_row_that_is_no_candle_is_named_with_its_line(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(f"open,high,low,close,volume,timestamp\n{row}\n")

    with pytest.raises(CandleError, match=said):
        read_candles(path, CE)


def test_a_file_without_a_column_says_which(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text("open,high,low,volume,timestamp\n")

    with pytest.raises(CandleError, match="no column close"):
        read_candles(path, CE)


def test_a_day_is_its_bars_the_previous_sessions_and_every_option_that_is_named(tmp_path: Path) -> None:
    older, later = date(2026, 11, 10), date(2026, 11, 20)
    for dated in (older, EVE, DAY, later):
        write(tmp_path, INDEX, dated, FLAT)
    write(tmp_path, CE, EVE, FLAT)
    write(tmp_path, CE, DAY, FLAT)
    write(tmp_path, PE, later, FLAT)
    write(tmp_path, PE, older, FLAT)
    (tmp_path / "notes.txt").touch()

    day = read_day(tmp_path, DAY)

    assert [(bar.symbol, bar.start_ns) for bar in day.history] == [
        (CE, at("09:15", EVE)),
        (INDEX, at("09:15", EVE)),
        (CE, at("09:18", EVE)),
        (INDEX, at("09:18", EVE)),
    ]
    assert {bar.symbol for bar in day.bars} == {CE, INDEX}
    assert day.symbols == (CE, PE)
    assert len(day.of(INDEX)) == 2


def test_an_options_previous_session_may_stand_in_the_days_own_file(tmp_path: Path) -> None:
    write(tmp_path, INDEX, EVE, FLAT)
    write(tmp_path, INDEX, DAY, FLAT)
    write(tmp_path, CE, DAY, FLAT)
    text = tmp_path.joinpath(f"{CE}_{DAY}.csv").read_text().splitlines()
    earlier = [line.replace(str(DAY), str(EVE)) for line in text[1:]]
    tmp_path.joinpath(f"{CE}_{DAY}.csv").write_text("\n".join([text[0], *earlier, *text[1:]]))

    day = read_day(tmp_path, DAY)

    assert [bar.start_ns for bar in day.history if bar.symbol == CE] == [at("09:15", EVE), at("09:18", EVE)]
    assert [bar.start_ns for bar in day.of(CE)] == [at("09:15"), at("09:18")]


def test_the_first_day_of_a_folder_has_no_history(tmp_path: Path) -> None:
    write(tmp_path, INDEX, DAY, FLAT)

    assert read_day(tmp_path, DAY).history == ()


def test_a_day_without_candles_says_which_days_there_are(tmp_path: Path) -> None:
    write(tmp_path, INDEX, DAY, FLAT)

    with pytest.raises(UsageError, match="no SENSEX candles of 2026-11-18") as error:
        read_day(tmp_path, EVE)
    assert error.value.hint == "there are candles of: 2026-11-19"
    with pytest.raises(UsageError, match="no folder"):
        read_day(tmp_path / "absent", DAY)
