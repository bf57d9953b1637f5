from __future__ import annotations

from muhurat.trading.report import debug_document, trading_report
from tests.trading.tables import CE, EASY, trade_day

RISE = ["10:00 80000", "10:03 80000 80010 80000 80010", "10:06 80011", "10:09 80012", "10:12 80013"]
WIN = {CE: ["10:03 300", "10:06 300 320 300 312", "10:09 320"]}
LOSS = {CE: ["10:03 300", "10:06 300 300 280 290", "10:09 290"]}


def test_a_day_in_numbers() -> None:
    report = trading_report(trade_day(RISE, WIN))

    assert (report.date, report.mode, report.balance, report.bars, report.option_bars) == (
        "2026-11-19",
        "debug",
        500_000.0,
        5,
        3,
    )
    assert (report.signals, report.wins, report.losses, report.win_rate) == (1, 1, 0, 1.0)
    assert (report.net, report.charges, report.average_net, report.max_drawdown) == (337.85, 62.15, 337.85, 0.0)
    assert (report.exits, report.profit_factor, report.open_position) == ({"premium_target": 1}, None, None)
    assert report.ended
    assert report.as_dict()["trades"][0]["net"] == 337.85


def test_drawdown_and_profit_factor_look_at_the_order_of_trades() -> None:
    win, loss = trade_day(RISE, WIN), trade_day(RISE, LOSS)
    only = [line for line in loss if line["kind"] == "trade"]

    report = trading_report([*win[:-1], *only, *only, win[-1]])

    lost = -only[0]["net"]
    assert (report.wins, report.losses) == (1, 2)
    assert report.max_drawdown == round(2 * lost, 2)
    assert report.profit_factor == 337.85 / (2 * lost)


def test_a_day_without_trades_has_no_rates() -> None:
    report = trading_report(trade_day(["10:00 80000"], {}, EASY))

    assert (report.trades, report.win_rate, report.average_net, report.profit_factor) == ((), None, None, None)
    assert trading_report([]).ended is False


def test_the_explanation_holds_every_bars_rules_and_verdict() -> None:
    document = debug_document(trade_day(RISE, WIN), explain=True)

    assert [bar["label"][11:16] for bar in document["bars"]] == ["10:00", "10:03", "10:06", "10:09", "10:12"]
    assert [bar["verdict"] for bar in document["bars"]][1:3] == ["enter", "exit:premium_target"]
    assert {"label", "o", "h", "l", "c", "ema10", "ema20", "rules", "verdict"} <= set(document["bars"][1])
