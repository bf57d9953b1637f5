"""kill -9 of the runner at any moment: the next one goes on to the same end, and nothing runs twice that may not."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import time
from functools import partial
from pathlib import Path

import pytest

from muhurat.jobs.process import State
from muhurat.supervisor import lock
from muhurat.supervisor.kernel import look
from tests.jobs.bench import Bench, runner_process, save, states, until

LOAD = """
import sqlite3, sys, time
name = sys.argv[2]
with sqlite3.connect("reference.db", timeout=20) as database:
    database.execute("BEGIN IMMEDIATE")
    database.execute("DELETE FROM loaded WHERE name = ?", (name,))
    for number in range(5):
        database.execute("INSERT INTO loaded VALUES (?, ?)", (name, number))
        time.sleep(0.005)
"""

ONCE = """
import sqlite3
with sqlite3.connect("reference.db", timeout=20) as database:
    database.execute("INSERT INTO sent VALUES ('mail')")
"""

ROUNDS = 20
FORK = multiprocessing.get_context("fork")


def the_bench(folder: Path) -> Bench:
    """Seven jobs with side effects in a database; one of them may not run twice."""
    with sqlite3.connect(folder / "reference.db") as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE loaded (name TEXT, number INTEGER)")
        database.execute("CREATE TABLE sent (what TEXT)")
    bench = Bench(folder)
    for name, after in (("bhavcopy", ()), ("bans", ()), ("span", ("bhavcopy",)), ("margins", ("bans", "span"))):
        bench.job(name, LOAD, parameter={"name": name}, depends_on=after)
    bench.job("mail", ONCE, depends_on=("bhavcopy",), idempotent=False, on_failure="warn")
    bench.job("report", LOAD, parameter={"name": "report"}, depends_on=("margins", "mail"))
    return bench


def go_on(bench: Bench) -> None:
    """What `muhurat day rerun --from-failed` does."""
    runner, operator = bench.runner(), bench.operator()

    async def to_the_end() -> None:
        operator.open_day(bench.day)
        await runner.settle(bench.day, "BOD", "tester", asyncio.Event())
        operator.rerun_from_failed(bench.day)
        await runner.run_phase(bench.day, "BOD", "tester", only=sorted(operator.begun(bench.day)), ask=False)

    asyncio.run(to_the_end())


def content(bench: Bench) -> list[tuple[str, int]]:
    with sqlite3.connect(bench.folder / "reference.db") as database:
        return database.execute("SELECT name, number FROM loaded ORDER BY name, number").fetchall()


def times_sent(bench: Bench) -> int:
    with sqlite3.connect(bench.folder / "reference.db") as database:
        return int(database.execute("SELECT count(*) FROM sent").fetchone()[0])


@pytest.mark.slow
def test_a_runner_killed_at_any_moment_is_followed_by_one_that_comes_to_the_same_end(tmp_path: Path) -> None:
    whole = _round(tmp_path, 0)
    began = time.monotonic()
    whole.run()
    took_s, expected = time.monotonic() - began, content(whole)
    chance = random.Random(20)
    killed_while_running = 0
    for number in range(1, ROUNDS + 1):
        bench = _round(tmp_path, number)
        runner = FORK.Process(target=bench.run)  # a fork, because imports take longer than the jobs
        runner.start()
        history = bench.history()
        until(partial(history.rows, bench.day))
        history.close()
        time.sleep(chance.uniform(0, took_s))
        runner.kill()
        runner.join()
        killed_while_running += any(row.state is State.RUNNING for row in bench.rows().values())
        go_on(bench)
        rows = bench.rows()
        lost = {name for name, row in rows.items() if row.state is State.LOST}
        assert lost <= {"mail"}, states(rows)
        assert {row.state for name, row in rows.items() if name not in lost} == {State.SUCCESSFUL}
        assert content(bench) == expected
        assert times_sent(bench) <= 1
        assert times_sent(bench) == 1 or "mail" in lost
    assert killed_while_running > ROUNDS // 4


def test_a_job_whose_runner_was_killed_is_waited_for_and_not_started_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.job("slow", "import time; open('started', 'a').write('x'); time.sleep(1)")
    bench.job("after", depends_on=("slow",))
    runner = runner_process(save(bench))
    until((tmp_path / "started").exists)
    runner.kill()
    runner.wait()
    assert states(bench.run()) == {"slow": "Successful", "after": "Successful"}
    assert (tmp_path / "started").read_text() == "x"
    assert len(bench.rows()["slow"].attempts) == 1


def test_the_result_of_a_job_that_ended_while_no_runner_lived_is_taken_in(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.job(
        "fails", "open('began', 'w'); import time; time.sleep(0.5); print('no bhavcopy yet'); raise SystemExit(1)"
    )
    runner = runner_process(save(bench))
    until((tmp_path / "began").exists)
    runner.kill()
    runner.wait()
    until(lambda: not lock.is_held(tmp_path / "run" / "jobs" / "fails.lock"))
    found_ns = bench.clock.now_ns()
    row = bench.run()["fails"]
    assert (row.state, row.reason, len(row.attempts)) == (State.FAILED, "no bhavcopy yet", 1)
    ended = row.attempts[0]
    assert ended.started_ns + 0.4e9 < (ended.ended_ns or 0) <= found_ns


def test_when_everything_of_a_job_was_killed_it_is_lost_and_only_run_again_if_it_may_be(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for name, idempotent in (("load", True), ("mail", False)):
        text = "import pathlib, time\ntime.sleep(0 if pathlib.Path('again').exists() else 30)\n"
        bench.job(name, text, idempotent=idempotent)
    runner = runner_process(save(bench))
    locks = [tmp_path / "run" / "jobs" / f"{name}.lock" for name in ("load", "mail")]
    until(lambda: all(len(list(lock.holders(path))) >= 2 for path in locks))
    runner.kill()
    runner.wait()
    for path in locks:
        for pid in lock.holders(path):
            _kill(pid)
    until(lambda: not any(lock.is_held(path) for path in locks))
    rows = bench.run()
    assert states(rows) == {"load": "Lost", "mail": "Lost"}
    assert "nobody knows how it ended" in rows["load"].reason
    (tmp_path / "again").touch()
    go_on(bench)
    assert states(bench.rows()) == {"load": "Successful", "mail": "Lost"}
    bench.operator().rerun(bench.day, ["mail"])
    assert states(bench.run()) == {"load": "Successful", "mail": "Successful"}


def test_a_job_whose_surrounding_process_was_killed_is_found_by_its_lock(tmp_path: Path) -> None:
    """The process around the job dies, the job lives on: it is neither lost nor run beside itself, until it ends."""
    bench = Bench(tmp_path)
    bench.job("load", "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(1)")
    runner = runner_process(save(bench))
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    pid = int((tmp_path / "pid").read_text())
    for holder in lock.holders(tmp_path / "run" / "jobs" / "load.lock"):
        if holder != pid:
            _kill(holder)
    runner.wait(10)
    seen = look(pid)
    assert seen is None or not seen.alive
    assert states(bench.rows()) == {"load": "Lost"}
    assert len(bench.rows()["load"].attempts) == 1


def _round(folder: Path, number: int) -> Bench:
    """A fresh bench; its empty run log is a copy, because making one takes as long as the jobs."""
    template, own = folder / "template", folder / str(number)
    if not template.exists():
        template.mkdir()
        Bench(template).history().close()
    shutil.copytree(template, own)
    return the_bench(own)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
