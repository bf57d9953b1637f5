"""The go / no-go: one verdict of the day's jobs, the session, the masters, clock, disk, address and limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import time
from pathlib import Path

import pytest

from muhurat.app.desk_work import DeskWork as DeskParts
from muhurat.clock import ClockPage, ist
from muhurat.config import load_desk
from muhurat.jobs.base import JobError
from muhurat.jobs.desk_work import DeskWork
from muhurat.jobs.library import go_no_go, upload_instrument_master
from muhurat.jobs.process import Process
from muhurat.jobs.runs import RUNNER, RunHistory
from muhurat.jobs.standing import Expected, Kind
from muhurat.model.run_event import RunEvent
from muhurat.stores.base import Cache
from muhurat.stores.sql.runs import open_run_log
from muhurat.venues.base import Account, InstrumentSource
from muhurat.venues.kite.instruments import KiteInstruments
from muhurat.venues.kite.login import KiteToken
from muhurat.venues.kite.rest import KiteRest
from tests.jobs.library.tools import DeskTools, tools_in
from tests.simulator.conftest import BEFORE_OPEN_NS, InThread


def process(name: str, **changes: object) -> Process:
    facts: dict[str, object] = {"phase": "BOD", "order": 1, "is_active": True, "application_path": f"builtin:{name}"}
    return Process(title=name.capitalize(), name=name, job=name, **(facts | changes))  # type: ignore[arg-type]


class Morning:
    """A desk at 09:10 of the simulated broker's day, whose jobs the test ends as it likes."""

    def __init__(self, tools: DeskTools, broker: InThread) -> None:
        self.tools = tools
        self.broker = broker
        self.day = tools.business_date
        self.history = RunHistory(open_run_log("sqlite:///./data/desk.db", tools.folder), tools.clock)
        tools.put(RunHistory, self.history)
        jobs = [process("db_backup"), process("download_banned_instruments"), process("most_active", on_failure="warn")]
        self.history.open_day(self.day, [Expected(each, self.day) for each in (*jobs, process("go_no_go"))])
        self.desk("{registered: 127.0.0.1, ask: '%s/_sim/ip'}")

    def desk(self, public_ip: str) -> None:
        root = self.broker.urls["kite"]
        address = public_ip % root if "%s" in public_ip else public_ip
        (self.tools.folder / "desk.yaml").write_text(
            f"desk: {{name: x}}\nvenues: {{kite: {{root: '{root}'}}}}\njobs: {{public_ip: {address}}}\n"
            "feeds: {sensex_desk: {venue: kite, universe: sensex_atm}}\ntrading: {mode: test}\n"
        )
        self.tools.put(DeskWork, DeskParts(load_desk(self.tools.folder / "desk.yaml"), self.tools.clock))

    def end(self, name: str, kind: Kind, why: str = "") -> None:
        at_ns = self.tools.clock.now_ns()
        events = [
            RunEvent(at_ns, self.day, name, told, "run", RUNNER, why if told is kind else "")
            for told in (Kind.STARTED, kind)
        ]
        self.history.change(self.day, lambda _: events)

    def ask(self, **options: object) -> str:
        return go_no_go.run(go_no_go.GoNoGoOptions(**options), self.tools).note

    def verdict(self) -> dict[str, object]:
        kept = self.tools.get(Cache).get(go_no_go.KEY)
        assert kept is not None
        told: dict[str, object] = json.loads(kept.value)
        return told


@pytest.fixture
def morning(tmp_path: Path) -> Iterator[Morning]:
    running = InThread(ClockPage.create(tmp_path / "clock", BEFORE_OPEN_NS), rate_limits=False, speed=1e6)
    app, sessions = running.simulation.app, running.simulation.sessions

    def session() -> KiteToken:
        return KiteToken(app.api_key, sessions.ready(), app.api_secret, app.user_id)

    now = ist(running.conductor.now_ns)
    with tools_in(tmp_path, day=now.date(), at=time(now.hour, now.minute)) as tools:
        tools.put(Account, KiteRest(running.urls["kite"], session, tools.clock, wait=lambda seconds: None))
        tools.put(InstrumentSource, KiteInstruments(running.urls["kite"], session))
        upload_instrument_master.run(upload_instrument_master.UploadInstrumentMasterOptions(exchanges=("BFO",)), tools)
        made = Morning(tools, running)
        made.end("db_backup", Kind.SUCCEEDED)
        made.end("download_banned_instruments", Kind.SUCCEEDED)
        made.end("most_active", Kind.FAILED, "blocked by the website")
        yield made
    running.stop()


