"""The checker: a deadline that passes is told, whatever the runner did or did not do."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from datetime import time as at
from pathlib import Path
from typing import Any

import pytest

from muhurat.clock import (
    ENVIRONMENT_VARIABLE,
    NS_PER_S,
    ClockPage,
    ManualClock,
    SimulatedClock,
    SystemClock,
    ist,
    ist_ns,
)
from muhurat.errors import CalendarError, NotifyError, StoreError
from muhurat.heartbeat import Heartbeat
from muhurat.jobs.deadlines import Checker
from muhurat.jobs.runs import RunHistory
from muhurat.jobs.standing import Expected
from muhurat.notify.base import Message
from muhurat.supervisor import lock
from muhurat.supervisor.alerts import Alerts, read_alerts
from tests.jobs.bench import DAY, FAIL, SAY, Bench, runner_process, save, until

NINE = ist_ns(DAY, at(9))


@dataclass
class Mail:
    """A channel that takes its time, and may refuse."""

    sent: list[str] = field(default_factory=list)
    refuses: bool = False

    def send(self, message: Message) -> None:
        if self.refuses:
            raise NotifyError("the mail server is gone")
        self.sent.append(message.subject)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A desk whose BOD begins at 08:00 and is due at 09:00; the time is 08:59:59."""
    bench = Bench(tmp_path, ManualClock(NINE - NS_PER_S))
    for name, text in (("bhavcopy", FAIL), ("bans", "print(1)")):
        bench.job(name, text, begins_ns=ist_ns(DAY, at(8)), deadline_ns=NINE)
    return bench


def checker(bench: Bench, *, runner_lives: bool = True, mail: Mail | None = None) -> Checker:
    alerts = Alerts(bench.folder / "run", bench.clock)
    return Checker(
        bench.history(),
        lambda day: bench.plan(bench.registry(), day),
        lambda day: runner_lives,
        alerts,
        bench.clock,
        mail,
    )


def at_nine(bench: Bench) -> None:
    assert isinstance(bench.clock, ManualClock)
    bench.clock.set(NINE)


def test_a_day_that_was_never_opened_is_told_job_by_job_and_gets_its_rows(bench: Bench) -> None:
    watch = checker(bench)
    assert watch.look() == NINE
    assert bench.alerts() == []
    at_nine(bench)
    watch.look()
    assert bench.alerts() == [
        f"BOD {DAY}: bhavcopy was not done by 09:00: the day was never opened: nothing ran",
        f"BOD {DAY}: bans was not done by 09:00: the day was never opened: nothing ran",
    ]
    assert {row.state.value for row in bench.rows().values()} == {"Late"}


def test_every_deadline_is_told_once_also_by_the_next_checker(bench: Bench) -> None:
    at_nine(bench)
    watch = checker(bench)
    for _ in range(3):
        watch.look()
    checker(bench).look()
    assert len(bench.alerts()) == 2


