"""The index, the position, the rules and the trades as the page shows them."""

from __future__ import annotations

import json
from typing import Any

from muhurat.web.dashboard import trading
from tests.trading.tables import CE
from tests.web.made import MadeDesk, at, lines
from tests.web.reading import HOSTILE, harmless, text

HELD: dict[str, Any] = {
    "state": "ACTIVE",
    "position": CE,
    "quantity": 100,
    "entry": 100.0,
    "price": 102.5,
    "unrealised": 250.0,
}


def until(kind: str, number: int = 1) -> list[dict[str, Any]]:
    """What was said up to and with the n-th line of a kind."""
    said = lines()
    indexes = [index for index, line in enumerate(said) if line["kind"] == kind]
    return said[: indexes[number - 1] + 1]


def test_before_the_first_bar_every_panel_says_what_it_waits_for(desk: MadeDesk) -> None:
    shot = desk.look()
    assert text(trading.index_heading(shot)) == "SENSEX · three-minute bars EMA10 EMA20 bought sold"
    assert text(trading.position(shot)) == "Position Flat. The next entry needs a signal on a bar's close."
    assert "three minutes after the open" in text(trading.why(shot))
    assert text(trading.trades(shot)) == "Trades 0 signals today No trade has been closed today."


def test_the_index_is_its_last_tick_with_its_time(desk: MadeDesk) -> None:
    desk.decide(lines())
    desk.clock.at_ns = at("09:31")
    tick = {"SENSEX": {"last_price": 80120.5, "ts": at("09:30:58") // 10**6}}
    (desk.place.run_dir / "live.json").write_text(json.dumps(tick))
    seen = trading.index_heading(desk.look())
    assert "80,120.50 +120.50 (+0.15 %) since the open at 09:30:58" in text(seen)
    assert 'class="quiet">at' in seen
    desk.clock.at_ns = at("09:32")
    assert 'class="wait">at' in trading.index_heading(desk.look())


def test_without_a_tick_of_today_the_index_is_the_last_bars_close(desk: MadeDesk) -> None:
    desk.decide(lines()[:8])
    tick = {"SENSEX": {"last_price": 70000.0, "ts": (at("15:29") - 86_400 * 10**9) // 10**6}}
    (desk.place.run_dir / "live.json").write_text(json.dumps(tick))
    assert "80,030.00 +30.00 (+0.04 %) since the open close of the bar 09:18" in text(
        trading.index_heading(desk.look())
    )


def test_a_held_position_is_told_as_the_trader_sees_it(desk: MadeDesk) -> None:
    desk.decide(until("fill"))
    desk.say("trader", **HELD)
    told = text(trading.position(desk.look()))
    assert told == ("Position before charges 80000 CE +₹250.00 quantity 100 bought ₹100.00 at 09:21:00 now ₹102.50")


def test_what_else_the_trader_knows_is_shown_when_it_says_it(desk: MadeDesk) -> None:
    desk.decide(until("fill"))
    desk.say("trader", **HELD, lot=20, stop=98.0, target=104.0, bars_left=19, lag_s=40.0)
    told = text(trading.position(desk.look()))
    assert "quantity 100 (5 lots)" in told
    assert "now ₹102.50 stale 40 s" in told
    assert "stop ₹98.00 target ₹104.00 bars left 19" in told


def test_a_position_of_a_trader_that_died_is_as_old_as_its_word(desk: MadeDesk) -> None:
    desk.say("trader", **HELD, at_ns=at("09:25:30"))
    desk.put("trader", "backoff")
    assert "as of 09:25:30: the trader does not run" in text(trading.position(desk.look()))
    desk.put("trader", "running")
    desk.say("trader", **HELD, ago_s=15)
    assert "stale: the trader is silent for 1" in text(trading.position(desk.look()))


def test_flat_says_why_the_last_signal_was_refused(desk: MadeDesk) -> None:
    desk.decide(until("refused"))
    assert text(trading.position(desk.look())) == (
        "Position Flat. The last signal, 80000 PE at 09:27, was refused: no premium known."
    )
    desk.decide([{**until("refused")[-1], "reason": "max_trades", "value": "3", "limit": "3"}])
    assert "trades of the day used up (3, limit 3)" in text(trading.position(desk.look()))
    desk.decide(lines()[-1:])
    assert "The session is over." in text(trading.position(desk.look()))


def test_each_entry_rule_is_told_with_value_limit_and_verdict(desk: MadeDesk) -> None:
    desk.clock.at_ns = at("09:18:10")
    desk.decide(until("bar"))
    told = text(trading.why(desk.look()))
    assert told.startswith("Why bar 09:15, ended 10 s ago, judged for a PE no signal rule value limit")
    assert "✓ bars of history 1 ≥ 1" in told
    assert "✗ candle, close − open 0.00 pt < 0" in told
    assert "✓ averages apart 0.00 pt ≤ 10,000.00" in told


def test_exit_rules_ask_for_the_exit_instead_of_allowing_it(desk: MadeDesk) -> None:
    desk.decide(until("bar", 3))
    told = text(trading.why(desk.look()))
    assert "hold exit rule value limit · premium, stop ₹102.00 ≤ 98.00" in told
    assert "✓" not in told
    desk.decide(until("bar", 4)[len(until("bar", 3)) :])
    told = text(trading.why(desk.look()))
    assert "exit: premium stop" in told
    assert "▸ premium, stop ₹96.00 ≤ 98.00" in told


def test_a_bar_on_which_nothing_was_judged_says_so(desk: MadeDesk) -> None:
    bar = {**until("bar")[-1], "rules": [], "verdict": "hold"}
    desk.decide([bar])
    assert "No rule was judged on this bar" in text(trading.why(desk.look()))


def test_trades_are_told_with_their_sum_and_the_refused_signals(desk: MadeDesk) -> None:
    desk.decide(lines())
    told = text(trading.trades(desk.look()))
    assert told.startswith("Trades 2 signals today contract quantity bought at sold at reason charges net 80000 CE")
    assert "100 09:21 :00 ₹100.00 09:27 :00 ₹96.00 premium stop ₹69.04 −₹469.04" in told
    assert told.endswith("1 signal refused: no premium known (1)")
    (trade,) = (line for line in lines() if line["kind"] == "trade")
    desk.decide([{**trade, "net": 1_00_469.04, "modelled": True, "strike": 80100}])
    told = text(trading.trades(desk.look()))
    assert told.index("80100 CE") < told.index("80000 CE"), "the newest comes first"
    assert "modelled" in told
    assert "all ₹138.08 +₹1,00,000.00" in told


def test_whatever_stands_in_a_line_stays_text(desk: MadeDesk) -> None:
    said = [
        {**line, **{key: HOSTILE for key in ("symbol", "reason", "verdict", "side") if key in line}} for line in lines()
    ]
    for line in said:
        for rule in line.get("rules", []):
            rule |= {"name": HOSTILE, "value": HOSTILE, "limit": HOSTILE}
    desk.decide(said[:-1])
    for panel in (trading.index_heading, trading.position, trading.why, trading.trades):
        assert harmless(panel(desk.look()))
    desk.say("trader", **{**HELD, "position": HOSTILE, "entry_time": HOSTILE, "why": HOSTILE})
    assert harmless(trading.position(desk.look()))
