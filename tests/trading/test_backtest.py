"""Fills and exits bar by bar, on tables small enough to be done by hand (see `tables.py` for the easy parameters)."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from muhurat.errors import UsageError
from muhurat.trading.parameters import Limits
from muhurat.trading.report import debug_document
from tests.trading.tables import CE, EASY, EVE, PE, bars, of_kind, short, steps, trade_day

OFF = replace(EASY, premium_check="off")
BIG = Limits(paper_capital=Decimal(5_000_000))

# 80,000 then a rise to 80,010: the long average becomes 80,005, the short one is 80,010: a call at strike 80,000.
RISE = ["10:00 80000", "10:03 80000 80010 80000 80010"]
# 80,020 then falls to 80,010: the long average is 80,015: a put.
FALL = ["10:00 80020", "10:03 80020 80020 80010 80010"]
LATER = ["10:06 80011", "10:09 80012", "10:12 80013", "10:15 80014"]


def flat(price: float, labels: list[str]) -> list[str]:
    return [f"{label} {price}" for label in labels]


def trades(lines: list[dict[str, Any]]) -> list[tuple[str, str, float, str, float, str]]:
    return [short(trade) for trade in of_kind(lines, "trade")]


def test_an_entry_fills_at_the_open_of_the_options_first_bar_after_the_signal() -> None:
    option = ["10:03 300", "10:06 301 305 299 304", "10:15 310 310 310 310"]

    lines = trade_day([*RISE, *LATER], {CE: option}, OFF)

    (bought, _) = of_kind(lines, "fill")
    assert (bought["at"][11:16], bought["price"], bought["quantity"]) == ("10:06", 301.0, 20)


def test_a_silent_option_fills_at_its_next_bar_however_late() -> None:
    lines = trade_day([*RISE, *LATER], {CE: ["10:03 300", "10:15 307 310 300 309"]}, OFF)

    assert of_kind(lines, "fill")[0]["at"][11:16] == "10:15"
    assert [line["verdict"] for line in of_kind(lines, "bar")][2:5] == ["entering"] * 3


def test_an_exit_fills_at_the_open_of_the_next_bar_and_the_same_bar_does_not_enter_again() -> None:
    index = [*RISE, "10:06 80020", "10:09 80000 80000 79900 79900", "10:12 79890 79890 79880 79880"]
    options = {CE: ["10:03 300", "10:06 301", "10:09 290", "10:12 280 281 270 271"], PE: ["10:09 200", "10:12 210"]}

    lines = trade_day(index, options, OFF)

    assert trades(lines) == [("CE", "10:06", 301.0, "10:12", 280.0, "ema20_stop")]
    verdicts = {line["label"][11:16]: line["verdict"] for line in of_kind(lines, "bar")}
    assert verdicts["10:09"] == "exit:ema20_stop"
    assert verdicts["10:12"].startswith(("enter", "refused:"))


@pytest.mark.parametrize(("entry", "side", "option", "held"), [(RISE, CE, "CE", 20), (FALL, PE, "PE", 10)])
def test_a_position_is_sold_after_its_longest_time(entry: list[str], side: str, option: str, held: int) -> None:
    """The bar of the entry counts as the first; the index creeps on so that nothing else asks for an exit."""
    step = 1 if option == "CE" else -1
    labels = steps("10:06", 30)
    index = entry + [f"{label} {80_010 + step * (number + 1)}" for number, label in enumerate(labels)]

    lines = trade_day(index, {side: flat(300.0, ["10:03", *labels])}, OFF)

    first = trades(lines)[0]
    assert first == (option, "10:06", 300.0, labels[held], 300.0, "time")


def test_premium_stop_and_target_are_looked_at_when_a_bar_closes_and_fill_at_the_next_open() -> None:
    stop = trade_day([*RISE, *LATER], {CE: ["10:03 300", "10:06 300 300 280 294", "10:09 290", "10:12 1"]})
    target = trade_day([*RISE, *LATER], {CE: ["10:03 300", "10:06 300 320 300 312", "10:09 315", "10:12 1"]})
    neither = trade_day([*RISE, *LATER], {CE: ["10:03 300", "10:06 300 330 280 294.05", "10:09 300", "10:12 300"]})

    assert trades(stop)[0] == ("CE", "10:06", 300.0, "10:09", 290.0, "premium_stop")
    assert trades(target)[0] == ("CE", "10:06", 300.0, "10:09", 315.0, "premium_target")
    assert trades(neither)[0][-1] == "square_off"


@pytest.mark.parametrize(
    ("entry_bar", "next_bar", "leave", "price", "reason"),
    [
        ("10:06 300 300 294 299", "10:09 300", "10:06", 294.0, "premium_stop"),
        ("10:06 300 330 290 299", "10:09 300", "10:06", 294.0, "premium_stop"),
        ("10:06 300 312 299 299", "10:09 300", "10:06", 312.0, "premium_target"),
        ("10:06 300 305 299 299", "10:09 290 295 280 281", "10:09", 290.0, "premium_stop"),
        ("10:06 300 305 299 299", "10:09 320 325 315 316", "10:09", 320.0, "premium_target"),
        ("10:06 300 305 299 299", "10:09 300 313 293 300", "10:09", 294.0, "premium_stop"),
    ],
)
def test_with_tick_a_candle_that_touches_a_level_fills_there_and_then(
    entry_bar: str, next_bar: str, leave: str, price: float, reason: str
) -> None:
    option = ["10:03 300", entry_bar, next_bar, "10:12 300", "10:15 300"]

    lines = trade_day([*RISE, *LATER], {CE: option}, EASY, premium_check="tick")

    assert trades(lines)[0] == ("CE", "10:06", 300.0, leave, price, reason)


def test_with_tick_the_bar_that_closed_a_position_does_not_enter() -> None:
    option = {CE: ["10:03 300", "10:06 300 300 290 291"]}

    lines = trade_day([*RISE, "10:06 80011 80020 80011 80020"], option, EASY, premium_check="tick")

    assert [line["verdict"] for line in of_kind(lines, "bar")][-1] == "refused:closed_this_bar"


CREEP = [f"{label} {80_000 + number}" for number, label in enumerate(steps("15:00", 10))]


def late_day(option: list[str], index: list[str] | None = None, **changed: Any) -> list[dict[str, Any]]:
    """A call bought at 15:03 on a bar that closed at 15:03:00, with entries allowed until then."""
    rise = ["14:57 79990", "15:00 79990 80000 79990 80000"]
    changed = {"last_entry_time": time(15, 3), "afternoon_offset": 0.0, **changed}
    return trade_day([*rise, *(index or CREEP[1:])], {CE: option}, OFF, **changed)


def test_square_off_sells_at_the_options_first_open_after_its_time() -> None:
    lines = late_day(["15:00 300", *flat(300.0, steps("15:03", 6)), "15:21 288 289 287 288", "15:24 200"])

    assert trades(lines) == [("CE", "15:03", 300.0, "15:21", 288.0, "square_off")]
    (line,) = of_kind(lines, "exit")
    assert line["at"] == "2026-11-19T15:20:00+05:30"


def test_square_off_without_a_later_bar_sells_at_the_options_last_close() -> None:
    lines = late_day(["15:00 300", *flat(300.0, steps("15:03", 5)), "15:18 288 292 287 291"])

    assert trades(lines) == [("CE", "15:03", 300.0, "15:21", 291.0, "square_off")]


def test_in_the_bar_of_the_square_off_a_weightier_reason_gives_its_name() -> None:
    fallen = [*CREEP[1:6], "15:18 80005 80005 79000 79000", *CREEP[7:]]

    lines = late_day(["15:00 300", *flat(300.0, steps("15:03", 6)), "15:21 288"], fallen)

    assert trades(lines) == [("CE", "15:03", 300.0, "15:21", 288.0, "ema20_stop")]


def test_a_day_that_breaks_off_ends_flat() -> None:
    lines = trade_day([*RISE, *LATER[:2]], {CE: ["10:03 300", "10:06 300", "10:09 303 304 303 304"]}, OFF)

    assert trades(lines) == [("CE", "10:06", 300.0, "10:12", 304.0, "square_off")]


def test_an_entry_that_finds_no_bar_ends_unfilled_and_counts_as_no_trade() -> None:
    lines = trade_day([*RISE, *LATER], {CE: ["10:03 300"]}, OFF)

    assert of_kind(lines, "fill") == []
    assert [line["reason"] for line in of_kind(lines, "order_ended")] == ["cancelled"]
    assert lines[-1]["trades"] == 0


def test_an_option_without_candles_refuses_the_signal() -> None:
    lines = trade_day([*RISE, *LATER], {}, OFF)

    assert {line["reason"] for line in of_kind(lines, "refused")} == {"option_data"}
    assert of_kind(lines, "refused")[0]["limit"] == CE


def test_an_option_that_has_not_traded_today_has_no_price_yet() -> None:
    rising = [
        f"{label} {80_000 + n} {80_001 + n} {80_000 + n} {80_001 + n}" for n, label in enumerate(steps("10:03", 5))
    ]

    lines = trade_day(["10:00 80000", *rising], {CE: ["10:12 300"]}, OFF)

    assert [line["label"][11:16] for line in of_kind(lines, "refused") if line["reason"] == "option_data"] == [
        *("10:03", "10:06", "10:09"),
    ]


def test_a_premium_needs_twenty_bars_of_its_own_the_previous_sessions_included() -> None:
    params = replace(OFF, premium_confirmation=True, minimum_bars=20)
    history = bars("SENSEX", flat(80_000.0, steps("09:15", 30)), EVE)
    old_option = bars(CE, flat(300.0, steps("09:15", 19)), EVE)
    index = ["10:00 80000", "10:03 80000 80010 80000 80010", *LATER]
    option = {CE: ["10:03 300", "10:06 300", "10:09 300"]}

    refused = trade_day(index, option, params, history=[*history, *old_option[1:]])
    bought = trade_day(index, option, params, history=[*history, *old_option])

    assert of_kind(refused, "refused")[0]["reason"] == "premium_history"
    assert of_kind(bought, "fill")[0]["at"][11:16] == "10:06"


def test_the_third_trade_is_the_last() -> None:
    """Each rise buys, each fall sells: three times, and then no more."""
    lines = trade_day(["10:00 80000", *_zigzag(5)], {CE: flat(300.0, steps("10:00", 25))}, OFF)

    assert len(of_kind(lines, "trade")) == 3
    assert [line["reason"] for line in of_kind(lines, "refused") if line["side"] == "CE"] == ["max_trades"] * 2


def _zigzag(turns: int) -> list[str]:
    rows, label = [], iter(steps("10:03", 4 * turns))
    for _ in range(turns):
        rows += [f"{next(label)} 80000 80040 80000 80040", f"{next(label)} 80041 80041 80041 80041"]
        rows += [f"{next(label)} 80040 80040 79990 79990", f"{next(label)} 79990 79990 79990 79990"]
    return rows


def test_slippage_makes_both_legs_dearer_when_asked_for() -> None:
    option = {CE: ["10:03 300", "10:06 300 300 280 294", "10:09 290"]}

    lines = trade_day([*RISE, *LATER], option, EASY, slippage=Decimal("0.5"))

    assert [fill["price"] for fill in of_kind(lines, "fill")] == [300.5, 289.5]


def test_charges_of_both_legs_are_taken_off() -> None:
    """The design's own example: 20 units at 300 and 320 cost 26.09 + 36.06 since April 2026."""
    option = {CE: ["10:03 300", "10:06 300 320 300 312", "10:09 320"]}

    (trade,) = of_kind(trade_day([*RISE, *LATER], option), "trade")

    assert (trade["charges"], trade["net"], trade["quantity"]) == (62.15, 400 - 62.15, 20)


def test_the_document_of_the_command_line_has_its_fixed_fields() -> None:
    option = {CE: ["10:03 300", "10:06 300 320 300 312", "10:09 320"]}
    document = debug_document(trade_day([*RISE, *LATER], option), explain=False)

    assert list(document) == ["date", "trades", "refused", "net"]
    assert document["trades"][0] == {
        "symbol": CE,
        "side": "CE",
        "strike": 80_000,
        "quantity": 20,
        "signal_time": "2026-11-19T10:03:00+05:30",
        "entry_time": "2026-11-19T10:06:00+05:30",
        "entry_price": 300.0,
        "exit_time": "2026-11-19T10:09:00+05:30",
        "exit_price": 320.0,
        "reason": "premium_target",
        "charges": 62.15,
        "net": 337.85,
    }


def test_a_session_is_not_recorded_over_another(tmp_path: Path) -> None:
    trade_day(RISE, {}, OFF, directory=tmp_path)

    with pytest.raises(UsageError, match="holds a session already"):
        trade_day(RISE, {}, OFF, directory=tmp_path)
