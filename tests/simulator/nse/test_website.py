"""www.nseindia.com: its cookies, its refusals, its answers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from muhurat.calendars.calendar import base_layer, calendar_for
from muhurat.calendars.holiday_master import layer_of_master
from muhurat.simulator.nse import website
from tests.simulator.file_venues import at
from tests.simulator.nse.conftest import Start

GAINERS = "/api/live-analysis-variations?index=gainers"
CSV = f"{GAINERS}&type=NIFTY&csv=true"
HOLIDAYS = "/api/holiday-master?type=trading"


async def test_the_first_visit_is_refused_and_hands_out_good_cookies(start_nse: Start) -> None:
    nse = await start_nse("11:00")
    cold = await nse.www.get(GAINERS)
    warm_up = await nse.www.get("/option-chain")
    warm = await nse.www.get(GAINERS)

    assert cold.status_code == warm_up.status_code == 403
    assert {"nsit", "nseappid", "bm_sv"} <= set(warm_up.cookies)
    assert warm.status_code == 200
    assert (await nse.www.get("/")).status_code == 200


async def test_without_its_own_cookie_the_api_answers_401(start_nse: Start) -> None:
    nse = await start_nse("11:00")

    assert (await nse.www.get(GAINERS, headers={"Cookie": "nsit=x"})).status_code == 401


async def test_a_stranger_is_refused_and_gets_no_cookies(start_nse: Start) -> None:
    nse = await start_nse("11:00")
    answer = await nse.www.get("/", headers={"User-Agent": "curl/8"})

    assert answer.status_code == 403
    assert not answer.cookies


async def test_cookies_expire(start_nse: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    nse = await start_nse("11:00")
    await nse.warm_up()
    assert (await nse.www.get(GAINERS)).status_code == 200
    now = nse.conductor.monotonic()
    monkeypatch.setattr(nse.conductor, "monotonic", lambda: now + website.COOKIES_LAST_S + 1)

    assert (await nse.www.get(GAINERS)).status_code == 401
    await nse.warm_up()
    assert (await nse.www.get(GAINERS)).status_code == 200


async def test_cookies_can_be_forgotten_on_command(start_nse: Start) -> None:
    nse = await start_nse("11:00")
    await nse.warm_up()
    await nse.fault("expired_cookies")

    assert (await nse.www.get(GAINERS)).status_code == 401


async def test_paths_that_moved_are_not_found(start_nse: Start) -> None:
    nse = await start_nse("11:00")
    await nse.warm_up()
    answer = await nse.www.get("/api/option-chain-indices?symbol=NIFTY")

    assert (answer.status_code, answer.text) == (404, "Resource not found")
    assert answer.headers["content-type"].startswith("text/html")


RIGHT: dict[str, Callable[[httpx.Response], bool]] = {
    "no_data": lambda answer: (answer.status_code, answer.json()) == (200, {}),
    "throttled": lambda answer: answer.status_code == 429 and answer.headers["retry-after"].isdecimal(),
    "unavailable": lambda answer: answer.status_code == 503,
    "missing": lambda answer: (answer.status_code, answer.text) == (404, "Resource not found"),
    "html": lambda answer: answer.status_code == 200 and answer.text.startswith("<!DOCTYPE html>"),
    "empty": lambda answer: answer.json()["NIFTY"]["data"] == [],
    "changed_column": lambda answer: "ltp" not in answer.json()["NIFTY"]["data"][0],
    "wrong_date": lambda answer: answer.json()["NIFTY"]["timestamp"].startswith("19-Nov-2026"),
    "truncated": lambda answer: answer.text[-1] != "}",
}


async def test_faults_of_the_api(start_nse: Start) -> None:
    nse = await start_nse("11:00")
    await nse.warm_up()
    wrong = []
    for fault, right in RIGHT.items():
        await nse.fault(fault, path="/api", count=1)
        if not right(await nse.www.get(GAINERS)):
            wrong.append(fault)

    assert wrong == []


async def gainers(start_nse: Start, when: str | int, index: str = "gainers") -> dict[str, Any]:
    nse = await start_nse(when)
    await nse.warm_up()
    answer = await nse.www.get(f"/api/live-analysis-variations?index={index}")
    assert answer.headers["content-encoding"] == "gzip"
    body: dict[str, Any] = answer.json()
    return body


async def test_gainers_rise_and_are_sorted(start_nse: Start) -> None:
    body = await gainers(start_nse, "11:00:30")

    assert [key for key, _ in body["legends"]] == [key for key in body if key != "legends"]
    assert body["NIFTY"]["timestamp"] == "20-Nov-2026 11:00:00"
    changes = [row["perChange"] for row in body["allSec"]["data"]]
    assert len(changes) == 20
    assert changes == sorted(changes, reverse=True)
    assert min(changes) > 0
    row = body["FOSec"]["data"][0]
    assert row["perChange"] == pytest.approx(100 * (row["ltp"] / row["prev_price"] - 1), abs=0.01)
    assert row["low_price"] <= row["ltp"] <= row["high_price"]


async def test_losers_are_spelled_as_nse_does(start_nse: Start) -> None:
    body = await gainers(start_nse, "11:00", "loosers")

    assert all(row["perChange"] < 0 for row in body["allSec"]["data"])
    nse = await start_nse("11:00")
    await nse.warm_up()
    assert (await nse.www.get("/api/live-analysis-variations?index=losers")).json() == {}


async def test_outside_hours_the_last_session_is_shown(start_nse: Start) -> None:
    nse = await start_nse("08:30")
    await nse.warm_up()
    stamps = []
    for when in (at("08:30"), at("18:00"), at("12:00", date(2026, 11, 22)), at("12:00", date(2026, 11, 24))):
        nse.conductor.page.now_ns = when
        stamps.append((await nse.www.get(GAINERS)).json()["NIFTY"]["timestamp"])

    assert stamps == [f"{day}-Nov-2026 16:00:00" for day in (19, 20, 20, 23)]


async def test_the_csv_has_its_mark_its_headers_and_its_commas(start_nse: Start) -> None:
    nse = await start_nse("11:00")
    await nse.warm_up()
    answer = await nse.www.get(CSV)
    header, *rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))

    assert answer.content.startswith(b'\xef\xbb\xbf"SYMBOL \n",')
    assert answer.headers["content-type"].startswith("text/csv")
    assert [name.split("\n")[0].strip() for name in header[:7]] == [
        "SYMBOL", "OPEN", "HIGH", "LOW", "PREV. CLOSE", "LTP", "%CHNG",
    ]  # fmt: skip
    assert rows
    assert any("," in row[1] for row in rows)


async def test_faults_of_the_csv(start_nse: Start) -> None:
    nse = await start_nse("11:00")
    await nse.warm_up()
    good = (await nse.www.get(CSV)).content
    bad = {}
    for fault in ("empty", "changed_column", "no_data"):
        await nse.fault(fault, count=1)
        bad[fault] = (await nse.www.get(CSV)).content

    assert good.startswith(bad["empty"])
    assert len(list(csv.reader(io.StringIO(bad["empty"].decode("utf-8-sig"))))) == 1
    assert b'"LTP \n"' in good
    assert b'"LTP \n"' not in bad["changed_column"]
    assert bad["no_data"] == b"{}"


async def test_the_holiday_master_is_the_calendars(start_nse: Start) -> None:
    nse = await start_nse("08:30")
    await nse.warm_up()
    answer = await nse.www.get(HOLIDAYS)
    calendar, base = calendar_for("XNSE", "FO"), base_layer("XNSE")
    layer = layer_of_master(answer.text, "simulated", base, base.days)

    closed = {day for (segment, day), entry in layer.days.items() if segment == "FO" and not entry.is_open}
    year = [date.fromordinal(day) for day in range(date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal())]
    assert closed == {day for day in year if day.weekday() < 5 and not calendar.is_open(day)}
    stars = [row["tradingDate"] for row in answer.json()["FO"] if row["description"].endswith("*")]
    assert stars == ["08-Nov-2026"]
    assert (await nse.www.get("/api/holiday-master?type=settlement")).status_code == 404


async def test_daily_reports_say_where_the_bhavcopies_are(start_nse: Start) -> None:
    nse = await start_nse("17:00")
    await nse.warm_up()
    before = (await nse.www.get("/api/daily-reports?key=CM")).json()
    await nse.until("18:01")
    after = (await nse.www.get("/api/daily-reports?key=CM")).json()
    unknown = (await nse.www.get("/api/daily-reports?key=XX")).json()

    assert before["CurrentDay"] == []
    assert before["PreviousDay"][0]["tradingDate"] == "19-Nov-2026"
    report = after["CurrentDay"][0]
    assert report["fileKey"] == "CM-UDIFF-BHAVCOPY-CSV"
    there = report["filePath"].replace("//content", "/content") + report["fileActlName"]
    assert (await nse.archives.get(there)).status_code == 200
    assert unknown == {"data": [], "msg": "no data found"}


async def test_json_is_what_it_says(start_nse: Start) -> None:
    nse = await start_nse("11:00")
    await nse.warm_up()
    plain = await nse.www.get(GAINERS, headers={"Accept-Encoding": "identity"})

    assert "content-encoding" not in plain.headers
    assert plain.headers["content-type"].startswith("application/json")
    assert json.loads(plain.content)["NIFTY"]["data"]
