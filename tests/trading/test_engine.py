"""What candles and ticks alone do not show: commands, the day's limits across trades, and what the ledger is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from muhurat.errors import MuhuratError
from muhurat.trading.account import NoBook
from muhurat.trading.backtest import recorded_session
from muhurat.trading.engine import Engine
from muhurat.trading.ledger import Ledger
from muhurat.trading.parameters import Limits
from muhurat.trading.simulated import broker_named
from tests.trading.tables import CE, DAY, EASY, INDEX, at, bars, candle_day, of_kind, steps

LABELS = steps("10:00", 40)
SAW = [
    f"{label} 80000 80040 80000 80040" if number % 4 == 1 else f"{label} 80040 80040 79990 79990"
    for number, label in enumerate(LABELS)
]


def engine_on(
    option: Sequence[str], limits: Limits | None = None, book: Any = None, **changed: Any
) -> tuple[Engine, list[dict[str, Any]], list[Any]]:
    """An engine on a saw-tooth day that buys on a rise and sells on the fall after it; its lines and its candles."""
    told = [*bars(INDEX, SAW), *bars(CE, option)]
    facts, ordered = recorded_session(candle_day(told), replace(EASY, **changed), limits or Limits())
    lines: list[dict[str, Any]] = []
    engine = Engine(facts, broker_named("candles", facts.parameters), book or NoBook(), lines.append)
    engine.start()
    return engine, lines, ordered


def falling(step: float) -> list[str]:
    """An option whose every trade (bought at a bar's open, sold at the next but one) loses."""
    return [f"{label} {300 - step * number}" for number, label in enumerate(LABELS)]


def test_a_halt_sells_at_once_and_nothing_is_bought_until_trading_is_resumed() -> None:
    engine, lines, candles = engine_on(falling(0.0), premium_check="off")
    for bar in candles:
        if bar.start_ns == at("10:06") and bar.symbol == INDEX:
            engine.on_command("halt", "by hand", at("10:07"))
        if bar.start_ns == at("10:33") and bar.symbol == INDEX:
            engine.on_command("resume", "by hand", at("10:34"))
        engine.on_candle(bar)
    engine.on_timer(engine.facts.end_ns)

    first = of_kind(lines, "trade")[0]
    assert (first["entry_time"][11:16], first["exit_time"][11:16], first["reason"]) == ("10:06", "10:09", "halt")
    refused = [line["label"][11:16] for line in of_kind(lines, "refused") if line["reason"] == "halted"]
    assert refused == ["10:15", "10:27"]
    assert of_kind(lines, "trade")[1]["entry_time"][11:16] == "10:42"
    assert [line["state"] for line in of_kind(lines, "risk")] == ["HALTED", "ACTIVE"]


def test_reducing_lets_a_position_end_by_its_own_rules() -> None:
    engine, lines, candles = engine_on(falling(0.0), premium_check="off")
    for bar in candles:
        engine.on_candle(bar)
        if bar.start_ns == at("10:06") and bar.symbol == INDEX:
            engine.on_command("reduce", "by hand", at("10:09"))

    assert [trade["reason"] for trade in of_kind(lines, "trade")] == ["ema20_stop"]
    assert {line["reason"] for line in of_kind(lines, "refused") if line["side"] == "CE"} == {"reducing"}


def test_a_halt_takes_back_an_entry_that_has_not_filled() -> None:
    engine, lines, candles = engine_on(["10:03 300"])
    for bar in candles[:4]:
        engine.on_candle(bar)
    engine.on_command("halt", "by hand", at("10:07"))

    assert [line["reason"] for line in of_kind(lines, "order_ended")] == ["cancelled"]
    assert engine.account.working == {}
    assert not engine.state.entering


def test_an_unknown_command_is_refused_by_name() -> None:
    engine, _, _ = engine_on([])

    with pytest.raises(MuhuratError, match="unknown command 'stop'"):
        engine.on_command("stop", "", 0)


def test_the_daily_loss_warns_at_four_fifths_and_then_ends_entries_for_the_day() -> None:
    """Each trade loses 5 x 20 and about 60 of charges: 160 of 200 is the warning, the second trade the end."""
    engine, lines, candles = engine_on(
        falling(5.0), Limits(max_daily_loss=Decimal(200), max_trades_per_day=9), premium_check="off"
    )
    for bar in candles:
        engine.on_candle(bar)

    risk = [(line["state"], line["reason"]) for line in of_kind(lines, "risk")]
    assert risk == [("ACTIVE", "daily_loss_near"), ("REDUCING", "daily_loss")]
    assert len(of_kind(lines, "trade")) == 2
    assert [line["reason"] for line in of_kind(lines, "refused") if line["side"] == "CE"][-1] == "daily_loss"

    engine.on_command("resume", "by hand", at("12:30"))
    assert engine.risk.trading == "REDUCING"


def test_after_two_losses_the_size_is_halved() -> None:
    _, lines, candles = made = engine_on(
        falling(1.0), Limits(paper_capital=Decimal(1_300_000), max_trades_per_day=9), premium_check="off"
    )
    for bar in candles:
        made[0].on_candle(bar)

    assert [line["quantity"] for line in of_kind(lines, "order") if line["purpose"] == "entry"][:4] == [80, 80, 40, 40]


def test_the_ledger_holds_every_trade_event_and_the_sums_of_the_session(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        engine, lines, candles = engine_on(falling(1.0), book=ledger, premium_check="off")
        for bar in candles:
            engine.on_candle(bar)
        engine.on_timer(engine.facts.end_ns)

        session = ledger.session(DAY, "debug")
        assert session is not None
        assert session.total_pnl == Decimal(str(lines[-1]["net"]))
        assert [trade.reason for trade in ledger.trades(DAY)] == [line["reason"] for line in of_kind(lines, "trade")]
        kinds = [event.kind for event in ledger.events(session.id)]
        assert kinds == [
            line["kind"] for line in lines if line["kind"] not in {"session", "bar", "option_bar", "watch"}
        ]
        assert ledger.integrity_check() == []


def test_the_watched_strikes_follow_the_index_and_keep_what_was_traded() -> None:
    engine, lines, candles = engine_on(falling(0.0), premium_check="off")
    for bar in candles[:9]:
        engine.on_candle(bar)
    moved = bars(INDEX, ["12:00 80700 80700 80650 80660", "12:03 80660 80700 80640 80650"])
    for bar in moved:
        engine.on_candle(bar)

    watches = of_kind(lines, "watch")
    assert [line["centre"] for line in watches] == [80_000, 80_700]
    assert watches[-1]["symbols"] == [CE]
