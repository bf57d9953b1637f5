"""A made desk with the usual day's jobs: its registry as `muhurat init` writes it, and a run log that a test fills."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from muhurat.clock import ist
from muhurat.config.sections import PhaseSection
from muhurat.heartbeat import Heartbeat
from muhurat.jobs.expectation import Expectations
from muhurat.jobs.live_registry import LiveRegistry
from muhurat.jobs.operator import Operator
from muhurat.jobs.process import Row
from muhurat.jobs.registry import RegistryFile
from muhurat.jobs.runs import RUNNER, RunHistory
from muhurat.jobs.standard import _bod, _eod, write_standard
from muhurat.jobs.standing import Kind
from muhurat.model.run_event import RunEvent
from muhurat.stores.sql.runs import open_run_log
from muhurat.supervisor.alerts import Alerts
from muhurat.web.jobs_desk import JobsDesk
from tests.trading.tables import DAY
from tests.web.made import MadeDesk, at

_NAMED = "FTP_HOST FTP_PORT FTP_USER FTP_PASSWORD NSE_MEMBER_CODE NSE_LOGIN_ID NSE_ENCRYPTED_PASSWORD"
SECRETS = {name: "21" if name.endswith("PORT") else "made" for name in _NAMED.split()}
EOD_JOBS = [entry["title"] for entry in _eod()]
ALL_JOBS = [entry["title"] for entry in (*_bod(), *_eod())]
HALVES = {"BOD": PhaseSection(at="08:00", deadline="09:00"), "EOD": PhaseSection(at="close+10m")}


class MadeJobs:
    """The jobs of a made desk; what they did is told by the test, as the runner would."""

    def __init__(self, desk: MadeDesk) -> None:
        self.desk = desk
        self.source = desk.folder / "process.json"
        write_standard(self.source, with_accounts=False)
        (desk.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
        self.history = RunHistory(open_run_log("sqlite:///./data/desk.db", desk.folder), desk.clock)
        registry = RegistryFile(self.source, path_map={}, environment=lambda: SECRETS)
        self.registry = LiveRegistry(registry, desk.clock, Alerts(desk.place.run_dir, desk.clock))
        self.runner = ""
        desk.place = dataclasses.replace(desk.place, jobs=self.jobs_desk())

    def jobs_desk(self) -> JobsDesk:
        """What web is given of the jobs."""
        calendar, clock = self.desk.place.calendar, self.desk.clock
        expected = Expectations(
            self.registry,
            calendar,
            HALVES,
            self.desk.folder,
            lambda: ist(clock.now_ns()).date(),  # type: ignore[arg-type]
        )
        return JobsDesk(
            history=self.history,
            operator=lambda who: Operator(self.history, expected, self.desk.clock, who),
            problem=lambda: self.registry.problem,
            runner=lambda day: self.runner,
            run_dir=self.desk.place.run_dir,
        )

    def open(self) -> None:
        """The runner opens the day."""
        self.operator(RUNNER).open_day(DAY)

    def operator(self, who: str = "asha") -> Operator:
        assert self.desk.place.jobs is not None
        return self.desk.place.jobs.operator(who)

    def row(self, name: str) -> Row:
        return next(row for row in self.rows() if row.process.name == name)

    def rows(self, day: date = DAY) -> list[Row]:
        assert self.desk.place.jobs is not None
        return self.desk.place.jobs.rows(day)

    def told(self, name: str = "") -> list[tuple[str, str, str]]:
        """What people did, as `(kind, who, why)`."""
        events = self.history.events(DAY)
        return [
            (event.kind, event.who, event.why)
            for event in events
            if event.who not in (RUNNER, "checker") and event.kind != Kind.DEFINED and name in ("", event.name)
        ]

    def start(self, name: str, when: str, *said: str) -> Path:
        """A job starts and says something; its log."""
        if not self.history.standings(DAY):
            self.open()
        number = len(self.history.standings(DAY)[name].attempts) + 1
        log = self.desk.folder / "logs" / "jobs" / str(DAY) / f"{name}.{number}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(f"{line}\n" for line in said))
        self._tell(name, Kind.STARTED, when, f"{DAY}.{name}.{number}", log=str(log))
        return log

    def end(self, name: str, kind: Kind, when: str, why: str = "", **facts: Any) -> None:
        """The newest attempt ends; `facts` as `Standing` reads them."""
        run_id = self.history.standings(DAY)[name].attempts[-1].run_id
        self._tell(name, kind, when, run_id, why, ended_ns=at(when), **facts)

    def done(self, name: str, began: str, ended: str, *said: str, **facts: Any) -> None:
        self.start(name, began, *said)
        self.end(name, Kind.SUCCEEDED, ended, exit_code=0, **facts)

    def failed(self, name: str, began: str, ended: str, why: str, hint: str = "", *said: str) -> None:
        self.start(name, began, *said)
        self.end(name, Kind.FAILED, ended, why, exit_code=1, hint=hint)

    def progress(self, name: str, detail: str, **gauges: Any) -> None:
        """A running job's own word."""
        Heartbeat(name, self.desk.place.run_dir / "jobs", self.desk.clock).beat(detail, now=True, **gauges)

    def _tell(self, name: str, kind: Kind, when: str, run_id: str = "", why: str = "", **facts: Any) -> None:
        event = RunEvent(at(when), DAY, name, kind, run_id, RUNNER, why, facts)
        self.history.change(DAY, lambda _: [event])


@contextmanager
def with_jobs(desk: MadeDesk) -> Iterator[MadeJobs]:
    jobs = MadeJobs(desk)
    try:
        yield jobs
    finally:
        jobs.history.close()


def busy_morning(jobs: MadeJobs) -> None:
    """08:31 of a day on which something of every kind has happened."""
    jobs.done("db_backup", "08:00:01", "08:00:09", "dumping", "verified", note="desk-20261119.sql.gz, verified")
    jobs.done("db_clean", "08:00:09", "08:00:10", "emptied 3 tables", rows=412, note="3 tables emptied")
    jobs.failed(
        "banned_instruments",
        "08:00:10",
        "08:00:14",
        "nsearchives.nseindia.com/content/fo/fo_secban.csv is of 2026-11-18, not of 2026-11-19",
        "the exchange publishes it by 08:30; rerun then",
        "GET nsearchives.nseindia.com/content/fo/fo_secban.csv",
        "the header says 18-NOV-2026",
    )
    jobs.start("bhavcopy", "08:30:31", *(f"chunk {n} of 40 loaded" for n in range(1, 26)))
    jobs.progress("bhavcopy", "FO bhavcopy: 24,112 of 38,420 rows loaded", done=24_112, total=38_420)
    jobs.start("bse_masters", "08:00:02")
    jobs.end("bse_masters", Kind.LOST, "08:02", "its process is gone and left no result: nobody knows how it ended")
    jobs.operator().hold(DAY, "span", "NSE is late, see their circular")
    jobs.failed(
        "most_active", "08:00:02", "08:00:05", "www.nseindia.com answered 403", "a new session is made by itself"
    )
    jobs.failed("cash_margin", "08:00:12", "08:00:13", "the token is of yesterday", "muhurat login")
    jobs.operator("ravi").override(DAY, "cash_margin", "paper trading today")
    jobs.operator("ravi").skip(DAY, "store_adapter_info", "nobody reads it")
    jobs.done("holding_and_position", "08:00:12", "08:00:19", rows=38, note="38 holdings, no position")
