"""Paper trading on a recorded journal: fills, timers, recovery, and the same decisions again."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from muhurat.capture.journal.format import Position
from muhurat.capture.journal.reader import JournalReader
from muhurat.clock import NS_PER_S, ManualClock
from muhurat.errors import MuhuratError
from muhurat.heartbeat import read_heartbeats
from muhurat.trading.inputlog import ReplayDifference, read_decisions, read_entries
from muhurat.trading.ledger import Ledger
from muhurat.trading.parameters import Limits
from muhurat.trading.replay import replay
from tests.trading.live import (
    CE_TOKEN,
    FEED,
    INDEX_TOKEN,
    PE_TOKEN,
    Crash,
    Message,
    decode,
    facts,
    from_candles,
    message,
    record,
    tick,
    trade_paper,
)
from tests.trading.tables import CE, DAY, EASY, INDEX, PE, at, bars, of_kind, steps, trade_day

QUIET = replace(EASY, premium_check="off")


def index(label: str, price: float) -> Message:
    return message(at(label) + NS_PER_S // 2, tick(INDEX_TOKEN, price, label))


def option(label: str, price: float, **other: Any) -> Message:
    return message(at(label) + NS_PER_S // 2, tick(CE_TOKEN, price, label, **other))


def heartbeat(label: str) -> Message:
    return message(label)


# The index opens at 80,000 and closes the bar 10:03 at 80,010: a call at 80,000, whose last price then is 300.
RISE = [
    index("10:00:01", 80_000.0),
    option("10:00:05", 299.0),
    heartbeat("10:03:02"),
    index("10:03:10", 80_000.0),
    option("10:05:40", 300.0),
    index("10:05:50", 80_010.0),
]
END = [heartbeat("15:30:02"), heartbeat("15:30:06")]


def run(folder: Path, messages: list[Message], **given: Any) -> list[dict[str, Any]]:
    """Record the messages, trade them on paper, and return what was said."""
    if not (folder / "journal").exists():
        record(folder / "journal", messages)
    trade_paper(folder, given.pop("session", None) or facts(QUIET), **given)
    return list(read_decisions((given.get("out") or folder / "day") / "decisions.jsonl"))


def test_an_entry_is_decided_by_the_record_that_closes_the_bar_and_fills_at_the_ask_after_a_quarter_second(
    tmp_path: Path,
) -> None:
    lines = run(
        tmp_path,
        [
            *RISE,
            message(at("10:06:02") + 100_000_000),
            message(at("10:06:02") + 340_000_000, tick(CE_TOKEN, 301.0, "10:06:01")),
            message(at("10:06:02") + 350_000_000, tick(CE_TOKEN, 302.0, "10:06:02")),
        ],
    )

    (order,), (fill,) = of_kind(lines, "order"), of_kind(lines, "fill")
    assert order["at"] == "2026-11-19T10:06:02.100000+05:30"
    assert (fill["at"], fill["price"]) == ("2026-11-19T10:06:02.350000+05:30", 302.5)


def test_the_square_off_timer_fires_before_the_first_record_that_is_due_and_sells_at_the_bid(tmp_path: Path) -> None:
    lines = run(
        tmp_path,
        [
            *RISE,
            heartbeat("10:06:02"),
            option("10:06:03", 300.0),
            option("15:19:59", 305.0),
            option("15:20:01", 310.0),
            *END,
        ],
    )

    (trade,) = of_kind(lines, "trade")
    assert (trade["exit_time"][11:23], trade["exit_price"], trade["reason"]) == ("15:20:01.500", 309.5, "square_off")
    assert of_kind(lines, "exit")[0]["at"] == "2026-11-19T15:20:00+05:30"
    assert lines[-1]["kind"] == "session_end"


def test_with_tick_the_premium_is_watched_between_bars(tmp_path: Path) -> None:
    messages = [
        *RISE,
        heartbeat("10:06:02"),
        option("10:06:03", 300.0),
        option("10:07:00", 290.0),
        option("10:07:01", 289.0),
    ]

    lines = run(tmp_path, messages, session=facts(EASY_TICK))

    (trade,) = of_kind(lines, "trade")
    assert (trade["exit_time"][11:19], trade["exit_price"], trade["reason"]) == ("10:07:01", 288.5, "premium_stop")


EASY_TICK = replace(EASY, premium_check="tick")


def test_a_position_whose_option_falls_silent_stays_open_and_the_report_says_so(tmp_path: Path) -> None:
    lines = run(tmp_path, [*RISE, heartbeat("10:06:02"), option("10:06:03", 300.0), *END])

    assert lines[-1]["open"] == CE
    assert [line["reason"] for line in of_kind(lines, "order_ended")] == ["expired"]


def test_late_ticks_are_counted_in_the_last_line(tmp_path: Path) -> None:
    lines = run(tmp_path, [*RISE, heartbeat("10:06:02"), message("10:06:03", tick(INDEX_TOKEN, 1.0, "10:05:59")), *END])

    assert lines[-1]["ticks"] == {"applied": 5, "late": 1, "outside": 0}


def busy_day(seed: int) -> list[Message]:
    """A day of zigzags with trades in it, as ticks of index, call and put."""
    chance = random.Random(seed)
    labels, spot, rows = steps("10:00", 100), 80_000.0, []
    for label in labels:
        close = round(spot + chance.uniform(-12, 12), 2)
        rows.append(f"{label} {spot} {max(spot, close) + 1} {min(spot, close) - 1} {close}")
        spot = close
    told = bars(INDEX, rows)
    for symbol in (CE, PE):
        price = 300.0
        for label in labels:
            close = round(price * chance.uniform(0.98, 1.02), 2)
            told += bars(symbol, [f"{label} {price} {max(price, close)} {min(price, close)} {close}"])
            price = close
    tokens = {INDEX: INDEX_TOKEN, CE: CE_TOKEN, PE: PE_TOKEN}
    return [*from_candles(told, tokens), *END]


BUSY = facts(replace(EASY, last_entry_time=time(14, 0)), Limits(max_trades_per_day=8, paper_capital=Decimal(10**6)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A busy day traded without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    lines = run(folder, busy_day(3), session=BUSY)
    assert len(of_kind(lines, "trade")) == 8
    return folder


def open_records(folder: Path) -> Any:
    def opened(place: Position | None) -> JournalReader:
        return JournalReader(folder / "journal", FEED, place)

    return opened


def test_the_recorded_input_replays_to_the_same_bytes(whole: Path) -> None:
    again = replay(whole / "day" / "input.jsonl", decode, open_records(whole))

    assert list(again.lines) == list(read_decisions(whole / "day" / "decisions.jsonl"))
    assert again.entries == len(read_entries(whole / "day" / "input.jsonl"))


def test_decisions_do_not_depend_on_how_records_were_batched(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "journal", tmp_path / "journal")
    for bite in (1, 64, 4096):
        trade_paper(tmp_path, BUSY, bite=bite, out=tmp_path / f"{bite}")

        assert same_decisions(tmp_path / f"{bite}", whole / "day")


@pytest.mark.parametrize("seed", range(6))
def test_a_session_cut_anywhere_and_taken_up_again_ends_in_the_same_bytes(
    whole: Path, tmp_path: Path, seed: int
) -> None:
    """The files as `kill -9` may leave them: both cut at any byte, the input never behind the decisions."""
    chance = random.Random(seed)
    shutil.copytree(whole / "journal", tmp_path / "journal")
    (tmp_path / "day").mkdir()
    log = (whole / "day" / "input.jsonl").read_bytes()
    said = (whole / "day" / "decisions.jsonl").read_bytes()
    facts_end = log.index(b"\n") + 1
    (tmp_path / "day" / "input.jsonl").write_bytes(log[: chance.randrange(facts_end, len(log))])
    (tmp_path / "day" / "decisions.jsonl").write_bytes(said[: chance.randrange(len(said))])

    trade_paper(tmp_path, facts(), bite=chance.choice([1, 7, 300]))

    assert same_decisions(tmp_path / "day", whole / "day")
    replay(tmp_path / "day" / "input.jsonl", decode, open_records(tmp_path))


def test_a_crash_while_handling_a_batch_is_made_good_and_the_ledger_holds_each_trade_once(
    whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole / "journal", tmp_path / "journal")
    for crash_after in (40, 90, 130):
        with Ledger(tmp_path / "ledger.db") as ledger, pytest.raises(Crash):
            trade_paper(tmp_path, BUSY, book=ledger, crash_after=crash_after)
    with Ledger(tmp_path / "ledger.db") as ledger:
        trade_paper(tmp_path, BUSY, book=ledger)
        trades = ledger.trades(DAY)
        session = ledger.session(DAY, "test")
        assert ledger.integrity_check() == []

    assert same_decisions(tmp_path / "day", whole / "day")
    lines = of_kind(list(read_decisions(whole / "day" / "decisions.jsonl")), "trade")
    assert [(trade.id, float(trade.net or 0), trade.reason) for trade in trades] == [
        (line["id"], line["net"], line["reason"]) for line in lines
    ]
    assert session is not None
    assert (session.trade_count, session.total_pnl) == (8, sum((trade.net or Decimal(0)) for trade in trades))


def same_decisions(one: Path, other: Path) -> bool:
    return (one / "decisions.jsonl").read_bytes() == (other / "decisions.jsonl").read_bytes()


def test_another_program_that_decides_otherwise_is_found_out(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "copy")
    path = tmp_path / "copy" / "day" / "decisions.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"verdict":"enter"', b'"verdict":"stand"', 1))

    with pytest.raises(ReplayDifference, match="on file"):
        replay(path.with_name("input.jsonl"), decode, open_records(tmp_path / "copy"))
    with pytest.raises(ReplayDifference):
        trade_paper(tmp_path / "copy", BUSY)


def test_a_decision_too_many_or_too_few_is_found_out(whole: Path, tmp_path: Path) -> None:
    for name, change in (("more", lambda said: said + b"{}\n"), ("less", lambda said: said[: said.rindex(b"{")])):
        shutil.copytree(whole / "day", tmp_path / name)
        path = tmp_path / name / "decisions.jsonl"
        path.write_bytes(change(path.read_bytes()))

        with pytest.raises(ReplayDifference):
            replay(tmp_path / name / "input.jsonl", decode, open_records(whole))


def test_a_journal_that_lost_records_is_no_ground_for_a_replay(whole: Path, tmp_path: Path) -> None:
    record(tmp_path / "journal", busy_day(3)[:50])

    with pytest.raises(MuhuratError, match="the journal does not hold"):
        replay(whole / "day" / "input.jsonl", decode, open_records(tmp_path))


def test_bars_from_ticks_are_decided_like_the_same_bars_from_candles(tmp_path: Path) -> None:
    """Debug and test are one engine: where no fill differs, every bar has the same averages, rules and verdict."""
    rows = [f"{label} 80000 80001 79900 {79_991 - number}" for number, label in enumerate(steps("10:00", 40))]
    tokens = {INDEX: INDEX_TOKEN}

    live = run(tmp_path, [*from_candles(bars(INDEX, rows), tokens), *END])
    candles = trade_day(rows, {}, QUIET)

    assert of_kind(live, "bar") == of_kind(candles, "bar")
    assert of_kind(live, "refused") == of_kind(candles, "refused")


def test_the_disabling_file_closes_the_position_at_once_and_stops_entries_while_it_exists(tmp_path: Path) -> None:
    clock = ManualClock(at("10:06:04"))
    disabled = tmp_path / ".trading_disabled"
    record(tmp_path / "journal", [*RISE, heartbeat("10:06:02"), option("10:06:03", 300.0), option("10:06:05", 299.0)])
    trade_paper(tmp_path, facts(QUIET), bite=8)
    disabled.touch()

    engine = trade_paper(tmp_path, facts(QUIET), bite=8, clock=clock, disabled_file=disabled)

    lines = list(read_decisions(tmp_path / "day" / "decisions.jsonl"))
    assert of_kind(lines, "risk")[0]["state"] == "HALTED"
    assert of_kind(lines, "exit")[0]["reason"] == "halt"
    assert engine.risk.why == ".trading_disabled"

    disabled.unlink()
    assert trade_paper(tmp_path, facts(QUIET), bite=8, clock=clock, disabled_file=disabled).risk.trading == "ACTIVE"
    kinds = [entry["kind"] for entry in read_entries(tmp_path / "day" / "input.jsonl")]
    assert kinds.count("command") == 2


def test_while_the_day_is_not_prepared_positions_are_only_reduced(tmp_path: Path) -> None:
    record(tmp_path / "journal", [*RISE, heartbeat("10:06:02"), option("10:06:03", 300.0), option("10:06:05", 299.0)])
    lacking = "download_banned_instruments failed: the list is of 19-NOV-2026"

    engine = trade_paper(tmp_path, facts(QUIET), bite=8, unprepared=lambda: lacking)

    lines = list(read_decisions(tmp_path / "day" / "decisions.jsonl"))
    assert of_kind(lines, "risk")[0] == of_kind(lines, "risk")[0] | {"state": "REDUCING"}
    assert engine.risk.why == f"day not prepared: {lacking}"
    assert {line["reason"] for line in of_kind(lines, "refused")} == {"reducing"}
    assert not of_kind(lines, "fill")


def test_trading_goes_on_once_the_day_is_prepared_and_says_so(tmp_path: Path) -> None:
    record(tmp_path / "journal", [*RISE, heartbeat("10:06:02"), option("10:06:03", 300.0), option("10:06:05", 299.0)])
    answers = iter(["db_backup failed: disk full", "download_banned_instruments is Pending"])

    engine = trade_paper(tmp_path, facts(QUIET), bite=8, unprepared=lambda: next(answers, None))

    told = of_kind(list(read_decisions(tmp_path / "day" / "decisions.jsonl")), "risk")
    assert [line["state"] for line in told] == ["REDUCING", "REDUCING", "ACTIVE"]
    assert engine.risk.trading == "ACTIVE"
    replay(tmp_path / "day" / "input.jsonl", decode, open_records(tmp_path))


class Silent:
    """A journal that has nothing, while its clock goes on."""

    def __init__(self, clock: ManualClock, stop_at: int) -> None:
        self.clock, self.stop_at = clock, stop_at

    def read_records(self, max_records: int = 1) -> list[Any]:
        if self.clock.now_ns() > self.stop_at:
            raise Crash
        return []

    def wait(self, timeout_s: float) -> bool:
        self.clock.advance(0.4)
        return False

    def close(self) -> None:
        return


def test_on_a_silent_feed_the_clock_fires_the_timer_after_three_seconds_and_that_is_an_input(tmp_path: Path) -> None:
    clock = ManualClock(at("15:19:58"))

    with pytest.raises(Crash):
        trade_paper(tmp_path, facts(), clock=clock, opener=lambda place: Silent(clock, at("15:20:20")))

    (timer,) = [entry for entry in read_entries(tmp_path / "day" / "input.jsonl") if entry["kind"] == "timer"]
    assert at("15:20:03") <= timer["at_ns"] <= at("15:20:05")


def test_a_session_whose_feed_fell_silent_before_its_end_is_ended_when_the_trader_leaves(tmp_path: Path) -> None:
    record(tmp_path / "journal", [*RISE, index("15:29:59", 80_005.0)])

    engine = trade_paper(tmp_path, facts(QUIET), clock=ManualClock(at("15:37:00")))

    lines = list(read_decisions(tmp_path / "day" / "decisions.jsonl"))
    assert engine.ended
    assert [line["label"][11:16] for line in of_kind(lines, "bar")] == ["10:00", "10:03", "15:27"]
    assert lines[-1]["at"] == "2026-11-19T15:30:05+05:30"
    assert list(replay(tmp_path / "day" / "input.jsonl", decode, open_records(tmp_path)).lines) == lines


def test_a_trader_that_leaves_during_the_day_leaves_its_timers_alone(tmp_path: Path) -> None:
    record(tmp_path / "journal", RISE)

    engine = trade_paper(tmp_path, facts(QUIET), clock=ManualClock(at("15:31:00")))

    assert not engine.ended
    assert [entry["kind"] for entry in read_entries(tmp_path / "day" / "input.jsonl")].count("timer") == 0


def test_a_session_ends_by_itself_a_minute_after_its_feed_and_leaves_its_state_in_the_heartbeat(tmp_path: Path) -> None:
    record(tmp_path / "journal", [*RISE, *END])
    clock = ManualClock(at("15:31:10"))

    engine = trade_paper(tmp_path, facts(QUIET), clock=clock, opener=lambda place: Patient(tmp_path, place))

    assert engine.ended
    gauges = read_heartbeats(tmp_path / "run")["trader"]["gauges"]
    assert (gauges["state"], gauges["trades"], gauges["last_bar"]) == ("ACTIVE", 0, "2026-11-19T10:03:00+05:30")


class Patient(JournalReader):
    """A reader that may be waited for without setting any stop."""

    def __init__(self, folder: Path, place: Position | None) -> None:
        super().__init__(folder / "journal", FEED, place)
