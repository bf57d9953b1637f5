"""What a job is given to work with, and the process of one job run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

import msgspec

from muhurat.app.desk import calendar_of, clock_of
from muhurat.clock import Clock, ist
from muhurat.config import Desk
from muhurat.jobs.base import Job, JobError, Options, Outcome

if TYPE_CHECKING:
    from muhurat.calendars.calendar import Calendar

T = TypeVar("T")

RESULT_VARIABLE: Final = "MUHURAT_RUN_RESULT"
"""In a job's environment: the file that its result goes to."""

NAME_VARIABLE: Final = "MUHURAT_PROCESS"
"""In a job's environment: its name in the registry, under which it tells its progress."""

PARTS: Final[Mapping[str, str]] = {
    "muhurat.capture.archive.base.Rules": "muhurat.app.parts:archive_rules",
    "muhurat.capture.quality.hours.RecordedFeeds": "muhurat.app.quality:recorded_feeds",
    "muhurat.jobs.adapters.Adapters": "muhurat.app.adapters:adapters",
    "muhurat.jobs.backup.base.Databases": "muhurat.app.databases:databases",
    "muhurat.jobs.monitor.base.Watched": "muhurat.app.databases:watched",
    "muhurat.jobs.runs.RunHistory": "muhurat.app.day:run_history",
    "muhurat.notify.base.Channel": "muhurat.app.parts:channel",
    "muhurat.stores.base.Cache": "muhurat.app.parts:cache",
    "muhurat.stores.base.ReferenceStore": "muhurat.app.parts:reference_store",
    "muhurat.stores.base.TickStore": "muhurat.app.desk:tick_store",
    "muhurat.venues.base.Account": "muhurat.app.parts:account",
    "muhurat.venues.base.History": "muhurat.app.parts:account",
    "muhurat.venues.base.InstrumentSource": "muhurat.app.parts:instrument_source",
    "muhurat.venues.base.Quotes": "muhurat.app.parts:account",
    "muhurat.venues.bse.base.BseFiles": "muhurat.app.parts:bse_files",
    "muhurat.venues.ftp.base.FtpFetcher": "muhurat.app.parts:ftp_fetcher",
    "muhurat.venues.nse.base.NseApi": "muhurat.app.parts:nse_api",
    "muhurat.venues.nse.base.NseFiles": "muhurat.app.parts:nse_files",
    "muhurat.venues.nse.extranet_base.Extranet": "muhurat.app.parts:extranet",
    "muhurat.jobs.desk_work.DeskWork": "muhurat.app.desk_work:DeskWork",
}
"""The part behind every contract a job may ask for, a callable of desk and clock. A new contract is a line here."""


@dataclass(slots=True)
class DeskTools:
    """`jobs.base.Tools` out of a desk. Use it in a `with` block, which closes every part that was asked for.

    In a rehearsal desk time stands still in that block, but for the waiting in `wait_until`.
    """

    desk: Desk
    clock: Clock
    calendar: Calendar
    job: Job
    business_date: date
    session_date: date
    show: Callable[[int, int | None, str], None]
    _parts: dict[str, Any] = field(default_factory=dict)
    _closing: ExitStack = field(default_factory=ExitStack)
    _holding: ExitStack = field(default_factory=ExitStack)

    @property
    def folder(self) -> Path:
        return self.desk.folder

    @property
    def data_dir(self) -> Path:
        return self.desk.data_dir

    @property
    def run_dir(self) -> Path:
        return self.desk.run_dir

    @property
    def logs_dir(self) -> Path:
        return self.desk.logs_dir

    def __enter__(self) -> Self:
        self._holding.enter_context(self.clock.hold())
        return self

    def __exit__(self, *exc: object) -> None:
        with self._holding:
            self._closing.close()

    def get(self, contract: type[T]) -> T:
        name = f"{contract.__module__}.{contract.__qualname__}"
        if name not in self._parts:
            if name not in PARTS:
                raise JobError(f"no part of the desk is behind {name}", hint="add a line to PARTS in app/jobs.py")
            module, _, attribute = PARTS[name].partition(":")
            part = getattr(import_module(module), attribute)(self.desk, self.clock)
            if hasattr(part, "close"):
                self._closing.callback(part.close)
            self._parts[name] = part
        return cast("T", self._parts[name])

    def path(self, written: Path | str) -> Path:
        return self.desk.path(written)

    def progress(self, done: int, total: int | None, what: str) -> None:
        self.show(done, total, what)

    def wait_until(self, instant_ns: int, why: str) -> None:
        self.progress(0, None, f"waits until {ist(instant_ns):%H:%M:%S}: {why}")
        self._holding.close()
        self.clock.sleep_until(instant_ns)
        self._holding.enter_context(self.clock.hold())

    def earlier_rows(self, newest: int = 20) -> Sequence[int]:
        from muhurat.jobs.runs import RunHistory

        return self.get(RunHistory).earlier_rows(
            os.environ.get(NAME_VARIABLE, self.job.name), self.business_date, newest
        )


def run_job(
    desk: Desk, job: Job, options: Options, day: date | None, show: Callable[[int, int | None, str], None]
) -> Outcome:
    """Run a job in this process; its result, or what went wrong, also goes to the file that the runner named."""
    from muhurat.errors import MuhuratError
    from muhurat.heartbeat import Heartbeat
    from muhurat.jobs.verdict import PERMANENT

    clock, calendar = clock_of(desk), calendar_of(desk)
    business_date = day or _business_date(clock)
    session_date = _session_date(calendar, job, business_date)
    heartbeat = Heartbeat(os.environ.get(NAME_VARIABLE, job.name), desk.run_dir / "jobs", clock)

    def progress(done: int, total: int | None, what: str) -> None:
        heartbeat.beat(what, done=done, total=total)
        show(done, total, what)

    with DeskTools(desk, clock, calendar, job, business_date, session_date, progress) as tools:
        heartbeat.ready()
        try:
            outcome = job.run(options, tools)
        except MuhuratError as error:
            _tell({"note": str(error), "hint": error.hint, "facts": {PERMANENT: error.permanent}})
            raise
    files = [str(path) for path in outcome.files]
    _tell({"note": outcome.note, "hint": "", "rows": outcome.rows, "files": files, "facts": outcome.facts})
    return outcome


def _business_date(clock: Clock) -> date:
    told = os.environ.get("MUHURAT_BUSINESS_DATE")
    return date.fromisoformat(told) if told else ist(clock.now_ns()).date()


def _session_date(calendar: Calendar, job: Job, business_date: date) -> date:
    """The session a run is about: the runner's word, else the job's rule; a closed day prepares the next session."""
    told = os.environ.get("MUHURAT_SESSION_DATE")
    if told:
        return date.fromisoformat(told)
    if job.for_session == "previous":
        return calendar.previous_day(business_date)
    return business_date if calendar.is_open(business_date) else calendar.next_day(business_date)


def _tell(result: Mapping[str, Any]) -> None:
    named = os.environ.get(RESULT_VARIABLE)
    if named:
        fresh = Path(named).with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(result, enc_hook=str))
        fresh.replace(named)
