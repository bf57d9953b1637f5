"""The line on top: one glance, and what is wrong below it."""

from __future__ import annotations

import dataclasses

from muhurat.web.dashboard.header import broken, header
from tests.web.made import FEED, MadeDesk, at, lines
from tests.web.made_jobs import with_jobs
from tests.web.reading import HOSTILE, harmless, text


def told(desk: MadeDesk) -> str:
    return text(header(desk.place, desk.look()))


def test_a_desk_that_is_well_is_one_line(desk: MadeDesk) -> None:
    assert told(desk) == (
        "made all right TEST · paper money trading ACTIVE 09:31:00 IST F&O open · closes in 6 h 9 m"
        " sensex_desk day P&L – 0 alerts"
    )


def test_before_a_trade_the_result_is_a_dash_and_after_it_a_signed_amount(desk: MadeDesk) -> None:
    assert "day P&L –" in told(desk)
    desk.decide(lines())
    assert "day P&L −₹469.04" in told(desk)


def test_an_open_position_is_valued_apart_from_what_is_earned(desk: MadeDesk) -> None:
    desk.say("trader", state="ACTIVE", position="SENSEX", unrealised=1234.5)
    assert "day P&L – open +₹1,234.50" in told(desk)


def test_a_reduced_trading_state_says_why(desk: MadeDesk) -> None:
    desk.say("trader", state="REDUCING", why="daily_loss")
    assert "trading REDUCING daily loss limit reached" in told(desk)


def test_a_trader_that_waits_for_a_job_names_it_by_its_title(desk: MadeDesk) -> None:
    why = "day not prepared: banned_instruments failed: the list is of 2026-11-18"
    with with_jobs(desk):
        desk.say("trader", state="REDUCING", why=why)
        seen = header(desk.place, desk.look())
        assert "trading REDUCING day not prepared: Banned instruments failed 09:31:00" in text(seen)
        assert f'title="{why}"' in seen
        desk.say("trader", state="REDUCING", why="day not prepared: the day's jobs are not known: no such file")
        assert "day not prepared: the day's jobs are not known" in told(desk)


def test_a_desk_with_jobs_leads_to_their_page(desk: MadeDesk) -> None:
    assert "/jobs" not in header(desk.place, desk.look())
    with with_jobs(desk):
        assert '<a href="/jobs">jobs</a>' in header(desk.place, desk.look())


def test_what_is_wrong_stands_below_with_what_to_do(desk: MadeDesk) -> None:
    desk.put("trader", "fatal", "exit code 2; see trader_output.log")
    assert told(desk).startswith("made down ")
    assert told(desk).endswith("trader given up: exit code 2 · see logs/trader_output.log, then muhurat start trader")


def test_no_more_than_three_problems_are_spelt_out(desk: MadeDesk) -> None:
    for name in ("web", "decode", "trader"):
        desk.put(name, "backoff", "exit code 1")
    desk.record(state="refused", disk_error="full")
    seen = header(desk.place, desk.look())
    assert seen.count('class="notice') == 4
    assert "and 2 more" in text(seen)


def test_alerts_are_counted(desk: MadeDesk) -> None:
    desk.alert("09:30", "one")
    assert told(desk).endswith("1 alert")
    assert 'class="wait">1 alert' in header(desk.place, desk.look())
    desk.alert("09:30", "two", level="critical")
    assert 'class="bad">2 alerts' in header(desk.place, desk.look())


def test_names_and_reasons_are_only_text(desk: MadeDesk) -> None:
    desk.put("trader", "fatal", HOSTILE)
    desk.say("recorder", feeds={HOSTILE: {"state": HOSTILE, "problem": HOSTILE}})
    place = dataclasses.replace(desk.place, name=HOSTILE)
    assert harmless(header(place, desk.look()))
    assert harmless(broken(ValueError(HOSTILE)))


def test_a_desk_that_cannot_be_read_says_so(desk: MadeDesk) -> None:
    seen = text(broken(PermissionError(13, "Permission denied", "run/x")))
    assert seen.startswith("this page cannot read the desk: PermissionError: ")
    assert "tries again every second" in seen


def test_the_dot_of_a_feed_has_its_meaning(desk: MadeDesk) -> None:
    colours = []
    for feed in ({}, {"last_data_ns": at("09:20")}, {"gap_since_ns": at("09:30")}, {"state": "closed"}):
        desk.record(**feed)
        seen = header(desk.place, desk.look())
        before = seen[: seen.index(f"</span>{FEED}")]
        colours.append(before[before.rindex("--") + 2 : before.rindex(")")])
    assert colours == ["good", "wait", "wait", "none"]