def test_a_run_log_that_takes_nothing_makes_one_alert_of_each_and_not_four_a_second(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("desk.db: the disk is full", hint="make room")

    monkeypatch.setattr(RunHistory, "change", full)
    at_nine(bench)
    watch = checker(bench)
    for _ in range(8):
        watch.look()
    assert len(bench.alerts()) == 3
    assert bench.alerts()[-1] == "deadlines cannot be checked: desk.db: the disk is full"
    assert all("was not done by 09:00" in what for what in bench.alerts()[:2])


def test_a_blocked_job_a_failed_one_and_one_that_was_never_reached_are_told_with_their_reasons(bench: Bench) -> None:
    bench.job("span", depends_on=("bhavcopy",), deadline_ns=NINE)
    bench.job("masters", deadline_ns=NINE, not_before_ns=ist_ns(DAY, at(10)))
    bench.operator("asha").hold(DAY, "bans", "circular awaited")
    bench.run(only=["bhavcopy", "span", "bans"])
    at_nine(bench)
    checker(bench).look()
    told = {what.split(": ")[1].split(" ")[0]: what for what in bench.alerts() if "by 09:00" in what}
    assert told["bhavcopy"].endswith("bhavcopy was not done by 09:00: failed: cannot reach the host")
    assert told["span"].endswith("it never started; blocked by bhavcopy, which failed: cannot reach the host")
    assert "held by asha: circular awaited" in told["bans"]
    assert "starts at 10:00:00" in told["masters"]


def test_what_is_done_skipped_or_overridden_is_not_told(bench: Bench) -> None:
    bench.job("closed", deadline_ns=NINE, skip="NSE is closed")
    bench.run()
    bench.operator().override(DAY, "bhavcopy", "have it by hand")
    at_nine(bench)
    checker(bench).look()
    assert [what for what in bench.alerts() if "by 09:00" in what] == []


def test_a_job_that_is_late_keeps_saying_so_when_it_is_done_at_last(bench: Bench) -> None:
    at_nine(bench)
    checker(bench).look()
    row = bench.run(only=["bans"])["bans"]
    assert (row.state.value, row.late) == ("Successful", True)


def test_a_dead_runner_is_told_a_minute_after_the_beginning(bench: Bench) -> None:
    assert isinstance(bench.clock, ManualClock)
    watch = checker(bench, runner_lives=False)
    bench.clock.set(ist_ns(DAY, at(8, 0, 59)))
    watch.look()
    assert bench.alerts() == []
    bench.clock.set(ist_ns(DAY, at(8, 1)))
    watch.look()
    watch.look()
    checker(bench, runner_lives=False).look()
    assert bench.alerts() == [f"BOD {DAY}: nobody runs it, and 2 jobs are not done"]


def test_a_day_beyond_the_calendar_is_an_alert_not_silence(bench: Bench) -> None:
    def expected(day: date) -> list[Expected]:
        raise CalendarError(f"the calendar does not know {day}", hint="import it")

    alerts = Alerts(bench.folder / "run", bench.clock)
    watch = Checker(bench.history(), expected, lambda day: True, alerts, bench.clock)
    watch.look()
    watch.look()
    assert bench.alerts() == [f"deadlines cannot be checked: the calendar does not know {DAY}"]


def test_mail_goes_out_and_a_mail_server_that_is_gone_is_told(bench: Bench) -> None:
    at_nine(bench)
    assert _served(bench, mail := Mail(), lambda: len(mail.sent) == 2)
    bench.job("late_one", deadline_ns=NINE)
    assert _served(bench, Mail(refuses=True), lambda: any("not sent" in what for what in bench.alerts()))


def test_a_rehearsals_time_does_not_pass_a_deadline_before_the_checker_was_there(bench: Bench) -> None:
    page = ClockPage.create(bench.folder / "clock", NINE - 60 * NS_PER_S)
    bench.clock = SimulatedClock(page)
    assert _served(bench, None, lambda: page.appointment_ns(2**62) == NINE)


@pytest.mark.slow
def test_within_two_seconds_of_the_deadline_in_real_time_with_the_runner_killed(tmp_path: Path) -> None:
    """The runner is killed while a job hangs; another waits for that one; a third is held. All are told in time."""
    bench = Bench(tmp_path, SystemClock(), day=ist(SystemClock().now_ns()).date())
    deadline_ns = bench.clock.now_ns() + 2_500_000_000
    bench.job("hangs", "import time; time.sleep(6)", deadline_ns=deadline_ns)
    bench.job("blocked", depends_on=("hangs",), deadline_ns=deadline_ns)
    bench.job("held", deadline_ns=deadline_ns)
    bench.operator().hold(bench.day, "held", "not yet")
    runner = runner_process(save(bench))
    until(lambda: bench.rows()["hangs"].state.value == "Running")
    runner.kill()
    runner.wait()
    today = checker(bench)
    told_at: list[float] = []

    def watch() -> bool:
        if any("was not done by" in what for what in bench.alerts()):
            told_at.append(time.time())
        return bool(told_at)

    until(lambda: (today.look(), watch())[-1], within_s=6)
    assert 0 <= told_at[0] - deadline_ns / 1e9 < 2
    told = {what.split(": ")[1].split(" ")[0]: what for what in bench.alerts()}
    assert told.keys() == {"hangs", "blocked", "held"}
    assert told["hangs"].endswith("still runs")
    assert "waits for hangs" in told["blocked"]


WAITS = """
import pathlib, time
pathlib.Path("hangs").touch()
limit = time.monotonic() + 30
while not pathlib.Path("end").exists() and time.monotonic() < limit:
    time.sleep(0.05)
"""
SCRIPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "Fails": (FAIL, {"retries": 0}),
    "Hangs": (WAITS, {}),
    "Blocked": (SAY, {"depends_on": ["Fails"]}),
    "Unreached": (SAY, {}),
}


