"""The day as one picture."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from muhurat.web.dashboard.timeline import timeline
from tests.trading.tables import DAY
from tests.web.made import FEED, MadeDesk, at, lines
from tests.web.made_jobs import busy_morning, with_jobs
from tests.web.reading import HOSTILE, explanations, harmless, read, text

EVE = date(2026, 11, 18)


def bars_of(html: str, told: str) -> list[tuple[float, float]]:
    """Left edge and width, in percent, of the rectangles whose explanation begins so."""
    found = re.findall(r'<rect x="([\d.]+)%" width="([\d.]+)%"[^>]*><title>([^<]*)</title>', html)
    return [(float(left), float(width)) for left, width, title in found if title.startswith(told)]


def test_a_day_on_which_nothing_ran_yet_still_has_its_hours_and_session(tmp_path: Path) -> None:
    html = timeline(MadeDesk(tmp_path).look())
    assert text(html).startswith("Thursday 19 November 2026 bought sold gap alert now events 08:00")
    assert "19:00" in text(html)
    ((left, width),) = bars_of(html, "open 09:15 to 15:40")
    assert left == pytest.approx(100 * 105 / 690, abs=0.05)
    assert width == pytest.approx(100 * 385 / 690, abs=0.1)


def test_a_holiday_has_no_session(tmp_path: Path) -> None:
    assert bars_of(timeline(MadeDesk(tmp_path, day=date(2026, 11, 21)).look()), "open") == []


def test_an_evening_session_widens_the_picture(tmp_path: Path) -> None:
    diwali = date(2024, 11, 1)
    html = timeline(MadeDesk(tmp_path, "18:10", diwali).look())
    ((left, width),) = bars_of(html, "open 18:00 to 19:00")
    assert left + width < 99


def test_a_service_has_a_lane_of_its_states_up_to_now(desk: MadeDesk) -> None:
    desk.clock.at_ns = at("10:00")
    desk.step("09:05", "recorder", "starting")
    desk.step("09:06", "recorder", "running")
    desk.step("09:30", "recorder", "backoff")
    desk.step("09:32", "recorder", "starting")
    desk.step("09:33", "recorder", "running")
    html = timeline(desk.look())
    assert [width for _, width in bars_of(html, "recorder: running")] == pytest.approx(
        [100 * 24 / 690, 100 * 27 / 690], abs=0.1
    )
    assert len(bars_of(html, "recorder: backoff since 09:30:00. made up")) == 1


def test_a_service_that_waits_has_an_empty_lane(desk: MadeDesk) -> None:
    desk.step("08:00", "trader", "waiting")
    html = timeline(desk.look())
    assert "trader" in text(html)
    assert bars_of(html, "trader") == []


def test_of_yesterday_only_what_still_lasts_is_drawn(desk: MadeDesk) -> None:
    desk.step("09:05", "recorder", "running", EVE)
    desk.step("15:35", "recorder", "waiting", EVE)
    desk.step("09:05", "web", "running", EVE)
    html = timeline(desk.look())
    assert bars_of(html, "recorder") == []
    ((left, width),) = bars_of(html, "web: running since 09:05:00")
    assert left == 0
    assert width == pytest.approx(100 * 121 / 690, abs=0.1)


def test_a_service_that_went_unwatched_is_drawn_to_its_last_word(desk: MadeDesk) -> None:
    desk.step("09:00", "trader", "running")
    desk.say("trader", at_ns=at("09:15"))
    desk.put("trader", "gone")
    ((_, width),) = bars_of(timeline(desk.look()), "trader: running")
    assert width == pytest.approx(100 * 15 / 690, abs=0.1)


def test_trades_alerts_and_gaps_are_marked_and_explained(desk: MadeDesk) -> None:
    desk.decide(lines())
    desk.alert("09:20", "look here", level="critical")
    desk.alert("09:20", "of yesterday", day=EVE)
    desk.record(gap_list=[{"from_ns": at("09:16"), "to_ns": at("09:17"), "reason": "down"}])
    told = explanations(timeline(desk.look()))
    assert "bought 80000 CE at ₹100.00, 09:21:00" in told
    assert "sold 80000 CE at ₹96.00, 09:27:00" in told
    assert "09:20:00 look here" in told
    assert "of yesterday" not in told
    assert f"{FEED}: gap 09:16:00 to 09:17:00, down" in told


def test_a_gap_of_another_day_is_not_drawn(desk: MadeDesk) -> None:
    day_ns = 86_400 * 10**9
    desk.record(gap_list=[{"from_ns": at("09:16") - day_ns, "to_ns": at("09:17") - day_ns, "reason": "old"}])
    assert "old" not in explanations(timeline(desk.look()))


def test_the_picture_of_a_quiet_second_is_that_of_the_second_before(desk: MadeDesk) -> None:
    """It is sent to the browser only when it changed, so it must not change with every second."""
    before = timeline(desk.look())
    desk.clock.at_ns += 10**9
    assert timeline(desk.look()) == before


def test_every_run_of_a_job_is_a_bar_and_a_deadline_is_a_tick(desk: MadeDesk) -> None:
    desk.clock.at_ns = at("09:01")
    with with_jobs(desk) as jobs:
        assert bars_of(timeline(desk.look()), "Bhavcopy") == []
        busy_morning(jobs)
        jobs.operator().rerun(DAY, ["banned_instruments"])
        jobs.start("banned_instruments", "08:59")
        html = timeline(desk.look())
    ((left, width),) = bars_of(html, "Bhavcopy: Running, 08:30:31, 30 m 29 s")
    assert left == pytest.approx(100 * 60.5 / 690, abs=0.05)
    assert width == pytest.approx(100 * 30.5 / 690, abs=0.1)
    for told in (
        "DB clean: Successful, 08:00:09, 1 s",
        "BSE masters: Lost, 08:00:02, 1 m 58 s",
        "Banned instruments: Failed, 08:00:10, 4 s",
        "Banned instruments: Running, 08:59:00, 2 m 0 s, attempt 2",
    ):
        assert len(bars_of(html, told)) == 1
    told = explanations(html)
    assert "deadline 09:00 of 10 jobs; late: Bhavcopy, SPAN, BSE masters, Banned instruments, " in told
    assert "deadline 09:14 of 1 job |" in told
    assert text(html).count("job runs") == 1


def test_runs_side_by_side_lie_above_one_another(desk: MadeDesk) -> None:
    with with_jobs(desk) as jobs:
        for name in ("span", "bhavcopy", "universe"):
            jobs.start(name, "08:30")
        html = timeline(desk.look())
    heights = re.findall(r'y="([\d.]+)"[^>]*><title>(?:SPAN|Bhavcopy|Universe):', html)
    assert len(set(heights)) == 3


def test_no_label_leaves_the_picture(desk: MadeDesk) -> None:
    anchors = [value for name, value in read(timeline(desk.look())).attributes if name == "text-anchor"]
    assert anchors[-1] == "end", "the last hour stands at the right edge"


def test_names_and_reasons_are_only_text(desk: MadeDesk) -> None:
    desk.step("09:00", HOSTILE, "running")
    desk.alert("09:20", HOSTILE)
    desk.rows[0]["name"] = HOSTILE
    desk.supervise()
    desk.say("recorder", feeds={HOSTILE: {"gap_list": [{"from_ns": 1, "to_ns": at("09:20"), "reason": HOSTILE}]}})
    desk.decide([{**line, "symbol": HOSTILE, "side": HOSTILE} for line in lines() if line["kind"] == "trade"])
    assert harmless(timeline(desk.look()))
