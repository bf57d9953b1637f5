"""The runner with real processes: order, parallelism, retries, time limits, secrets, and who may run what when."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from datetime import time as at
from pathlib import Path

import psutil
import pytest

from muhurat.clock import NS_PER_S, ClockPage, SimulatedClock, SystemClock, ist_ns
from muhurat.errors import CalendarError, UsageError
from muhurat.heartbeat import Heartbeat
from muhurat.jobs.process import Registry, Row
from muhurat.jobs.runner import Runner, RunnerBusy, holder
from muhurat.jobs.runs import RunHistory
from muhurat.jobs.scheduler import Scheduler
from muhurat.jobs.standing import Expected, Kind
from muhurat.model.run_event import RunEvent
from muhurat.supervisor.kernel import look
from tests.jobs.bench import DAY, FAIL, TELL_ROWS, Bench, Given, runner_process, save, states, until

NAP = "import time; time.sleep({})"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_jobs_run_after_what_they_depend_on(bench: Bench) -> None:
    bench.job("backup", NAP.format(0.1))
    bench.job("clean", depends_on=("backup",))
    bench.job("load", depends_on=("clean",))
    rows = bench.run()
    assert states(rows) == {"backup": "Successful", "clean": "Successful", "load": "Successful"}
    for before, after in (("backup", "clean"), ("clean", "load")):
        assert (rows[before].attempts[0].ended_ns or 0) <= rows[after].attempts[0].started_ns


def test_independent_jobs_run_side_by_side_up_to_the_limit_and_one_by_one_when_asked(bench: Bench) -> None:
    for number in range(4):
        bench.job(f"load{number}", NAP.format(0.2))
    rows = bench.run(parallel=2)
    assert _most_at_once(rows) == 2
    bench.operator().rerun(DAY, list(rows))
    assert _most_at_once(bench.run(serial=True)) == 1


def test_the_last_of_a_half_lets_the_others_go_first_when_its_own_time_is_over(bench: Bench) -> None:
    """A day that is begun at 09:20 asks the go / no-go when there is something to ask about, not at once."""
    morning = {"begins_ns": ist_ns(DAY, at(8)), "deadline_ns": ist_ns(DAY, at(9))}
    verdict = {"not_before_ns": ist_ns(DAY, at(9, 10)), "deadline_ns": ist_ns(DAY, at(9, 14))}
    bench.job("verdict", "import os; raise SystemExit(not os.path.exists('done'))", **verdict)
    bench.job("span", "import time; time.sleep(0.3); open('done', 'w')", **morning)
    bench.job("margins", FAIL, **morning)
    bench.clock = SimulatedClock(ClockPage.create(bench.folder / "clock", ist_ns(DAY, at(9, 20)), 1.0))
    assert states(bench.run()) == {"verdict": "Successful", "span": "Successful", "margins": "Failed"}


def test_in_its_time_the_last_of_a_half_waits_for_nobody(bench: Bench) -> None:
    verdict = {"not_before_ns": ist_ns(DAY, at(9, 10)), "deadline_ns": ist_ns(DAY, at(9, 14))}
    bench.job("verdict", **verdict)
    bench.job("span", "import os, time\nwhile not os.path.exists('said'): time.sleep(0.01)")
    bench.job("speaker", "open('said', 'w')", depends_on=("verdict",))
    bench.clock = SimulatedClock(ClockPage.create(bench.folder / "clock", ist_ns(DAY, at(9, 12)), 1.0))
    assert set(states(bench.run()).values()) == {"Successful"}


def test_a_late_last_job_that_is_run_alone_waits_only_for_what_runs(bench: Bench) -> None:
    bench.job("span", deadline_ns=ist_ns(DAY, at(9)))
    bench.job("verdict", not_before_ns=ist_ns(DAY, at(9, 10)), deadline_ns=ist_ns(DAY, at(9, 14)))
    bench.clock = SimulatedClock(ClockPage.create(bench.folder / "clock", ist_ns(DAY, at(9, 20)), 1.0))
    rows = bench.run(only=["verdict"])
    assert rows["verdict"].attempts
    assert not rows["span"].attempts


def test_what_depends_on_a_failed_job_stays_pending_and_says_so(bench: Bench) -> None:
    bench.job("bans", FAIL)
    bench.job("gainers", FAIL, on_failure="warn")
    bench.job("after_bans", depends_on=("bans",))
    bench.job("after_that", depends_on=("after_bans",))
    bench.job("after_gainers", depends_on=("gainers",))
    rows = bench.run()
    assert states(rows) == {
        "bans": "Failed",
        "gainers": "Failed",
        "after_bans": "Pending",
        "after_that": "Pending",
        "after_gainers": "Successful",
    }
    assert rows["bans"].reason == "cannot reach the host"
    assert rows["after_that"].reason == "blocked by bans, which failed: cannot reach the host"
    assert any("bans failed: cannot reach the host" in alert for alert in bench.alerts())


def test_a_failure_is_tried_again_and_every_attempt_keeps_its_log(bench: Bench) -> None:
    bench.job(
        "flaky",
        "import pathlib, sys\np = pathlib.Path('seen')\nif p.exists():\n    print('there'); sys.exit(0)\n"
        "p.touch(); print('not there'); sys.exit(75)\n",
        retries=1,
    )
    bench.clock = _Quick()
    rows = bench.run()
    assert states(rows) == {"flaky": "Successful"}
    assert [attempt.exit_code for attempt in rows["flaky"].attempts] == [75, 0]
    assert (bench.log("flaky", 1), bench.log("flaky", 2)) == ("not there\n", "there\n")


def test_wrong_use_is_not_tried_again(bench: Bench) -> None:
    bench.job("wrong", "import sys; sys.exit(2)", retries=3)
    rows = bench.run()
    assert states(rows) == {"wrong": "Failed"}
    assert len(rows["wrong"].attempts) == 1


def test_a_job_that_takes_too_long_is_ended_with_all_it_started(bench: Bench) -> None:
    text = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "pathlib.Path('pid').write_text(str(child.pid)); print('downloading', flush=True); time.sleep(60)\n"
    )
    bench.job("hangs", text, timeout_s=0.4)
    began = time.monotonic()
    rows = bench.run()
    assert rows["hangs"].reason == "timed out after 0.4 s; the last it said: downloading"
    assert time.monotonic() - began < 4
    seen = look(int((bench.folder / "pid").read_text()))
    assert seen is None or not seen.alive


def test_secrets_are_in_no_process_list_and_no_log(bench: Bench) -> None:
    bench.dotenv = {"FTP_PASSWORD": "hunter2-and-more"}
    text = (
        "import pathlib, sys, time\n"
        "assert sys.argv[2] == 'hunter2-and-more', sys.argv\n"
        "print('my password is hunter2-', end='', flush=True); time.sleep(0.1); print('and-more', flush=True)\n"
        "pathlib.Path('ready').touch(); time.sleep(0.4)\n"
    )
    bench.job("ftp", text, parameter={"password": "${env:FTP_PASSWORD}"})
    running = asyncio.new_event_loop()
    lists: list[str] = []

    async def watched() -> None:
        run = asyncio.create_task(bench.runner().run_phase(DAY, "BOD", "tester"))
        while not run.done():
            if (bench.folder / "ready").exists() and not lists:
                lists.extend(" ".join(each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"]))
            await asyncio.sleep(0.02)

    running.run_until_complete(watched())
    running.close()
    assert states(bench.rows()) == {"ftp": "Successful"}, bench.log("ftp")
    assert lists
    assert not any("hunter2" in line for line in lists)
    assert bench.log("ftp") == "my password is ***\n"
    assert not any("hunter2" in path.read_text(errors="replace") for path in bench.folder.rglob("*.json"))


def test_a_secret_for_something_else_than_python_is_refused_with_the_remedy(bench: Bench) -> None:
    bench.dotenv = {"TOKEN": "abcdefgh"}
    script = bench.folder / "load.sh"
    script.write_text("#!/bin/sh\necho $*\n")
    script.chmod(0o755)
    bench.job("shell", parameter={"day": "today"}, script=script)
    bench.job("shell_with_secret", parameter={"token": "${env:TOKEN}"}, script=script)
    rows = bench.run()
    assert states(rows) == {"shell": "Successful", "shell_with_secret": "Failed"}
    assert bench.log("shell") == "--day today\n"
    assert "every process list would show" in rows["shell_with_secret"].reason
    assert "wrap it in a Python script" in rows["shell_with_secret"].attempts[0].hint


def test_a_missing_secret_and_a_missing_script_are_wrong_use(bench: Bench) -> None:
    bench.job("unset", parameter={"token": "${env:NOT_SET_ANYWHERE}"})
    gone = bench.job("gone", retries=2)
    assert gone.script is not None
    gone.script.unlink()
    rows = bench.run()
    assert "NOT_SET_ANYWHERE is not set" in rows["unset"].reason
    assert "gone.py cannot be read" in rows["gone"].reason
    assert [len(row.attempts) for row in rows.values()] == [1, 1]


def test_a_script_runs_in_the_desks_folder_as_if_called_by_name(bench: Bench) -> None:
    (bench.folder / "beside.py").write_text("WORD = 'found'\n")
    text = "import beside, os, sys\nprint(__name__, beside.WORD, os.getcwd() == sys.argv[2])\n"
    bench.job("main", text, parameter={"folder": str(bench.folder)})
    bench.run()
    assert bench.log("main") == "__main__ found True\n"


def test_what_the_plan_skips_is_skipped_with_its_reason_and_blocks_nothing(bench: Bench) -> None:
    bench.job("bhavcopy", skip="NSE is closed: Diwali")
    bench.job("report", depends_on=("bhavcopy",))
    rows = bench.run()
    assert states(rows) == {"bhavcopy": "Skipped", "report": "Successful"}
    assert rows["bhavcopy"].reason == "NSE is closed: Diwali"
    assert rows["bhavcopy"].attempts == ()


def test_too_few_rows_are_a_failure_that_names_both_numbers(bench: Bench) -> None:
    counts = bench.folder / "rows"
    job = bench.job("load", TELL_ROWS, parameter={"file": str(counts)})
    for number, day in enumerate((16, 17, 18)):
        counts.write_text(str(1000 + number))
        asyncio.run(bench.runner().run_phase(DAY.replace(day=day), "BOD", "tester"))
    counts.write_text("499")
    rows = bench.run()
    assert rows["load"].state.value == "Failed"
    assert rows["load"].reason == "too few rows: 499, where the median of the last 3 runs is 1,001"
    assert job.name in " ".join(bench.alerts())
    counts.write_text("501")
    bench.operator().rerun(DAY, ["load"])
    assert states(bench.run()) == {"load": "Successful"}


def test_a_second_runner_of_the_same_half_says_who_has_it(bench: Bench) -> None:
    bench.job("slow", NAP.format(1))
    other = runner_process(save(bench))
    until(lambda: holder(bench.folder / "run" / "jobs", DAY, "BOD"))
    with pytest.raises(RunnerBusy, match=f"BOD of {DAY} is being run by pid {other.pid}, started by tester"):
        bench.run()
    assert other.wait(10) == 0
    assert len(bench.rows()["slow"].attempts) == 1


def test_ctrl_c_ends_what_runs_and_leaves_it_to_run_again(bench: Bench) -> None:
    bench.job("slow", "import time; time.sleep(0.4 if __import__('pathlib').Path('again').exists() else 30)")

    async def interrupted() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.4, stop.set)
        await bench.runner().run_phase(DAY, "BOD", "tester", stop=stop)

    began = time.monotonic()
    asyncio.run(interrupted())
    assert time.monotonic() - began < 4
    row = bench.rows()["slow"]
    assert (row.state.value, row.reason) == ("Pending", "stopped before it was done")
    (bench.folder / "again").touch()
    assert states(bench.run()) == {"slow": "Successful"}


def test_a_changed_registry_counts_for_jobs_that_have_not_started(bench: Bench) -> None:
    bench.job("first", NAP.format(0.8))
    bench.job("second", depends_on=("first",), parameter={"x": "old"})
    given = Given(bench.folder / "process.json", bench.registry())
    runner = Runner(bench.crew(given), bench.folder / "run" / "jobs")

    async def changed() -> None:
        run = asyncio.create_task(runner.run_phase(DAY, "BOD", "tester"))
        await asyncio.sleep(0.2)
        bench.processes[1] = replace(bench.processes[1], parameter={"x": "new"})
        bench.job("third", depends_on=("second",))
        given.registry = bench.registry()
        await run

    asyncio.run(changed())
    assert bench.log("second") == "--x new\n"
    assert states(bench.rows())["third"] == "Successful"


def test_a_job_that_the_registry_no_longer_has_is_skipped_unless_it_ran(bench: Bench) -> None:
    bench.job("ran")
    bench.job("waits", depends_on=("ran",))
    bench.run(only=["ran"])
    bench.processes = []
    rows = bench.run()
    assert states(rows) == {"ran": "Successful", "waits": "Skipped"}
    assert rows["waits"].reason == "no longer in the registry"


def test_held_jobs_wait_and_a_named_job_runs_alone(bench: Bench) -> None:
    bench.job("one")
    bench.job("two")
    bench.job("three", depends_on=("one",))
    asha = bench.operator("asha")
    asha.hold(DAY, "one", "waiting for NSE's circular")
    rows = bench.run()
    assert states(rows) == {"one": "Pending", "two": "Successful", "three": "Pending"}
    assert rows["one"].reason == "held by asha: waiting for NSE's circular"
    assert "waits for one, which is held by asha" in rows["three"].reason
    asha.release(DAY, "one")
    assert states(bench.run(only=["one"])) == {"one": "Successful", "two": "Successful", "three": "Pending"}


def test_an_override_lets_the_others_go_on(bench: Bench) -> None:
    bench.job("span", FAIL)
    bench.job("margins", depends_on=("span",))
    assert states(bench.run())["margins"] == "Pending"
    bench.operator("asha").override(DAY, "span", "yesterday's file is good enough")
    rows = bench.run()
    assert states(rows) == {"span": "Failed", "margins": "Successful"}
    assert rows["span"].overridden_by == "asha: yesterday's file is good enough"


def test_rerun_from_failed_keeps_attempts_and_runs_what_follows(bench: Bench) -> None:
    bench.job("load", "import pathlib, sys; sys.exit(not pathlib.Path('there').exists())")
    bench.job("warned", "import pathlib, sys; sys.exit(not pathlib.Path('there').exists())", on_failure="warn")
    bench.job("after", depends_on=("load",))
    bench.job("report", depends_on=("warned",))
    bench.job("other")
    bench.run()
    (bench.folder / "there").touch()
    assert bench.operator().rerun_from_failed(DAY) == ["load", "warned"]
    rows = bench.run()
    assert set(states(rows).values()) == {"Successful"}
    assert {name: len(row.attempts) for name, row in rows.items()} == {
        "load": 2,
        "warned": 2,
        "after": 1,
        "report": 1,
        "other": 1,
    }


def test_a_job_whose_earlier_process_lives_on_is_not_run_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that leaves a daemon outside its group: the lock tells, and the job fails with its pid."""
    text = (
        "import os, pathlib, subprocess, sys\n"
        "fd = next(int(n) for n in os.listdir('/proc/self/fd')"
        " if os.path.exists(f'/proc/self/fd/{n}') and os.readlink(f'/proc/self/fd/{n}').endswith('load.lock'))\n"
        "child = subprocess.Popen(['sleep', '20'], start_new_session=True, pass_fds=(fd,),"
        " stdin=-3, stdout=-3, stderr=-3)\n"
        "pathlib.Path('pid').write_text(str(child.pid))\n"
    )
    bench.job("load", text)
    assert states(bench.run()) == {"load": "Successful"}
    pid = int((bench.folder / "pid").read_text())
    try:
        monkeypatch.setattr("muhurat.jobs.scheduler._LEFTOVER_S", 0.1)
        bench.operator().rerun(DAY, ["load"])
        row = bench.run()["load"]
        assert row.state.value == "Failed"
        assert f"still lives (pid {pid})" in row.reason
        assert len(row.attempts) == 1
    finally:
        os.kill(pid, signal.SIGKILL)


