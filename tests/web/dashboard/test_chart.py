"""SENSEX candles, averages and fills as options for ECharts."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from muhurat.calendars.calendar import calendar_for
from muhurat.web.dashboard.chart import bar_at, chart
from muhurat.web.decisions import Decisions
from tests.trading.tables import DAY
from tests.web.made import BARS, MadeDesk, lines

SESSION = calendar_for("XBOM", "FO").session(DAY)


def series(options: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in options["series"] if each["name"] == name)
    return dict(found)


def decided(desk: MadeDesk, count: int | None = None) -> Decisions:
    desk.decide(lines()[:count])
    return desk.look().decisions


def test_before_the_first_bar_the_axis_is_the_session_and_a_word_says_why_it_is_empty(desk: MadeDesk) -> None:
    options = chart(desk.look().decisions, SESSION)
    labels = options["xAxis"]["data"]
    assert (labels[0], labels[-1], len(labels)) == ("09:15", "15:39", 129)
    assert options["graphic"][0]["style"]["text"] == "No bar has closed yet."
    assert set(series(options, "SENSEX")["data"]) == {"-"}


def test_a_day_without_a_session_has_the_bars_that_there_are(desk: MadeDesk) -> None:
    options = chart(decided(desk), None)
    assert len(options["xAxis"]["data"]) == BARS


def test_candles_are_open_close_low_high_in_their_places(desk: MadeDesk) -> None:
    options = chart(decided(desk), SESSION)
    candles = series(options, "SENSEX")["data"]
    assert candles[1] == [80000.0, 80030.0, 79995.0, 80035.0]
    assert candles[BARS:] == ["-"] * (129 - BARS)
    assert options["graphic"][0]["style"]["text"] == ""
    assert series(options, "EMA10")["data"][1] == 80030.0
    assert series(options, "EMA20")["data"][1] == 80015.0


def test_a_missing_bar_leaves_a_hole(desk: MadeDesk) -> None:
    desk.decide([line for line in lines() if "T09:21" not in line.get("label", "")])
    candles = series(chart(desk.look().decisions, SESSION), "SENSEX")["data"]
    assert candles[2] == "-"
    assert candles[3] != "-"


def test_fills_are_marked_clear_of_the_candle_and_say_what_they_were(desk: MadeDesk) -> None:
    options = chart(decided(desk), SESSION)
    bought, sold = series(options, "bought"), series(options, "sold")
    assert bought["data"] == [["09:21", 80025.0, "80000 CE ₹100.00"]]
    assert sold["data"] == [["09:27", 80060.0, "80000 CE ₹96.00, premium stop"]]
    assert bought["symbolOffset"][1] > 0 > sold["symbolOffset"][1]


def test_a_fill_belongs_to_the_last_bar_that_began_before_it(desk: MadeDesk) -> None:
    bars = decided(desk).bars
    found = bar_at(bars, "2026-11-19T09:20:59.500000+05:30")
    assert found is not None
    assert found["label"][11:16] == "09:18"
    assert bar_at(bars, "2026-11-19T09:00:00+05:30") is None


def test_a_session_in_two_windows_has_no_bars_between_them() -> None:
    session = calendar_for("XNSE", "FO").session(date(2024, 3, 2))
    assert session is not None
    labels = chart(Decisions(Path("no-such-file")), session)["xAxis"]["data"]
    assert labels[14:16] == ["09:57", "11:30"]
