"""The day's jobs by HTTP: what is told of them, what people may do, and who may not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import date
from operator import methodcaller
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muhurat.jobs.standing import Kind
from muhurat.web import jobs_api
from tests.trading.tables import DAY
from tests.web.made import MadeDesk, at
from tests.web.made_jobs import ALL_JOBS, EOD_JOBS, MadeJobs, busy_morning, with_jobs

HERE = ("127.0.0.1", 50_000)


@pytest.fixture
def jobs(desk: MadeDesk) -> Iterator[MadeJobs]:
    desk.clock.at_ns = at("08:31")
    with with_jobs(desk) as made:
        yield made


def application(jobs: MadeJobs) -> FastAPI:
    api = FastAPI()
    jobs_api.install(api, jobs.jobs_desk(), jobs.desk.clock)
    return api


@pytest.fixture
async def client(jobs: MadeJobs) -> AsyncIterator[httpx.AsyncClient]:
    async with asked_from(jobs, HERE) as made:
        yield made


def asked_from(jobs: MadeJobs, peer: tuple[str, int], host: str = "localhost:8787") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application(jobs), client=peer)
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}")


async def told(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(f"/api/v1/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_day_that_nobody_opened_tells_what_it_should_have(client: httpx.AsyncClient) -> None:
    day = await told(client, "day")
    assert (day["date"], day["runner"], day["problem"]) == (str(DAY), "", "")
    assert day["blocked"] == "db_backup is not done: the day was not opened yet"
    assert len(day["jobs"]) == len(ALL_JOBS)
    assert {job["status"] for job in day["jobs"]} == {"Pending", "Skipped"}


async def test_every_state_has_the_name_that_the_mission_gives_it(client: httpx.AsyncClient, jobs: MadeJobs) -> None:
    busy_morning(jobs)
    jobs.desk.clock.at_ns = at("09:07")
    jobs.runner = "pid 7"
    day = await told(client, "day")
    assert day["runner"] == "pid 7"
    assert {job["name"]: job["status"] for job in day["jobs"] if job["phase"] == "BOD"} == {
        "ftp_contract_file": "Skipped",
        "copy_files": "Skipped",
        "db_backup": "Successful",
        "db_clean": "Successful",
        "banned_instruments": "Failed",
        "bhavcopy": "Running",
        "bse_masters": "Lost",
        "nse_contract_master": "Skipped",
        "span": "Late",
        "most_active": "Failed",
        "cash_margin": "Failed",
        "holding_and_position": "Successful",
        "instrument_master": "Late",
        "store_adapter_info": "Skipped",
        "universe": "Late",
        "go_or_no_go": "Pending",
    }
    assert day["blocked"].startswith("bse_masters was lost: ")


async def test_a_job_tells_its_attempts_and_why_it_is_as_it_is(client: httpx.AsyncClient, jobs: MadeJobs) -> None:
    busy_morning(jobs)
    job = await told(client, "jobs/holding_and_position")
    assert (job["title"], job["phase"], job["order"], job["on_failure"]) == (
        "Holding and position",
        "BOD",
        120,
        "block",
    )
    assert job["depends_on"] == ["db_clean"]
    assert job["deadline_ns"] == at("09:00")
    (attempt,) = job["attempts"]
    assert (attempt["started_ns"], attempt["ended_ns"]) == (at("08:00:12"), at("08:00:19"))
    assert (attempt["exit_code"], attempt["rows"], attempt["note"]) == (0, 38, "38 holdings, no position")
    held = await told(client, "jobs/span")
    assert (held["held"], held["reason"]) == (True, "held by asha: NSE is late, see their circular")
    waived = await told(client, "jobs/cash_margin")
    assert (waived["status"], waived["overridden_by"]) == ("Failed", "ravi: paper trading today")
    assert [each["name"] for each in await told(client, "jobs")][:2] == ["db_backup", "db_clean"]


async def test_a_day_of_the_past_is_told_when_it_is_named(client: httpx.AsyncClient, jobs: MadeJobs) -> None:
    jobs.done("db_backup", "08:00:01", "08:00:09")
    jobs.desk.clock.at_ns = at("08:31", date(2026, 11, 20))
    assert (await told(client, "jobs/db_backup", date=DAY))["status"] == "Successful"
    assert (await told(client, "jobs/db_backup"))["status"] == "Pending"


async def test_what_people_do_is_done_and_kept_with_who_and_why(client: httpx.AsyncClient, jobs: MadeJobs) -> None:
    busy_morning(jobs)
    before = len(jobs.told())
    for path, answer in (
        ("jobs/instrument_master/hold", {"held": True}),
        ("jobs/instrument_master/release", {"held": False}),
        ("jobs/instrument_master/run", {"status": "Pending"}),
        ("jobs/instrument_master/skip", {"status": "Skipped", "reason": "because (meera)"}),
        ("jobs/banned_instruments/override", {"status": "Failed", "overridden_by": "meera: because"}),
        ("jobs/banned_instruments/rerun", {"status": "Pending", "overridden_by": ""}),
    ):
        reply = await client.post(f"/api/v1/{path}", json={"who": "meera", "why": "because"})
        assert reply.status_code == 200, reply.text
        assert answer.items() <= reply.json().items(), path
    deeds = ("held", "released", "asked", "skipped", "overridden", "rerun")
    assert jobs.told()[before:] == [(deed, "meera", "because") for deed in deeds]
    last = (await told(client, "day/events"))[-1]
    assert (last["name"], last["kind"], last["who"], last["why"]) == ("banned_instruments", "rerun", "meera", "because")
    assert last["at_ns"] == at("08:31")


async def test_a_half_of_the_day_is_run_and_what_failed_again(client: httpx.AsyncClient, jobs: MadeJobs) -> None:
    answer = (await client.post("/api/v1/day/run", json={"phase": "eod", "why": "early"})).json()
    assert (answer["asked"][0], len(answer["asked"]), answer["runner"]) == ("gap_repair", len(EOD_JOBS), "")
    assert set(jobs.told()) == {("asked", "api", "early")}
    busy_morning(jobs)
    answer = (await client.post("/api/v1/day/rerun", json={"from_failed": True})).json()
    assert answer["asked"] == ["bse_masters", "banned_instruments", "most_active", "cash_margin"]
    assert jobs.row("cash_margin").overridden_by == ""
    answer = (await client.post("/api/v1/day/rerun", json={"names": ["db_clean"]})).json()
    assert answer["asked"] == ["db_clean"]


@pytest.mark.parametrize(
    ("path", "body", "code", "error", "hint"),
    [
        ("jobs/bhavcopy/rerun", {}, 409, "bhavcopy runs", "wait for its end"),
        ("jobs/db_backup/hold", {}, 409, "db_backup is done already", "day rerun"),
        ("jobs/db_clean/release", {}, 409, "db_clean is not held", "day status"),
        ("jobs/span/skip", {}, 409, "this needs a reason", "say why"),
        ("jobs/span/override", {"why": " "}, 409, "this needs a reason", "say why"),
        ("jobs/store_adapter_info/run", {}, 409, "is skipped: nobody reads it", "rerun store_adapter_info"),
        ("day/run", {"names": ["bhavcopi"]}, 409, "did you mean bhavcopy?", "day status"),
        ("day/run", {}, 422, "nothing to run is named", "bod or eod"),
        ("day/rerun", {}, 422, "nothing to run again is named", "from_failed"),
        ("jobs/bhavcopi/run", {}, 404, "2026-11-19 has no job 'bhavcopi'", "GET /api/v1/jobs"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_the_remedy_and_changes_nothing(
    client: httpx.AsyncClient, jobs: MadeJobs, path: str, body: dict[str, Any], code: int, error: str, hint: str
) -> None:
    busy_morning(jobs)
    before = jobs.history.events(DAY)
    answer = await client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == code
    assert error in answer.json()["detail"]["error"]
    assert hint in answer.json()["detail"]["hint"]
    assert jobs.history.events(DAY) == before


@pytest.mark.parametrize(
    ("path", "code", "error"),
    [
        ("jobs/nothing", 404, "no job 'nothing'"),
        ("jobs/nothing/log", 404, "no job 'nothing'"),
        ("jobs/span/log", 404, "span has not run yet"),
        ("jobs/db_backup/log?attempt=2", 404, "db_backup has no attempt 2"),
        ("jobs/db_backup/log?attempt=0", 404, "db_backup has no attempt 0"),
        ("day?date=1995-01-02", 404, "1995"),
    ],
)
async def test_what_is_not_there_is_said(
    client: httpx.AsyncClient, jobs: MadeJobs, path: str, code: int, error: str
) -> None:
    busy_morning(jobs)
    answer = await client.get(f"/api/v1/{path}")
    assert answer.status_code == code
    assert error in answer.json()["detail"]["error"]


async def test_a_wrong_registry_is_told_and_a_day_that_was_opened_goes_on(
    client: httpx.AsyncClient, jobs: MadeJobs
) -> None:
    text = jobs.source.read_text()
    jobs.source.write_text(text.replace('"order": 50', '"ordre": 50'))
    answer = await client.get("/api/v1/day")
    assert answer.status_code == 503
    assert "did you mean 'order'?" in answer.json()["detail"]["error"]
    jobs.source.write_text(text)
    jobs.open()
    jobs.source.write_text("{")
    jobs.desk.clock.ago_s = -1
    assert len((await told(client, "day"))["jobs"]) == len(ALL_JOBS)


async def test_the_log_of_an_attempt_is_plain_text_the_newest_unless_one_is_named(
    client: httpx.AsyncClient, jobs: MadeJobs
) -> None:
    jobs.failed("db_backup", "08:00", "08:01", "no", "", "the first, ₹")
    jobs.done("db_backup", "08:02", "08:03", "the second")
    newest = await client.get("/api/v1/jobs/db_backup/log")
    assert newest.headers["content-type"] == "text/plain; charset=utf-8"
    assert newest.text == "the second\n"
    assert (await client.get("/api/v1/jobs/db_backup/log?attempt=1")).text == "the first, ₹\n"
    assert (await client.get("/api/v1/jobs/db_backup/log?follow=true")).text == "the second\n"


async def test_a_log_is_followed_as_it_grows_until_the_attempt_has_ended(jobs: MadeJobs) -> None:
    log = jobs.start("bhavcopy", "08:30", "one")
    said: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(message: Any) -> None:
        if message.get("body"):
            said.put_nowait(message["body"])

    async def receive() -> Any:
        await asyncio.Event().wait()

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/jobs/bhavcopy/log",
        "query_string": b"follow=true",
        "headers": [(b"host", b"localhost")],
        "client": HERE,
    }
    asking = asyncio.create_task(application(jobs)(scope, receive, send))
    for word in (b"one\n", b"two\n", b"three\n"):
        if word != b"one\n":
            with log.open("ab") as file:
                file.write(word)
        assert await asyncio.wait_for(said.get(), 5) == word
    with log.open("ab") as file:
        file.write(b"four\n")
    jobs.end("bhavcopy", Kind.SUCCEEDED, "08:31")
    await asyncio.wait_for(asking, 5)
    assert said.get_nowait() == b"four\n"


HOSTILE_HEADERS = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://localhost:9999"},
    {"origin": "http://["},
    {"host": "rebound.evil.example:8787"},
    {"host": "["},
    {"host": ""},
    {"host": "rebound.evil.example:8787", "origin": "http://rebound.evil.example:8787"},
]


@pytest.mark.parametrize("headers", HOSTILE_HEADERS, ids=str)
@pytest.mark.parametrize("path", ["day/run", "day/rerun", "jobs/bhavcopy/skip", "jobs/bhavcopy/override"])
async def test_a_page_of_another_site_changes_nothing(
    client: httpx.AsyncClient, jobs: MadeJobs, headers: dict[str, str], path: str
) -> None:
    jobs.open()
    body = {"phase": "bod", "why": "x"} if path == "day/run" else {"why": "x"}
    answer = await client.post(f"/api/v1/{path}", json=body, headers=headers)
    assert answer.status_code == 403
    assert "from this machine only" in answer.json()["detail"]["error"]
    assert jobs.told() == []


@pytest.mark.parametrize("peer", ["192.168.1.20", "203.0.113.5", "fe80::1", "testclient", ""])
async def test_another_machine_may_look_and_change_nothing(jobs: MadeJobs, peer: str) -> None:
    jobs.open()
    async with asked_from(jobs, (peer, 1)) as client:
        assert (await client.get("/api/v1/day")).status_code == 200
        assert (await client.post("/api/v1/jobs/bhavcopy/skip", json={"why": "x"})).status_code == 403
    assert jobs.told() == []


@pytest.mark.parametrize("host", ["127.0.0.1:8787", "localhost", "[::1]:8787"])
async def test_this_machine_may_change_things_also_from_its_own_page(jobs: MadeJobs, host: str) -> None:
    async with asked_from(jobs, ("::1", 1), host) as client:
        answer = await client.post(
            "/api/v1/jobs/bhavcopy/hold", json={"why": "x"}, headers={"origin": f"http://{host}"}
        )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"why": "x", "wy": 1}',
        b'{"who": ""}',
        b'{"why": "\\ud800"}',
        b'{"why": NaN}',
        b'{"\\ud800": 1}',
        b'{"why": "%s"}' % (b"x" * 2000),
    ],
)
async def test_a_body_that_is_not_understood_is_refused(client: httpx.AsyncClient, jobs: MadeJobs, body: bytes) -> None:
    jobs.open()
    answer = await client.post("/api/v1/jobs/bhavcopy/hold", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert jobs.told() == []


def test_no_request_that_the_schema_allows_breaks_it(jobs: MadeJobs) -> None:
    jobs.done("db_backup", "08:00:01", "08:00:09", "dumped")
    jobs.failed("bhavcopy", "08:00:01", "08:00:09", "not there")
    served = application(jobs)

    async def from_here(scope: Any, receive: Any, send: Any) -> None:
        await served({**scope, "client": HERE}, receive, send)

    schema = schemathesis.openapi.from_asgi("/openapi.json", from_here)
    operations = list(map(methodcaller("ok"), schema.get_all_operations()))
    assert len(operations) == 13
    done: set[tuple[str, int]] = set()

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data(), st.sampled_from(operations), st.sampled_from(["db_backup", "bhavcopy", None]))
    def holds(data: st.DataObject, operation: Any, name: str | None) -> None:
        case = data.draw(operation.as_strategy())
        if name is not None and "name" in (case.path_parameters or {}):
            case.path_parameters["name"] = name
        answer = case.call(base_url="http://127.0.0.1")
        assert answer.status_code < 500, answer.text
        done.add((case.method, answer.status_code))

    holds()
    assert {("GET", 200), ("POST", 200), ("POST", 409)} <= done