def test_desk_time_stands_still_in_a_rehearsal_while_a_job_works(bench: Bench) -> None:
    page = ClockPage.create(bench.folder / "clock", ist_ns(DAY, at(8)))
    bench.clock = SimulatedClock(page)
    bench.job("load", NAP.format(0.3))
    scheduler = Scheduler(DAY, "BOD", bench.crew(), parallel=1)
    scheduler.step()
    held = []
    until(lambda: (scheduler.step(), held.append(page.held()), scheduler.finished())[-1])
    assert held[0]
    assert not page.held()


def test_the_service_runs_a_day_by_its_hours_and_takes_requests(bench: Bench) -> None:
    """A rehearsal's clock that a test moves: the service is at every appointed instant before time goes on."""
    page = ClockPage.create(bench.folder / "clock", ist_ns(DAY, at(7)), speed=1)
    bench.clock = SimulatedClock(page)
    bench.job("bod", begins_ns=ist_ns(DAY, at(8)))
    bench.job("eod", phase="EOD", begins_ns=ist_ns(DAY, at(15, 50)), not_before_ns=ist_ns(DAY, at(18, 30)))
    runner, stop = bench.runner(), asyncio.Event()
    heartbeat = Heartbeat("jobs", bench.folder / "run", bench.clock)

    async def a_day() -> dict[str, str]:
        serving = asyncio.create_task(runner.serve(heartbeat, stop))
        await asyncio.sleep(0.5)
        assert states(bench.rows()) == {"bod": "Pending", "eod": "Pending"}
        assert page.appointment_ns(2**62) == ist_ns(DAY, at(8))
        assert holder(bench.folder / "run" / "jobs", DAY, "BOD").startswith("the service `jobs`")
        page.now_ns = ist_ns(DAY, at(8))
        await _until(lambda: bench.rows()["bod"].state.value == "Successful")
        await _until(lambda: page.appointment_ns(2**62) == ist_ns(DAY, at(18, 30)))
        bench.operator().rerun(DAY, ["bod"], "again")
        await _until(lambda: len(bench.rows()["bod"].attempts) == 2)
        page.now_ns = ist_ns(DAY, at(18, 30)) + NS_PER_S
        await _until(lambda: bench.rows()["eod"].state.value == "Successful")
        stop.set()
        await serving
        return states(bench.rows())

    assert asyncio.run(a_day()) == {"bod": "Successful", "eod": "Successful"}
    assert json.loads((bench.folder / "run" / "jobs.status.json").read_text())["detail"].startswith("has BOD")


