"""The day's report as a page."""

from __future__ import annotations

import re
from typing import Any

from muhurat.web.report_html import lead, report_html
from tests.web.made import FEED
from tests.web.reading import HOSTILE, explanations, harmless, read, text
from tests.web.reports import made_report, told


def page(**changed: Any) -> str:
    return report_html(made_report(**changed), told("bar"), told("fill"))


def test_a_sound_day_says_so_first_and_tells_the_day_in_two_sentences() -> None:
    seen = text(page())
    assert seen.startswith(
        "Thursday 19 November 2026: sound made · TEST, paper money · no modelled prices"
        " 2 signals on 15 bars of the index led to 1 trade, 0 of them won."
    )
    assert "Not so" not in seen


def test_the_figures_are_there() -> None:
    seen = text(page())
    assert "net result −₹469.04 of ₹5,00,000.00 −0.09 % charges ₹69.04" in seen
    assert "packets received 1,23,456 gaps 0" in seen
    assert "80000 CE SENSEX26N1980000CE premium stop 100 09:21 :00 ₹100.00 09:27 :00 ₹96.00" in seen
    assert "no premium known 1" in seen
    assert "✓ yes the trader closed its session 15 index bars" in seen


def test_what_was_not_sound_stands_on_top() -> None:
    seen = text(page(ok=False, checks=[{"name": "all is kept", "ok": False, "detail": "6 of 7"}]))
    assert seen.index("not sound") < seen.index("Not so: all is kept (6 of 7)") < seen.index("net result")
    assert "✗ no all is kept" in seen


def test_the_chart_has_a_candle_a_bar_and_a_triangle_a_fill() -> None:
    explained = explanations(page())
    assert "09:18 open 80,000.00 high 80,035.00 low 79,995.00 close 80,030.00" in " ".join(explained.split())
    assert "bought SENSEX26N1980000CE at ₹100.00, 09:21:00" in explained
    assert "sold SENSEX26N1980000CE at ₹96.00, 09:27:00" in explained
    assert read(page()).names.count("polygon") == 2 + 2, "two fills and two in the legend"


def test_everything_drawn_lies_within_the_picture() -> None:
    html = page()
    points = [pair.split(",") for line in re.findall(r'polyline points="([^"]*)"', html) for pair in line.split()]
    assert all(0 <= float(x) <= 1020 and 0 <= float(y) <= 330 for x, y in points)
    assert len(points) == 2 * 15


def test_a_day_without_a_bar_a_trade_a_feed_or_a_service_is_still_a_report() -> None:
    nothing = made_report(
        feeds={}, services=[], trades=[], signals=0, index_bars=0, bars=0, refused={}, exits={}, charges=0.0, pnl=0.0
    )
    seen = text(report_html(nothing, [], []))
    for said in (
        "No bar was closed",
        "no signal led to a position",
        "The desk has no feed.",
        "No service ran that day.",
    ):
        assert said in seen
    assert "net result –" in seen


def test_gaps_alerts_and_modelled_prices_are_told() -> None:
    gap = {"from": "2026-11-19T11:03:00+05:30", "to": "2026-11-19T11:04:03+05:30", "seconds": 63.0, "reason": "down"}
    feeds = {FEED: {"received": 5, "sent": 6, "rows": 5, "gaps": 1, "reconnects": 1, "gap_list": [gap]}}
    alerts = [{"at": "2026-11-19T11:03:00+05:30", "level": "warning", "what": "recorder: killed", "hint": "look"}]
    trades = [{**made_report()["trades"][0], "modelled": True}]
    seen = text(page(feeds=feeds, volatile={"alerts": alerts}, trades=trades, modelled=True))
    assert f"{FEED} 6 5 5 1 1" in seen
    assert f"{FEED} 11:03:00 11:04:03 1 m 3 s down" in seen
    assert "11:03:00 recorder: killed look" in seen
    assert "SENSEX26N1980000CE modelled" in seen
    assert "trades at modelled prices are marked" in seen


def test_a_rehearsed_day_says_how_it_came_about() -> None:
    assert "seed 7, 150 times as fast, in 3 m 20 s of real time" in text(
        page(seed=7, speed=150.0, volatile={"alerts": [], "duration_s": 200.4})
    )
    assert "Made by muhurat report" in text(page())


def test_a_position_that_was_left_open_is_in_the_lead() -> None:
    trading = made_report()["trading"] | {"open_position": "SENSEX26N1980000CE"}
    assert lead(made_report(trading=trading)).endswith("SENSEX26N1980000CE was still held at the end.")
    assert lead(made_report(trades=[])) == "2 signals on 15 bars of the index led to no trade."


def test_the_file_needs_nothing_else() -> None:
    reader = read(page())
    assert not {"script", "link", "img", "iframe"} & set(reader.names)
    assert "http" not in page()


def test_whatever_was_written_stays_text() -> None:
    trade = {**made_report()["trades"][0], "symbol": HOSTILE, "reason": HOSTILE, "side": HOSTILE}
    alerts = [{"at": HOSTILE, "level": "warning", "what": HOSTILE, "hint": HOSTILE}]
    html = page(
        desk=HOSTILE,
        mode=HOSTILE,
        trades=[trade],
        refused={HOSTILE: 1},
        exits={HOSTILE: 1},
        services=[{"name": HOSTILE, "state": HOSTILE, "restarts": 0}],
        checks=[{"name": HOSTILE, "ok": False, "detail": HOSTILE}],
        feeds={
            HOSTILE: {
                "received": 1,
                "rows": 1,
                "gaps": 1,
                "reconnects": 0,
                "gap_list": [{"from": HOSTILE, "to": HOSTILE, "seconds": 1, "reason": HOSTILE}],
            }
        },
        volatile={"alerts": alerts},
    )
    assert harmless(html)
