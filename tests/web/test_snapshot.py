"""The desk at one moment: the session's words, whose gauges count, and when data are stale."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from muhurat.clock import NS_PER_S
from tests.web.made import BARS, FEED, MadeDesk, at, lines


@pytest.mark.parametrize(
    ("day", "when", "told"),
    [
        ("2026-11-20", "09:07:12", "F&O closed · opens in 7 m 48 s"),
        ("2026-11-20", "09:15", "F&O open · closes in 6 h 25 m"),
        ("2026-11-20", "15:39:30", "F&O open · closes in 30 s"),
        ("2026-11-20", "15:40", "F&O closed · opens Mon 23 Nov 09:15"),
        ("2026-11-21", "11:00", "F&O closed (weekend) · opens Mon 23 Nov 09:15"),
        ("2025-10-02", "11:00", "F&O closed (Mahatma Gandhi Jayanti, Dussehra) · opens Fri 03 Oct 09:15"),
        ("2025-10-21", "13:00", "F&O muhurat session closed · opens in 45 m 0 s"),
        ("2024-03-02", "10:30", "F&O dr_test session closed · opens in 1 h 0 m"),
        ("2026-12-31", "16:00", "F&O closed · the next opening is not in the calendar"),
        ("2027-01-04", "10:00", "F&O hours unknown: "),
    ],
)
def test_the_session_is_told_with_the_time_to_its_next_edge(tmp_path: Path, day: str, when: str, told: str) -> None:
    line = MadeDesk(tmp_path, when, date.fromisoformat(day)).look().session_line
    assert line.startswith(told)


def test_a_folder_in_which_nothing_ever_ran_can_be_looked_at(tmp_path: Path) -> None:
    shot = MadeDesk(tmp_path).look()
    assert shot.status["services"] == []
    assert shot.trading_state == ("OFF", "")
    assert (shot.trader, shot.decoders, shot.live, shot.alerts, shot.history) == ({}, {}, {}, [], [])


def test_gauges_of_another_day_do_not_count(desk: MadeDesk) -> None:
    yesterday = at("15:30") - 86_400 * NS_PER_S
    desk.say("trader", at_ns=yesterday, state="HALTED", position="SENSEX")
    desk.say("decode", at_ns=yesterday, feed=FEED, rows=1)
    shot = desk.look()
    assert shot.trader == {}
    assert shot.decoders == {}
    assert shot.trading_state == ("ACTIVE", "")


def test_each_feeds_decoder_is_known_by_its_feed(desk: MadeDesk) -> None:
    desk.say("decode_other", feed="other", rows=5)
    assert {feed: gauges["rows"] for feed, gauges in desk.look().decoders.items()} == {FEED: 900, "other": 5}


def test_only_todays_alerts_are_shown(desk: MadeDesk) -> None:
    desk.alert("10:00", "old", day=date(2026, 11, 18))
    desk.alert("09:30", "new")
    assert [alert["what"] for alert in desk.look().alerts] == ["new"]


def test_the_trading_state_is_the_traders_while_it_runs(desk: MadeDesk) -> None:
    desk.say("trader", state="REDUCING", why="daily_loss", ended=False)
    assert desk.look().trading_state == ("REDUCING", "daily_loss")
    desk.say("trader", state="ACTIVE", why="", ended=True)
    assert desk.look().trading_state == ("OVER", "")
    desk.put("trader", "fatal")
    assert desk.look().trading_state == ("OFF", "")


def test_the_last_tick_of_each_instrument_is_read(desk: MadeDesk) -> None:
    (desk.place.run_dir / "live.json").write_text('{"SENSEX": {"last_price": 80000.5, "ts": 1}}')
    assert desk.look().live["SENSEX"]["last_price"] == 80000.5


@pytest.mark.parametrize(
    ("when", "last", "stale"),
    [
        ("10:00:00", "09:59:54", None),
        ("10:00:00", "09:59:52", 8.0),
        ("09:15:05", "09:05:00", None),  # before the open nothing was to come
        ("09:15:08", "09:05:00", 8.0),
        ("09:15:08", None, 8.0),  # nothing at all
        ("09:14:00", "09:05:00", None),
        ("15:45:00", "15:39:59", None),
    ],
)
def test_data_are_stale_after_seven_seconds_of_an_open_session(
    tmp_path: Path, when: str, last: str | None, stale: float | None
) -> None:
    desk = MadeDesk(tmp_path, when)
    desk.run(last_data_ns=at(last) if last else 0)
    shot = desk.look()
    assert shot.stale_s(shot.status["feeds"][FEED]) == stale


def test_a_rehearsal_is_given_half_a_real_second_however_fast_it_is(tmp_path: Path) -> None:
    desk = MadeDesk(tmp_path, "10:01:00")
    desk.clock.speed = 150.0
    desk.run(last_data_ns=at("10:00:00"))
    shot = desk.look()
    assert shot.stale_s(shot.status["feeds"][FEED]) is None
    desk.clock.speed = 100.0
    shot = desk.look()
    assert shot.stale_s(shot.status["feeds"][FEED]) == 60.0


def test_staleness_is_that_of_the_recorders_last_word_until_it_falls_silent(tmp_path: Path) -> None:
    desk = MadeDesk(tmp_path, "10:00:00")
    desk.run(last_data_ns=at("09:59:59"))
    desk.clock.at_ns = at("10:00:30")  # in a rehearsal the recorder speaks once in many desk seconds
    shot = desk.look()
    assert shot.age_s(shot.status["feeds"][FEED]) == 1.0
    assert shot.stale_s(shot.status["feeds"][FEED]) is None
    desk.say("recorder", ago_s=6, at_ns=at("10:00:00"), feeds=shot.status["feeds"])
    shot = desk.look()
    assert shot.stale_s(shot.status["feeds"][FEED]) == 31.0


def test_a_service_that_says_nothing_for_long_is_silent(desk: MadeDesk) -> None:
    desk.say("trader", ago_s=2)
    assert desk.look().silent_s("trader") is None
    desk.say("trader", ago_s=9)
    assert desk.look().silent_s("trader") == pytest.approx(9, abs=2)
    assert desk.look().silent_s("nobody") is None


def test_decisions_are_followed_from_look_to_look(desk: MadeDesk) -> None:
    said = lines()
    desk.decide(said[:4])
    assert len(desk.look().decisions.bars) == 1
    desk.decide(said[4:])
    assert len(desk.look().decisions.bars) == BARS
