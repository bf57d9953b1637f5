"""What a day came to, from a journal, a tick store and decisions made for the test."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from muhurat.capture.backlog import gap_entry
from muhurat.capture.journal import HourPaths, JournalWriter
from muhurat.stores.base import TickStore
from muhurat.stores.parquet import ParquetTickStore
from muhurat.web.day_report import collect
from tests.stores.ticks import ticks
from tests.trading.tables import DAY
from tests.web.made import BARS, FEED, MadeDesk, at, lines
from tests.web.made_jobs import with_jobs

HOUR = f"{DAY:%Y%m%d}_0900"
EVE = date(2026, 11, 18)
HEARTBEAT = b"\x00"


def message(packets: int) -> bytes:
    """A message that announces so many packets of eight bytes."""
    return struct.pack(">H", packets) + struct.pack(">HII", 8, 408065, 8000000) * packets


@contextmanager
def tick_store(desk: MadeDesk) -> Iterator[TickStore]:
    folder = desk.place.data_dir
    with ParquetTickStore(folder / "ticks", desk.clock, universe=folder / "universe") as store:
        yield store


def record(desk: MadeDesk, *, connects: int = 1, gap: bool = False) -> Path:
    """Seven packets in three messages, a heartbeat, and what the recorder noted beside them."""
    folder = desk.place.data_dir / "raw_ticks" / FEED
    desk.clock.at_ns = at("09:16")
    with JournalWriter(folder, FEED, desk.clock, sync_interval_s=None) as writer:
        for number in range(connects):
            writer.control({"event": "connected", "connection": number + 1}, at("09:15"))
        writer.append(
            [(message(3), at("09:15:01"), 0), (HEARTBEAT, at("09:15:02"), 0), (message(3), at("09:15:03"), 0)]
        )
        if gap:
            writer.control(gap_entry(at("09:15:04"), at("09:15:50"), "the recorder was down"), at("09:15:50"))
        writer.append([(message(1), at("09:15:51"), 0)])
    desk.clock.at_ns = at("15:50")
    return folder


def keep(desk: MadeDesk, rows: int = 7) -> None:
    with tick_store(desk) as store:
        store.append("ticks_full", ticks(range(rows), hour=HOUR), feed=FEED)


def report(desk: MadeDesk, day: date = DAY) -> dict[str, Any]:
    with tick_store(desk) as store:
        return collect(desk.place, desk.look(), (FEED,), store, day)


def failing(document: dict[str, Any]) -> list[str]:
    return [check["name"] for check in document["checks"] if not check["ok"]]


@pytest.fixture
def whole(desk: MadeDesk) -> MadeDesk:
    """A day that was recorded, kept and traded without a fault."""
    record(desk)
    keep(desk)
    desk.decide(lines())
    for name in ("recorder", "decode", "trader"):
        for when, state in (("09:05", "starting"), ("09:06", "running"), ("15:45", "waiting")):
            desk.step(when, name, state)
        desk.put(name, "waiting")
    return desk


def test_a_whole_day_is_told_and_sound(whole: MadeDesk) -> None:
    document = report(whole)
    assert document["date"] == "2026-11-19"
    assert document["feeds"] == {
        FEED: {"received": 7, "rows": 7, "gaps": 0, "reconnects": 0, "gap_list": []},
    }
    assert document["bars"] == 2 * BARS
    assert document["index_bars"] == BARS
    assert document["signals"] == 2
    assert document["refused"] == {"option_data": 1}
    assert document["exits"] == {"premium_stop": 1}
    assert (document["charges"], document["pnl"]) == (69.04, -469.04)
    assert document["modelled"] is False
    assert document["trading"]["losses"] == 1
    assert document["trading"]["open_position"] is None
    assert document["services"] == [
        {"name": "web", "state": "running", "restarts": 0},
        {"name": "recorder", "state": "waiting", "restarts": 0},
        {"name": "decode", "state": "waiting", "restarts": 0},
        {"name": "trader", "state": "waiting", "restarts": 0},
    ]
    assert failing(document) == []
    assert document["ok"] is True


def test_a_day_with_a_failing_check_is_not_sound(whole: MadeDesk) -> None:
    whole.decide([{"kind": "session", "day": "2026-11-19", "mode": "test"}])
    document = report(whole)
    assert document["ok"] is not bool(failing(document))


def test_trades_have_the_names_of_the_command_line(whole: MadeDesk) -> None:
    (trade,) = report(whole)["trades"]
    assert list(trade) == [
        *("symbol", "side", "strike", "quantity", "signal_time", "entry_time", "entry_price"),
        *("exit_time", "exit_price", "reason", "charges", "net"),
    ]


def test_what_depends_on_the_machine_is_volatile(whole: MadeDesk) -> None:
    first = report(whole)
    whole.say("decode", feed=FEED, rows=7, receive_lag_p50_since_start_s=9.9, receive_lag_p95_since_start_s=9.9)
    whole.alert("09:20", "noticed late")
    for row in whole.rows:
        row["pid"] = 4711
    whole.supervise()
    second = report(whole)
    volatile, changed = first.pop("volatile"), second.pop("volatile")
    assert first == second
    assert volatile["alerts"] == []
    assert [alert["what"] for alert in changed["alerts"]] == ["noticed late"]
    assert changed["receive_lag"] == {FEED: {"p50_s": 9.9, "p95_s": 9.9}}
    assert set(changed["pids"].values()) == {4711}
    assert changed["records"] == {FEED: 4}


def test_gaps_and_reconnects_are_told_and_spoil_the_day(desk: MadeDesk) -> None:
    record(desk, connects=2, gap=True)
    keep(desk)
    desk.decide(lines())
    document = report(desk)
    facts = document["feeds"][FEED]
    assert (facts["gaps"], facts["reconnects"]) == (1, 1)
    assert facts["gap_list"] == [
        {
            "from": "2026-11-19T09:15:04.000+05:30",
            "to": "2026-11-19T09:15:50.000+05:30",
            "seconds": 46.0,
            "reason": "the recorder was down",
        }
    ]
    assert failing(document) == [f"{FEED} has no gap"]


def test_a_tick_that_was_not_kept_spoils_the_day(desk: MadeDesk) -> None:
    record(desk)
    keep(desk, rows=6)
    desk.decide(lines())
    assert failing(report(desk)) == [f"every packet of {FEED} is in the tick store"]


def test_a_damaged_journal_spoils_the_day(whole: MadeDesk) -> None:
    path = HourPaths(whole.place.data_dir / "raw_ticks" / FEED, FEED, HOUR).bin
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(bytes(data))
    assert failing(report(whole)) == [f"the journal of {FEED} is whole"]


def test_a_session_that_was_not_seen_through_spoils_the_day(desk: MadeDesk) -> None:
    record(desk)
    keep(desk)
    desk.decide(lines()[:-1])
    assert failing(report(desk)) == ["the trader closed its session"]
    desk.decide([{**lines()[-1], "open": "SENSEX26N1980000CE"}])
    assert failing(report(desk)) == ["no position was left open"]


def test_a_trading_day_on_which_nothing_happened_is_not_sound(desk: MadeDesk) -> None:
    assert failing(report(desk)) == [f"{FEED} was recorded", "the trader closed its session"]


def test_a_holiday_on_which_nothing_happened_is_sound(desk: MadeDesk) -> None:
    document = report(desk, date(2026, 11, 21))
    assert failing(document) == []
    assert document["trades"] == []


def test_a_desk_that_does_not_trade_need_not_close_a_session(whole: MadeDesk) -> None:
    whole.decisions.path.unlink()
    whole.place = dataclasses.replace(whole.place, mode="debug")
    assert failing(report(whole)) == []


def test_modelled_prices_are_said_wherever_they_were(whole: MadeDesk) -> None:
    (option_bar, *_) = (line for line in lines() if line["kind"] == "option_bar")
    whole.decide([{**option_bar, "modelled": True}])
    assert report(whole)["modelled"] is True


def test_services_of_a_past_day_are_as_they_ended_it(whole: MadeDesk) -> None:
    for when, state in (
        ("09:05", "starting"),
        ("09:06", "running"),
        ("11:00", "backoff"),
        ("11:01", "starting"),
        ("11:02", "running"),
        ("15:45", "waiting"),
    ):
        whole.step(when, "recorder", state, EVE)
    whole.step("12:00", "trader", "fatal", EVE)
    assert report(whole, EVE)["services"] == [
        {"name": "recorder", "state": "waiting", "restarts": 1},
        {"name": "trader", "state": "fatal", "restarts": 0},
    ]


def test_alerts_of_another_day_are_not_this_days(whole: MadeDesk) -> None:
    whole.alert("10:00", "then", day=EVE)
    whole.alert("10:00", "now")
    assert [alert["what"] for alert in report(whole)["volatile"]["alerts"]] == ["now"]
    assert [alert["what"] for alert in report(whole, EVE)["volatile"]["alerts"]] == ["then"]


def test_the_jobs_of_the_day_that_is_asked_for_are_told(desk: MadeDesk) -> None:
    with with_jobs(desk) as jobs:
        jobs.failed("banned_instruments", "08:00", "08:01", "not published")
        jobs.failed("most_active", "08:00", "08:01", "403")
        desk.clock.at_ns = at("09:31", date(2026, 11, 20))
        with tick_store(desk) as store:
            told = collect(desk.place, desk.look(), (), store, DAY)
    states = {job["name"]: job["status"] for job in told["jobs"]}
    assert (len(states), states["banned_instruments"], states["copy_files"]) == (24, "Failed", "Skipped")
    (check,) = [check for check in told["checks"] if "blocking job" in check["name"]]
    assert not check["ok"]
    assert "Banned instruments failed: not published" in check["detail"]
    assert "Most active" not in check["detail"]