@pytest.mark.slow
def test_the_service_tells_within_two_real_seconds_what_was_cut_off_blocked_or_never_reached(tmp_path: Path) -> None:
    """Two desks on one clock, which waits for nobody: the runner of one was killed, the other never had one."""
    page = ClockPage.create(tmp_path / "clock", NINE - 60 * NS_PER_S)
    killed, idle = _desk(tmp_path / "killed"), _desk(tmp_path / "idle")
    with _day(killed, page, "watch"), _day(idle, page, "watch"):
        with _day(killed, page, "run", "bod", "--serial") as runner:
            until((killed / "hangs").exists, within_s=20)
            runner.kill()
        until(lambda: all((desk / "run" / "checker.status.json").exists() for desk in (killed, idle)), within_s=20)
        told = _told_around_nine(page, killed, idle)
    (killed / "end").touch()
    until(lambda: not lock.is_held(killed / "run" / "jobs" / "hangs.lock"))
    assert {what: after_s for what, (after_s, _) in told.items() if not 0 <= after_s <= 2} == {}
    reasons = {name: why for name, (_, why) in told.items()}
    assert reasons.pop("killed: hangs") == "still runs"
    assert reasons.pop("killed: fails") == "failed: cannot reach the host"
    assert reasons.pop("killed: blocked").startswith("it never started; blocked by fails, which failed")
    assert reasons.pop("killed: unreached") == "it never started"
    assert reasons == {f"idle: {name.lower()}": "the day was never opened: nothing ran" for name in SCRIPTS}


def _desk(folder: Path) -> Path:
    """A desk with those scripts as BOD, due at 09:00."""
    folder.mkdir()
    entries = []
    for order, (title, (text, further)) in enumerate(SCRIPTS.items()):
        script = folder / f"{title.lower()}.py"
        script.write_text(text)
        entry = {"title": title, "process_type": "BOD", "order": order, "application_path": str(script)}
        entries.append(entry | further)
    (folder / "process.json").write_text(json.dumps({"processes": entries}))
    jobs = {"registry": "process.json", "bod": {"at": "08:00", "deadline": "09:00"}}
    desk = {"desk": {"name": folder.name}, "calendar": {"mic": "XBOM", "segment": "FO"}, "jobs": jobs}
    (folder / "desk.yaml").write_text(json.dumps(desk))
    return folder


@contextmanager
def _day(desk: Path, page: ClockPage, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """`muhurat day …` in a process of its own, ended at the end."""
    command = [sys.executable, "-P", "-m", "muhurat", "day", *words, "--desk", str(desk / "desk.yaml")]
    with (desk / f"{words[0]}.txt").open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, ENVIRONMENT_VARIABLE: str(page.path)},
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def _told_around_nine(page: ClockPage, *desks: Path) -> dict[str, tuple[float, str]]:
    """Let the time go on as real time does, from two seconds before 09:00 to five after: what was told of each job,
    and how many real seconds after 09:00 it was there to be read."""
    began, first_ns = time.monotonic(), NINE - 2 * NS_PER_S
    told: dict[str, tuple[float, str]] = {}
    while len(told) < len(SCRIPTS) * len(desks) and (gone_s := time.monotonic() - began) < 7:
        page.now_ns = first_ns + int(gone_s * NS_PER_S)
        for desk in desks:
            for alert in read_alerts(desk / "run"):
                name, late, why = alert["what"].removeprefix(f"BOD {DAY}: ").partition(" was not done by 09:00: ")
                if late:
                    told.setdefault(f"{desk.name}: {name}", (gone_s - 2, why))
        time.sleep(0.01)
    print(told)
    return told


def _served(bench: Bench, mail: Mail | None, true: Callable[[], bool]) -> bool:
    """Serve until something holds, at most two seconds."""

    async def serve() -> bool:
        stop = asyncio.Event()
        heartbeat = Heartbeat("checker", bench.folder / "run", bench.clock)
        serving = asyncio.create_task(checker(bench, mail=mail).serve(heartbeat, stop))
        limit = time.monotonic() + 2
        while not true() and time.monotonic() < limit:
            await asyncio.sleep(0.02)
        held = true()
        stop.set()
        await serving
        return held

    return asyncio.run(serve())