async def _until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + 8
    while not true():
        assert time.monotonic() < limit, "waited in vain"
        await asyncio.sleep(0.02)


def test_a_day_beyond_the_calendar_is_not_opened_and_the_service_says_so(bench: Bench) -> None:
    bench.job("load")
    crew = replace(bench.crew(), plan=_beyond)
    with pytest.raises(CalendarError):
        asyncio.run(Runner(crew, bench.folder / "run" / "jobs").run_phase(DAY, "BOD", "tester"))
    stop = asyncio.Event()

    async def serve() -> None:
        asyncio.get_running_loop().call_later(0.5, stop.set)
        await Runner(crew, bench.folder / "run" / "jobs").serve(Heartbeat("jobs", bench.folder, bench.clock), stop)

    asyncio.run(serve())
    assert [what for what in bench.alerts() if "knows nothing of" in what] == bench.alerts()
    assert len(bench.alerts()) == 1
    assert bench.rows() == {}


def test_what_an_earlier_service_left_running_yesterday_does_not_stay_running(bench: Bench) -> None:
    bench.job("load")
    bench.operator().open_day(DAY)
    begun = RunEvent(1, DAY, "load", Kind.STARTED, f"{DAY}.load.1")
    bench.history().change(DAY, lambda _: [begun])
    assert bench.rows()["load"].state.value == "Running"
    stop = asyncio.Event()

    async def serve() -> None:
        asyncio.get_running_loop().call_later(0.6, stop.set)
        await bench.runner().serve(Heartbeat("jobs", bench.folder, bench.clock), stop)

    bench.when["load"] = {"skip": "not today"}
    asyncio.run(serve())
    row = bench.rows()["load"]
    assert (row.state.value, row.reason) == ("Pending", "it was to start when the runner died, and never began")


