"""A job's card, its settings, and the day page's panel of jobs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from muhurat.jobs.process import Attempt, Row
from muhurat.web.dashboard import job_cards
from muhurat.web.jobs_desk import last_line, log_tail
from tests.trading.tables import DAY
from tests.web.made import MadeDesk, at
from tests.web.made_jobs import ALL_JOBS, EOD_JOBS, MadeJobs, busy_morning, with_jobs
from tests.web.reading import HOSTILE, harmless, text


@pytest.fixture
def jobs(desk: MadeDesk) -> Iterator[MadeJobs]:
    desk.clock.at_ns = at("08:31")
    with with_jobs(desk) as made:
        busy_morning(made)
        yield made


def card(jobs: MadeJobs, name: str, line: str = "") -> str:
    assert jobs.desk.place.jobs is not None
    word = jobs.desk.place.jobs.working().get(name)
    return text(job_cards.card(jobs.row(name), jobs.desk.clock.now_ns(), word, line))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "db_clean",
            "D DB clean BOD · order 20 · active · blocks Successful 08:00:09 · 1 s 412 rows · 3 tables emptied",
        ),
        ("copy_files", "C Copy files BOD · order 80 · not active · warns Skipped not active"),
        ("instrument_master", "I Instrument master BOD · order 130 · active · blocks Pending due by 09:00"),
        ("most_active", "Failed 08:00:02 · 3 s www.nseindia.com answered 403 a new session is made by itself"),
        ("cash_margin", "Failed 08:00:12 · 1 s the token is of yesterday waived by ravi: paper trading today"),
        ("span", "Pending due by 09:00 held by asha: NSE is late, see their circular"),
        ("bse_masters", "Lost 08:00:02 · 1 m 58 s its process is gone and left no result: nobody knows how it ended"),
        ("gap_repair", "G Gap repair EOD · order 202 · active · warns Pending starts at 15:55:00"),
        ("day_report", "D Day report EOD · order 210 · active · warns Pending waits for data_quality"),
    ],
)
def test_a_card_tells_what_a_job_is_and_how_it_stands(jobs: MadeJobs, name: str, told: str) -> None:
    assert card(jobs, name).endswith(told)


def test_a_running_job_shows_how_far_it_is_and_what_it_said_last(jobs: MadeJobs) -> None:
    line = last_line(jobs.row("bhavcopy").attempts[-1])
    assert card(jobs, "bhavcopy", line).endswith(
        "Running 08:30:31 · 29 s FO bhavcopy: 24,112 of 38,420 rows loaded chunk 25 of 40 loaded"
    )
    row, now_ns = jobs.row("bhavcopy"), jobs.desk.clock.now_ns()
    word = {"at_ns": at("08:30:40"), "detail": "loading", "gauges": {"done": 1, "total": 4}}
    assert "width:25%" in job_cards.card(row, now_ns, word)
    assert "loading" not in job_cards.card(row, now_ns, word | {"at_ns": at("08:29")}), "an earlier attempt's word"


def test_what_is_late_says_so_beside_its_state(jobs: MadeJobs) -> None:
    jobs.desk.clock.at_ns = at("09:07")
    assert "Running LATE 08:30:31 · 36 m 29 s" in card(jobs, "bhavcopy")
    assert card(jobs, "span").endswith(
        "Late due by 09:00 not done by 09:00; held by asha: NSE is late, see their circular"
    )
    jobs.failed("banned_instruments", "09:01", "09:02", "no")
    assert "Failed LATE 09:01:00 · 1 m 0 s · attempt 2 no" in card(jobs, "banned_instruments")


def test_settings_tell_the_registrys_word_attempts_and_deeds(jobs: MadeJobs) -> None:
    told = text(job_cards.details(jobs.row("cash_margin"), jobs.history.events(DAY)))
    assert told.startswith("runs builtin:upload_cash_margin after db_clean not before – deadline 09:00")
    assert "Attempts began took exit rows 08:00:12 1 s 1 –" in told
    assert told.endswith("What people did 08:31:00 overridden ravi paper trading today")
    assert "--password ${env:FTP_PASSWORD}" in text(job_cards.details(jobs.row("ftp_contract_file")))


@pytest.mark.parametrize(
    ("name", "possible"),
    [
        ("instrument_master", {"hold", "skip", "override"}),
        ("span", {"release", "skip", "override"}),
        ("bhavcopy", {"override"}),
        ("banned_instruments", {"skip", "override"}),
        ("cash_margin", {"skip"}),
        ("most_active", {"skip"}),
        ("db_clean", set()),
        ("copy_files", set()),
    ],
)
def test_only_what_can_be_done_to_a_job_is_offered(jobs: MadeJobs, name: str, possible: set[str]) -> None:
    assert set(job_cards.deeds(jobs.row(name))) == possible


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("failed", 3),
        ("BOD fail", 3),
        ("banned", 1),
        ("bhavcopy_of", 1),
        ("eod", len(EOD_JOBS)),
        ("held", 1),
        ("", len(ALL_JOBS)),
        ("x y", 0),
    ],
)
def test_a_search_finds_title_half_and_state(jobs: MadeJobs, wanted: str, found: int) -> None:
    assert sum(job_cards.matches(row, wanted) for row in jobs.rows()) == found


def test_running_a_half_says_what_will_happen(jobs: MadeJobs) -> None:
    rows = [row for row in jobs.rows() if row.process.phase == "BOD"]
    left_out = {"universe", "copy_files", "nse_contract_master", "store_adapter_info"}
    chosen = [row for row in rows if row.process.name not in left_out]
    assert job_cards.what_runs("BOD", rows, chosen).splitlines() == [
        "3 jobs of BOD may start now, each when what it waits for is done. 3 done already stay so.",
        "Running already: Bhavcopy.",
        "Failed before, and waiting for a rerun: Banned instruments, Most active, Cash margin, BSE masters.",
        "Skipped today but ticked, and so run all the same: FTP contract file.",
        "Not ticked, and so at their own time: Universe.",
    ]


def test_the_panel_counts_the_halves_and_names_what_is_not_as_it_should_be(jobs: MadeJobs) -> None:
    told = text(job_cards.panel(jobs.desk.look()))
    assert told.startswith(
        f"Jobs all jobs BOD 3 of 16 done 3 failed, 1 lost, 1 running, 4 pending, 4 skipped EOD 0 of {len(EOD_JOBS)}"
    )
    assert "Bhavcopy Running since 08:30:31" in told
    assert "Most active Failed www.nseindia.com answered 403" in told, "a job that only warns is shown here"
    jobs.desk.clock.at_ns = at("09:07")
    assert "and 2 more" in text(job_cards.panel(jobs.desk.look()))


def test_a_panel_without_jobs_says_why(desk: MadeDesk) -> None:
    assert text(job_cards.panel(desk.look())) == "Jobs No jobs today: the desk file has no section jobs."
    with with_jobs(desk) as jobs:
        jobs.source.write_text("{}}")
        told = text(job_cards.panel(desk.look()))
    assert told.startswith("Jobs all jobs No jobs today: the day's jobs are not known: ")
    assert "process.json: 1 problem: " in told


def test_a_log_is_read_from_its_end_by_whole_lines(jobs: MadeJobs) -> None:
    attempt = jobs.row("bhavcopy").attempts[-1]
    assert log_tail(attempt, 60) == "chunk 24 of 40 loaded\nchunk 25 of 40 loaded\n"
    assert log_tail(dataclasses.replace(attempt, log="/nowhere/x.log")) == ""
    assert "cannot be read" in log_tail(dataclasses.replace(attempt, log="/"))


def test_names_reasons_and_notes_are_only_text(jobs: MadeJobs) -> None:
    bad = hostile(jobs.row("banned_instruments"))
    word = {"at_ns": at("08:31"), "detail": HOSTILE, "gauges": {}}
    for row in (bad, dataclasses.replace(bad, state=jobs.row("bhavcopy").state), dataclasses.replace(bad, held=True)):
        assert harmless(job_cards.card(row, at("08:31"), word, HOSTILE))
        assert harmless(job_cards.details(row, jobs.history.events(DAY)))
    shot = dataclasses.replace(jobs.desk.look(), jobs=(bad,))
    assert harmless(job_cards.panel(shot))


def hostile(row: Row) -> Row:
    last: Attempt = dataclasses.replace(row.attempts[-1], note=HOSTILE, hint=HOSTILE)
    process = dataclasses.replace(row.process, title=HOSTILE, application_path=HOSTILE, parameter={HOSTILE: HOSTILE})
    return dataclasses.replace(row, process=process, reason=HOSTILE, overridden_by=HOSTILE, attempts=(last,))
