"""The jobs page in a real browser: what an operator does there is in the run log, with who and why."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.web.made import MadeDesk, at
from tests.web.made_jobs import EOD_JOBS, MadeJobs, busy_morning, with_jobs
from tests.web.serving import serving


def card_of(page: Any, title: str) -> Any:
    return page.locator(".card").filter(has=page.locator(".title", has_text=title)).first


def button(place: Any, word: str) -> Any:
    return place.get_by_role("button", name=word, exact=True)


def say(page: Any, why: str, title: str) -> None:
    """Give a reason in the dialog, and do it."""
    ask = page.locator(".ask:visible")
    ask.get_by_label("why").fill(why)
    ask.get_by_label("your name").fill("meera")
    button(ask, title).click()
    ask.wait_for(state="detached")


def settle(page: Any, title: str, verb: str, why: str) -> None:
    """One of a job's deeds, by its settings."""
    button(card_of(page, title), "settings").click()
    button(page.locator(".ask:visible"), verb).click()
    page.locator(".ask:visible", has_text="your name").wait_for()
    say(page, why, f"{verb.capitalize()} {title}")


@pytest.mark.slow
@pytest.mark.servers
def test_an_operator_runs_holds_skips_overrides_and_reads_a_log(desk: MadeDesk, browser: Any) -> None:
    desk.clock.at_ns = at("08:31")
    with with_jobs(desk) as jobs:
        busy_morning(jobs)
        before = len(jobs.told())
        with serving(desk, "jobs: {registry: process.json}\n") as address:
            page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
            complaints: list[str] = []
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"{address}/jobs")
            card_of(page, "Bhavcopy").get_by_text("FO bhavcopy: 24,112 of 38,420 rows loaded").wait_for()
            page.locator(".tools").get_by_text("3 failed, 1 lost, 1 running, 4 pending, 4 skipped").wait_for()
            _search(page)
            _log(page, jobs)
            _deeds(page)
            assert _since(jobs, before) == [
                ("banned_instruments", "rerun", "the list is there"),
                ("instrument_master", "asked", "early"),
                ("span", "released", "circular is out"),
                ("span", "held", "no, it is not"),
                ("universe", "skipped", "yesterday's will do"),
                ("bse_masters", "overridden", "trading SENSEX only"),
            ]
            _refused(page)
            _halves(page, jobs)
            for width in (1440, 390):
                page.set_viewport_size({"width": width, "height": 844})
                beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert beyond == 0, f"the page is wider than a window of {width}"
            assert complaints == []
            _elsewhere(address)


def _since(jobs: MadeJobs, before: int) -> list[tuple[str, str, str]]:
    """What was done by the page, all of it by the one who is sitting there."""
    events = [event for event in jobs.history.events(jobs.rows()[0].business_date) if event.who == "meera (page)"]
    assert len(events) == len(jobs.told()) - before
    return [(event.name, event.kind, event.why) for event in events]


def _search(page: Any) -> None:
    search = page.get_by_placeholder("search")
    search.fill("bod failed")
    page.locator(".card:visible").nth(3).wait_for(state="detached")
    titles = page.locator(".card:visible .title").all_inner_texts()
    assert titles == ["Banned instruments", "Most active", "Cash margin"]
    search.fill("nothing of the kind")
    page.get_by_text("No job is found by “nothing of the kind”.").wait_for()
    search.fill("")
    page.locator(".card:visible").nth(22).wait_for()


def _log(page: Any, jobs: MadeJobs) -> None:
    bhavcopy = card_of(page, "Bhavcopy")
    button(bhavcopy, "log").click()
    bhavcopy.locator("pre").get_by_text("chunk 25 of 40 loaded").wait_for()
    with Path(jobs.row("bhavcopy").attempts[-1].log).open("a", encoding="utf-8") as file:
        file.write("<b>chunk 26</b>\n")
    bhavcopy.locator("pre").get_by_text("<b>chunk 26</b>").wait_for()
    button(bhavcopy, "log").click()
    bhavcopy.locator("pre").wait_for(state="hidden")


def _deeds(page: Any) -> None:
    button(card_of(page, "Banned instruments"), "rerun").click()
    say(page, "the list is there", "Rerun Banned instruments")
    button(card_of(page, "Instrument master"), "run").click()
    say(page, "early", "Run Instrument master")
    settle(page, "SPAN", "release", "circular is out")
    settle(page, "SPAN", "hold", "no, it is not")
    settle(page, "Universe", "skip", "yesterday's will do")
    card_of(page, "Universe").get_by_text("yesterday's will do (meera (page))").wait_for()
    settle(page, "BSE masters", "override", "trading SENSEX only")
    card_of(page, "BSE masters").get_by_text("waived by meera (page): trading SENSEX only").wait_for()


def _refused(page: Any) -> None:
    """Without a reason nothing is skipped, and the dialog says so."""
    button(card_of(page, "Go or no-go"), "settings").click()
    button(page.locator(".ask:visible"), "skip").click()
    ask = page.locator(".ask:visible", has_text="your name")
    button(ask, "Skip Go or no-go").click()
    ask.get_by_text("this needs a reason").wait_for()
    button(ask, "leave it").click()
    ask.wait_for(state="detached")


def _halves(page: Any, jobs: MadeJobs) -> None:
    """A half of the day runs what is ticked; what is skipped runs only when it was ticked for it."""
    card_of(page, "Cache backup").locator(".q-checkbox").click()
    page.get_by_role("button", name="EOD").click()
    ask = page.locator(".ask:visible")
    ask.get_by_text("Not ticked, and so at their own time: Cache backup.").wait_for()
    ask.get_by_text("Nobody runs jobs at present").wait_for()
    before = len(jobs.told())
    say(page, "go home early", "Run EOD")
    asked = [(kind, who) for kind, who, why in jobs.told()[before:] if why == "go home early"]
    assert asked == [("asked", "meera (page)")] * (len(EOD_JOBS) - 1)
    page.get_by_role("button", name="rerun what failed").click()
    page.locator(".ask:visible").get_by_text("runs again, and what depends on it: BSE masters, Most active").wait_for()
    say(page, "once more", "Rerun what failed")
    assert ("rerun", "meera (page)", "once more") in jobs.told("most_active")


def _elsewhere(address: str) -> None:
    """Whoever reaches the page by a foreign name finds nothing on it that changes anything."""
    here = httpx.get(f"{address}/jobs")
    assert here.headers["X-Frame-Options"] == "DENY"
    foreign = httpx.get(f"{address}/jobs", headers={"host": "rebound.evil.example"})
    for word in ("▷ BOD", "rerun what failed", "goes along when BOD is run"):
        assert word in here.text
        assert word not in foreign.text
    assert "changes are taken from the desk's own machine" in html.unescape(foreign.text)