def _beyond(registry: Registry, day: date) -> list[Expected]:
    raise CalendarError(f"the calendar knows nothing of {day}")


def test_only_known_jobs_can_be_named(bench: Bench) -> None:
    bench.job("load")
    with pytest.raises(UsageError, match="did you mean load"):
        bench.operator().rerun(DAY, ["laod"])


def test_the_history_is_the_same_when_made_again_from_its_events(bench: Bench) -> None:
    bench.job("load", FAIL)
    bench.job("after", depends_on=("load",))
    bench.run()
    bench.operator("asha").skip(DAY, "load", "not today")
    rows = bench.run()
    assert states(rows) == {"load": "Skipped", "after": "Successful"}
    fresh: RunHistory = bench.history()
    assert {row.process.name: row for row in fresh.rows(DAY)} == rows
    deeds = [(event.kind, event.who, event.why) for event in fresh.events(DAY) if event.who == "asha"]
    assert deeds == [("skipped", "asha", "not today")]


def _most_at_once(rows: Mapping[str, Row]) -> int:
    last = [row.attempts[-1] for row in rows.values()]
    return max(sum(one.started_ns <= each.started_ns < (one.ended_ns or 0) for one in last) for each in last)


class _Quick(SystemClock):
    """Desk time runs 100 times as fast, so that waiting to try again takes no time."""

    def __init__(self) -> None:
        self._began = time.time_ns()

    def now_ns(self) -> int:
        return self._began + 100 * (time.time_ns() - self._began)
