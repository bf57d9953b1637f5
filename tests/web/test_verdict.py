"""Are we all right, what is wrong, what is to be done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from muhurat.jobs.standing import Kind
from muhurat.web.verdict import problems, verdict
from tests.trading.tables import DAY
from tests.web.made import FEED, MadeDesk, at
from tests.web.made_jobs import ALL_JOBS, MadeJobs, with_jobs


def test_a_desk_that_is_well_has_no_problem(desk: MadeDesk) -> None:
    assert verdict(desk.look()) == ("ok", "4 services as they should be")
    assert problems(desk.look()) == []


@pytest.mark.parametrize("state", ["waiting", "finished", "starting", "stopping"])
def test_services_that_rest_or_change_are_well(desk: MadeDesk, state: str) -> None:
    desk.put("recorder", state)
    assert verdict(desk.look())[0] == "ok"


@pytest.mark.parametrize(
    ("state", "detail", "word", "what", "do"),
    [
        ("fatal", "exit code 2; see trader_output.log", "down", "trader given up: exit code 2", "muhurat start trader"),
        ("gone", "", "down", "trader is gone", "muhurat up"),
        ("backoff", "exit code 1; again in 2.0 s", "degraded", "trader: exit code 1; again in 2.0 s", "by itself"),
        ("stopped", "stopped by the operator", "degraded", "trader stopped by the operator", "muhurat start trader"),
        ("odd", "why", "degraded", "trader odd: why", "logs/trader_output.log"),
    ],
)
def test_a_service_that_does_not_work_is_named_with_what_to_do(
    desk: MadeDesk, state: str, detail: str, word: str, what: str, do: str
) -> None:
    desk.put("trader", state, detail)
    shot = desk.look()
    assert verdict(shot)[0] == word
    (problem,) = problems(shot)
    assert problem.what == what
    assert do in problem.do


def test_a_running_service_that_has_fallen_silent_is_a_problem(desk: MadeDesk) -> None:
    desk.say("decode", ago_s=12)
    (problem,) = problems(desk.look())
    assert problem.what.startswith("decode has been silent for 1")
    desk.put("decode", "waiting")
    assert problems(desk.look()) == []


def test_without_a_supervisor_the_desk_is_down(tmp_path: Path) -> None:
    desk = MadeDesk(tmp_path)
    for row in desk.rows:
        row["state"] = "waiting"
    desk.run()
    assert verdict(desk.look()) == ("down", "the supervisor does not run (start it: muhurat up)")


def test_a_supervisor_that_does_not_answer_is_a_problem(desk: MadeDesk) -> None:
    desk.say("supervisor", ago_s=60, services=desk.rows)
    word, why = verdict(desk.look())
    assert word == "degraded"
    assert why.startswith("the supervisor is not answering")


@pytest.mark.parametrize(
    ("feed", "what"),
    [
        ({"state": "refused"}, "sensex_desk is refused"),
        ({"state": "refused", "login_needed": True}, "login needed: sensex_desk is refused"),
        ({"state": "disconnected"}, "sensex_desk is disconnected"),
        ({"last_data_ns": at("09:30:00")}, "no data on sensex_desk for 1 m 0 s"),
        (
            {"disk_error": "full", "buffered_records": 412},
            "the disk refuses: 412 records of sensex_desk wait in memory",
        ),
        ({"sync_error": "I/O error"}, "sensex_desk does not come to the disk itself: I/O error"),
        ({"dropped_records": 1200}, "1,200 records of sensex_desk were dropped"),
        ({"problem": "no universe file"}, "sensex_desk: no universe file"),
    ],
)
def test_what_is_wrong_with_a_feed_is_said(desk: MadeDesk, feed: dict[str, Any], what: str) -> None:
    desk.record(**feed)
    shot = desk.look()
    assert verdict(shot)[0] == "degraded"
    assert [problem.what for problem in problems(shot)] == [what]


def test_a_feed_need_not_be_connected_after_the_close(tmp_path: Path, desk: MadeDesk) -> None:
    desk.clock.at_ns = at("15:41")
    desk.run(state="disconnected", last_data_ns=at("15:30"))
    assert problems(desk.look()) == []


def test_a_refused_connection_is_a_problem_before_the_open(desk: MadeDesk) -> None:
    desk.clock.at_ns = at("09:07")
    desk.run(state="refused", last_data_ns=0)
    assert [problem.what for problem in problems(desk.look())] == ["sensex_desk is refused"]


def test_a_disk_that_will_be_full_is_said_while_somebody_records_on_it(desk: MadeDesk) -> None:
    desk.say_disk(free_bytes=1, trouble={"what": "the disk will be full in about 2.0 h", "hint": "make room on it"})
    found = problems(desk.look())
    assert [(problem.what, problem.do) for problem in found] == [
        ("the disk will be full in about 2.0 h", "make room on it")
    ]
    desk.put("recorder", "waiting")
    assert problems(desk.look()) == []


def test_a_disk_that_refuses_is_said_once(desk: MadeDesk) -> None:
    feed = {"state": "connected", "last_data_ns": desk.clock.at_ns, "disk_error": "full", "buffered_records": 412}
    full = {"what": "the disk will be full in about 0.0 h", "hint": "make room on it"}
    desk.say("recorder", "packets", feeds={FEED: feed}, disk={"free_bytes": 0, "trouble": full})
    assert [each.what for each in problems(desk.look())] == [
        "the disk refuses: 412 records of sensex_desk wait in memory"
    ]


def test_damaged_files_are_said(desk: MadeDesk) -> None:
    desk.decide([{"no": "kind"}])
    desk.say("decode", feed=FEED, damaged=2)
    found = [problem.what for problem in problems(desk.look())]
    assert found == [
        "1 line of today's decisions cannot be read",
        "the journal of sensex_desk is damaged in 2 places",
    ]


def test_ticks_that_cannot_be_kept_are_a_problem_with_the_stores_remedy(desk: MadeDesk) -> None:
    remedy = "have the server run: ALTER TABLE ticks_full RESUME WAL"
    desk.say("decode", feed=FEED, trouble="QuestDB has suspended the table ticks_full", remedy=remedy)
    (problem,) = problems(desk.look())
    assert problem.what == "ticks of sensex_desk are not kept: QuestDB has suspended the table ticks_full"
    assert problem.do.startswith(f"{remedy}; nothing is lost")


def test_a_stream_that_is_away_or_lacks_records_is_said_while_it_is_published(desk: MadeDesk) -> None:
    desk.say("publish", feed=FEED, state="away", behind_records=12, dropped_records=0)
    assert problems(desk.look()) == []
    desk.rows.append({**desk.rows[0], "name": "publish"})
    desk.supervise()
    assert [problem.what for problem in problems(desk.look())] == [
        "the stream of sensex_desk is away, 12 records wait in the journal"
    ]
    desk.say("publish", feed=FEED, state="connected", behind_records=0, dropped_records=3)
    assert [problem.what for problem in problems(desk.look())] == [
        "3 records of sensex_desk were left out of its stream"
    ]


def test_the_worst_comes_first(desk: MadeDesk) -> None:
    desk.record(state="refused", disk_error="full")
    desk.put("trader", "fatal", "exit code 2")
    found = problems(desk.look())
    assert [problem.down for problem in found] == [True, False, False]


@pytest.fixture
def jobs(desk: MadeDesk) -> Iterator[MadeJobs]:
    desk.clock.at_ns = at("08:31")
    desk.run()
    with with_jobs(desk) as made:
        yield made


def told(desk: MadeDesk) -> list[tuple[str, str]]:
    return [(problem.what, problem.do) for problem in problems(desk.look())]


def test_a_blocking_job_that_failed_is_a_problem_with_its_cause_and_its_remedy(desk: MadeDesk, jobs: MadeJobs) -> None:
    jobs.failed("bhavcopy", "08:00", "08:01", "CM of 2026-11-18 is not published", "it comes at 18:30")
    assert verdict(desk.look()) == (
        "degraded",
        "Bhavcopy failed: CM of 2026-11-18 is not published (it comes at 18:30; then muhurat day rerun bhavcopy)",
    )
    jobs.operator().override(DAY, "bhavcopy", "not needed")
    assert told(desk) == []


def test_a_lost_job_is_a_problem(desk: MadeDesk, jobs: MadeJobs) -> None:
    jobs.start("span", "08:00")
    assert told(desk) == []
    jobs.end("span", Kind.LOST, "08:01", "nobody knows")
    assert told(desk) == [("SPAN was lost: nobody knows", "muhurat day rerun span")]


def test_a_job_that_only_warns_is_no_problem_of_the_desk(desk: MadeDesk, jobs: MadeJobs) -> None:
    jobs.failed("most_active", "08:00", "08:01", "403")
    assert verdict(desk.look())[0] == "ok"


def test_jobs_that_are_late_are_told_together_and_one_that_is_late_by_itself(desk: MadeDesk, jobs: MadeJobs) -> None:
    blocking = [
        row.process.name for row in jobs.rows() if row.process.phase == "BOD" and row.deadline_ns == at("09:00")
    ]
    jobs.open()
    desk.clock.at_ns = at("09:00:01")
    desk.run()
    ((what, do),) = told(desk)
    assert what.startswith("9 jobs are late: DB backup, DB clean, Bhavcopy, SPAN, ")
    assert do == "see the page of jobs, or muhurat day status"
    for name in blocking:
        if jobs.row(name).state != "Skipped" and name != "span":
            jobs.done(name, "08:00", "08:01")
    jobs.start("span", "08:59")
    assert told(desk)[0][0] == "SPAN is late and still runs"


def test_a_wrong_registry_is_a_problem_whether_or_not_an_old_one_is_in_force(desk: MadeDesk, jobs: MadeJobs) -> None:
    sound = jobs.source.read_text()
    jobs.source.write_text(sound.replace('"order": 50', '"ordre": 50'))
    shot = desk.look()
    assert shot.jobs == ()
    assert verdict(shot)[0] == "degraded"
    assert "did you mean 'order'?" in verdict(shot)[1]
    jobs.source.write_text(sound)
    assert told(desk) == []
    jobs.source.write_text("{")
    desk.clock.ago_s = -1
    jobs.registry.current()
    assert len(desk.look().jobs) == len(ALL_JOBS)
    ((what, do),) = told(desk)
    assert what.startswith("the jobs' registry is wrong: ")
    assert "what it said before stays in force" in do
