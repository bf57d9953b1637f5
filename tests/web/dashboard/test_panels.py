"""Services, feeds and alerts as the page shows them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from muhurat.web.dashboard import panels
from tests.web.made import FEED, MadeDesk, at
from tests.web.reading import HOSTILE, harmless, text


def gap(begin: str, end: str, reason: str = "the recorder was down") -> dict[str, Any]:
    return {"from_ns": at(begin), "to_ns": at(end), "reason": reason}


def test_empty_panels_say_what_would_fill_them(tmp_path: Path) -> None:
    shot = MadeDesk(tmp_path).look()
    assert "muhurat up" in text(panels.services(shot))
    assert "The recorder starts at the feed's hour." in text(panels.feeds(shot))
    assert text(panels.alerts(shot)) == "Alerts Nothing has gone wrong today."


def test_a_running_service_speaks_for_itself(desk: MadeDesk) -> None:
    desk.say("decode", "1,234 ticks")
    told = text(panels.services(desk.look()))
    assert "decode running 09:05:00 0 7 1,234 ticks" in told


def test_the_supervisor_speaks_for_one_that_does_not_run(desk: MadeDesk) -> None:
    desk.say("trader", "last words of yesterday")
    desk.put("trader", "backoff", "exit code 1; again in 2.0 s")
    told = text(panels.services(desk.look()))
    assert "trader backoff 09:05:00 0 – exit code 1; again in 2.0 s" in told


def test_a_silent_service_is_marked(desk: MadeDesk) -> None:
    desk.say("decode", "ticks", ago_s=20)
    assert "silent 2" in text(panels.services(desk.look()))


def test_a_feed_tells_rate_and_age_and_what_was_kept(desk: MadeDesk) -> None:
    desk.record(packets=1_234_567)
    told = text(panels.feeds(desk.look()))
    assert f"{FEED} 183/s 0 s 0 0" in told
    assert "12,34,567 packets received, 900 ticks kept" in told
    assert "received 0.61 s after the exchange's second, 1.10 s at p99" in told


def test_a_stale_feed_says_since_when(desk: MadeDesk) -> None:
    desk.record(state="disconnected", last_data_ns=at("09:29:30"), gap_since_ns=at("09:29:30"))
    seen = panels.feeds(desk.look())
    assert f"{FEED} disconnected stale 1 m 30 s" in text(seen)
    assert "nothing has come since 09:29:30" in text(seen)
    assert 'class="wait">stale' in seen


def test_the_newest_gaps_are_listed(desk: MadeDesk) -> None:
    gaps = [gap(f"09:{minute}:00", f"09:{minute}:02") for minute in (16, 17, 18, 19)]
    desk.record(gaps=4, reconnects=1, gap_list=gaps)
    told = text(panels.feeds(desk.look()))
    assert "gap 09:19:00 to 09:19:02, 2 s: the recorder was down" in told
    assert "09:17:00" in told
    assert "09:16:00" not in told


def test_a_feed_that_never_brought_anything_has_no_age(desk: MadeDesk) -> None:
    desk.clock.at_ns = at("09:10")
    desk.run(last_data_ns=0, packets=0, rate=0.0)
    assert f"{FEED} 0/s – 0 0" in text(panels.feeds(desk.look()))


@pytest.mark.parametrize(
    ("gauges", "told"),
    [
        ({"unknown_lengths": {"12": 3, "13": 1}}, "packets that were not understood: 4 of unknown length"),
        ({"truncated": 2, "unknown_tokens": 1}, "1 of unknown instruments, 2 cut short"),
        ({"lag_ms": 65_000}, "1 m 5 s behind"),
    ],
)
def test_doubts_of_the_decoder_are_told(desk: MadeDesk, gauges: dict[str, Any], told: str) -> None:
    desk.say("decode", feed=FEED, rows=1, **gauges)
    assert told in text(panels.feeds(desk.look()))


def test_a_publisher_tells_what_went_out_and_what_did_not(desk: MadeDesk) -> None:
    assert "published" not in text(panels.feeds(desk.look()))
    desk.say("publish", feed=FEED, published_records=123_456, dropped_records=0, lag_s=0.1)
    assert "1,23,456 messages published" in text(panels.feeds(desk.look()))
    assert "dropped" not in text(panels.feeds(desk.look()))
    desk.say("publish", feed=FEED, published_records=5, dropped_records=7, lag_s=90)
    seen = panels.feeds(desk.look())
    assert "5 messages published, 7 dropped , 1 m 30 s behind" in text(seen)
    assert 'class="wait">7 dropped' in seen


def test_the_room_on_the_disk_is_told_with_how_long_it_will_do(desk: MadeDesk) -> None:
    assert "disk" not in text(panels.feeds(desk.look()))
    desk.say_disk(free_bytes=41_200_000_000, hours_left=12.5)
    assert "41.2 GB free on the disk, full in 12 h 30 m" in text(panels.feeds(desk.look()))
    desk.say_disk(free_bytes=41_200_000_000, hours_left=None)
    assert "41.2 GB free on the disk" in text(panels.feeds(desk.look()))
    desk.say_disk(free_bytes=2_000_000_000, hours_left=1.0, trouble={"what": "full soon", "hint": "make room"})
    assert '<span class="wait">2.0 GB free on the disk, full in 1 h 0 m</span>' in panels.feeds(desk.look())
    desk.say_disk(free_bytes=None, error="Input/output error")
    assert "the free space of the disk is not known: Input/output error" in text(panels.feeds(desk.look()))


def test_the_newest_alert_comes_first_and_yesterdays_do_not_come(desk: MadeDesk) -> None:
    desk.alert("09:00", "yesterday", day=date(2026, 11, 18))
    desk.alert("09:20", "first")
    desk.alert("09:30", "second")
    told = text(panels.alerts(desk.look()))
    assert told == "Alerts 2 alerts today at what 09:30:00 second do this 09:20:00 first do this"


def test_whatever_a_process_writes_stays_text(desk: MadeDesk) -> None:
    desk.put("web", HOSTILE, HOSTILE)
    desk.say("decode", HOSTILE, feed=HOSTILE, rows=1)
    desk.rows[0]["name"] = HOSTILE
    desk.supervise()
    told = {"state": HOSTILE, "gap_list": [gap("09:16", "09:17", HOSTILE)], "gap_since_ns": 1}
    desk.say("recorder", HOSTILE, feeds={HOSTILE: told})
    desk.alert("09:30", HOSTILE)
    shot = desk.look()
    for panel in (panels.services, panels.feeds, panels.alerts):
        assert harmless(panel(shot))
        assert 'alert("x")' in text(panel(shot))
