"""What a job is: a name, its options, and one function from options and tools to an outcome.

A job knows contracts only (`stores.base`, `venues.*.base`, `notify.base`); `app` puts concrete parts behind them. It
runs to an end: it returns an `Outcome`, or raises a `MuhuratError` that names the cause and the remedy. What it writes
it writes all or nothing, so that a job that was killed can simply be run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from muhurat.calendars.calendar import Calendar
from muhurat.clock import Clock
from muhurat.errors import MuhuratError, UsageError

T = TypeVar("T")

Phase = Literal["BOD", "EOD"]
PHASES: Final[tuple[Phase, ...]] = ("BOD", "EOD")
ForSession = Literal["today", "previous"]
OnFailure = Literal["block", "warn"]


class JobError(MuhuratError):
    """A job could not do its work; the message names the cause, the hint the remedy."""


class NotYet(JobError):
    """What the job needs is not there yet; trying later can help."""

    permanent = False


class Options(BaseModel):
    """A job's arguments: a field is `--field-name` or `--field_name` on the command line, and a key of `parameter`."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job did: rows it loaded (None when it loads none), files it left, one sentence, and facts for programs."""

    note: str
    rows: int | None = None
    files: tuple[Path, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class Tools(Protocol):
    """What a job is given to work with; made by `app`, or by a test."""

    @property
    def clock(self) -> Clock: ...

    @property
    def calendar(self) -> Calendar: ...

    @property
    def business_date(self) -> date:
        """The desk's day that this run belongs to."""

    @property
    def session_date(self) -> date:
        """The session whose data are wanted: the business date, or the session before it (`for_session: previous`)."""

    @property
    def folder(self) -> Path:
        """The desk's folder; relative paths among the options start here."""

    @property
    def data_dir(self) -> Path: ...

    @property
    def run_dir(self) -> Path: ...

    @property
    def logs_dir(self) -> Path: ...

    def get(self, contract: type[T]) -> T:
        """The desk's part behind a contract, such as `ReferenceStore`; closed when the job ends. Raises `JobError` when
        the desk has none."""

    def path(self, written: Path | str) -> Path:
        """A path among the options: absolute, or from the desk's folder."""

    def progress(self, done: int, total: int | None, what: str) -> None:
        """Show how far the work is; cheap, may be called often."""

    def wait_until(self, instant_ns: int, why: str) -> None:
        """Wait for an instant of desk time."""

    def earlier_rows(self, newest: int = 20) -> Sequence[int]:
        """The row counts of this job's last successful runs on other days, newest first."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `run` does the work; `idempotent` says that a run that was cut off may be run again.

    `present` says that it works on what is now, whatever the date, and so is skipped for a date that is over.
    `writes` names the reference store's tables it changes (a backup must come before it); `session`, whose session it
    wants at the venue (`none`, `nse`, `kite`, `extranet`, `ftp`), for people.
    """

    name: str
    help: str
    options: type[Options]
    run: Callable[[Any, Tools], Outcome]
    on_failure: OnFailure = "block"
    for_session: ForSession = "today"
    idempotent: bool = True
    present: bool = False
    writes: tuple[str, ...] = ()
    session: str = "none"


LIBRARY: Final[Mapping[str, str]] = {
    name: f"muhurat.jobs.library.{name}"
    for name in (
        "archive_journal",
        "cache_backup",
        "cache_delete",
        "copy_bse_fo_files",
        "copy_files_src_dst",
        "data_quality",
        "day_report",
        "db_backup",
        "db_clean",
        "download_and_process_bhavcopy",
        "download_banned_instruments",
        "download_bse_contract_master",
        "download_contract_master",
        "download_nse_most_active_scripts",
        "ftp_downloader",
        "go_no_go",
        "nse_span_downloader",
        "prepare_universe",
        "process_monitor",
        "repair_gaps",
        "store_adapter_info",
        "upload_cash_margin",
        "upload_holding_and_position",
        "upload_instrument_master",
    )
}
"""Every job that comes with Muhurat: a new one is one file with a `JOB` in `jobs/library/` and one name here."""


def job_named(name: str) -> Job:
    """The job of that name; raises `UsageError` naming the nearest ones."""
    from difflib import get_close_matches

    if name not in LIBRARY:
        near = get_close_matches(name, LIBRARY, n=1)
        raise UsageError(
            f"no job is called {name!r}" + (f"; did you mean {near[0]}?" if near else ""),
            hint="`muhurat job list --all` names them",
        )
    job: Job = import_module(LIBRARY[name]).JOB
    return job