def refused(morning: Morning, **options: object) -> str:
    with pytest.raises(JobError, match="NO-GO") as no:
        morning.ask(**options)
    assert "muhurat day rerun --from-failed" in no.value.hint
    assert morning.verdict()["go"] is False
    return str(no.value)


def test_a_prepared_desk_may_go_and_everybody_can_read_why(morning: Morning) -> None:
    assert morning.ask() == "GO: 7 checks passed"

    told = morning.verdict()
    assert (told["go"], told["date"]) == (True, morning.day.isoformat())
    checks = {check["name"]: check["detail"] for check in told["checks"]}  # type: ignore[attr-defined]
    assert checks["public address"] == "127.0.0.1"
    assert checks["instrument master"] == f"of {morning.day}"
    assert "3 trades" in checks["limits"]


def test_a_failed_blocking_job_is_a_no_and_one_that_warns_is_none(morning: Morning) -> None:
    morning.end("download_banned_instruments", Kind.FAILED, "the list is of 2026-11-19")

    told = refused(morning)

    assert "Download_banned_instruments is Failed: the list is of 2026-11-19" in told
    assert "blocked by the website" not in told


def test_a_waived_job_counts_as_done(morning: Morning) -> None:
    morning.end("db_backup", Kind.FAILED, "disk full")
    event = RunEvent(morning.tools.clock.now_ns(), morning.day, "db_backup", Kind.OVERRIDDEN, who="asha", why="by hand")
    morning.history.change(morning.day, lambda _: [event])

    assert morning.ask() == "GO: 7 checks passed"


def test_a_day_that_was_never_opened_is_a_no(morning: Morning, tmp_path: Path) -> None:
    morning.tools.put(RunHistory, RunHistory(open_run_log("sqlite:///./other.db", tmp_path), morning.tools.clock))

    assert "never opened" in refused(morning)


def test_a_refused_session_is_a_no_with_the_brokers_word(morning: Morning) -> None:
    stranger = KiteToken("key", "no such token", "secret", "AB1234")
    morning.tools.put(
        Account, KiteRest(morning.broker.urls["kite"], lambda: stranger, morning.tools.clock, wait=lambda seconds: None)
    )

    assert "session: " in refused(morning)


def test_yesterdays_master_is_a_no(morning: Morning) -> None:
    from muhurat.stores.base import ReferenceStore

    store = morning.tools.get(ReferenceStore)
    rows = store.read("Instruments")
    yesterday = morning.tools.calendar.previous_day(morning.day)
    columns = {name: [yesterday if name == "MasterDate" else row[name] for row in rows] for name in rows[0]}
    with store.transaction() as transaction:
        transaction.delete("Instruments", where={})
        transaction.replace("Instruments", columns, where={"MasterDate": yesterday})

    assert f"instrument master: of {yesterday}" in refused(morning)


def test_a_clock_that_is_off_the_venues_is_a_no(morning: Morning) -> None:
    morning.tools.clock.advance(10)

    assert "clock: +" in refused(morning)


def test_too_little_room_is_a_no(morning: Morning) -> None:
    assert "GB free" in refused(morning, least_free_gb=10_000_000)


def test_another_public_address_than_the_registered_one_is_a_no(morning: Morning) -> None:
    morning.desk("{registered: 203.0.113.7, ask: '%s/_sim/ip'}")

    assert "127.0.0.1, registered is 203.0.113.7" in refused(morning)


def test_an_address_page_that_is_gone_is_a_no_and_none_registered_is_no_question(morning: Morning) -> None:
    morning.desk("{registered: 203.0.113.7, ask: 'http://127.0.0.1:1/'}")
    assert "could not be asked" in refused(morning)

    morning.desk("null")
    assert morning.ask() == "GO: 6 checks passed"
