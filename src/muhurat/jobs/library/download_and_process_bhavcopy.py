"""Load NSE's day: every price of the cash and the F&O segment, and the indices (MISSION B8).

CM and FO come as UDiFF bhavcopies, the indices from `ind_close_all`, one file with all of them. When that file is not
there, those of `--indices` are asked of niftyindices.com one by one, which the note then says. A day is stored in one
transaction: all of its segments, or none. `--from` and `--to` fill a stretch of days, each in its own transaction, so
that an interrupted fill can simply be run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, create_model

from muhurat.clock import NS_PER_S, ist, ist_ns
from muhurat.jobs.base import Job, JobError, NotYet, Options, Outcome, Tools
from muhurat.jobs.days import Day
from muhurat.stores.base import ReferenceStore
from muhurat.venues.nse.base import Bhavcopy, Columns, IndexDay, NotPublished, NseFiles, Progress, Segment

PUBLISHED_AT: Final = time(18, 30)
"""In India; public archivers of the files run from then on (facts: NSE, section 2)."""
TABLES: Final[Mapping[Segment, str]] = {"CM": "CmBhavcopy", "FO": "FoBhavcopy"}
INDICES: Final = (
    "NIFTY 50",
    "NIFTY BANK",
    "NIFTY FINANCIAL SERVICES",
    "NIFTY MIDCAP SELECT",
    "NIFTY NEXT 50",
    "INDIA VIX",
)


class _WithoutFrom(Options):
    date: Day | None = Field(default=None, description="The day to load instead of the session's.")
    to: Day | None = Field(default=None, description="The last of several days; the session's day when left out.")
    segments: tuple[Literal["CM", "FO", "INDEX"], ...] = Field(
        default=("CM", "FO", "INDEX"), min_length=1, description="What to load."
    )
    indices: tuple[str, ...] = Field(
        default=INDICES, description="The indices to ask niftyindices.com for when the archives have no index file."
    )
    output_dir: Path = Field(default=Path("downloads"), description="Where the downloaded files stay.")

    @property
    def first(self) -> Day | None:
        """The option `from`, which Python does not let anyone name so."""
        day: Day | None = getattr(self, "from")
        return day


_FROM: Final[dict[str, Any]] = {
    "from": (Day | None, Field(default=None, description="The first of several days to load.")),
}
DownloadAndProcessBhavcopyOptions = create_model("DownloadAndProcessBhavcopyOptions", __base__=_WithoutFrom, **_FROM)


@dataclass(slots=True)
class _Day:
    """What a day brought, by segment, and what was odd about it."""

    rows: dict[str, int] = field(default_factory=dict)
    tables: list[tuple[str, str, Columns]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, segment: str, table: str, key: str, found: Bhavcopy | IndexDay) -> None:
        self.rows[segment] = found.rows
        self.tables.append((table, key, found.columns))
        self.warnings += [f"{segment}: {warning}" for warning in found.warnings]
        if found.path is not None:
            self.files.append(found.path)


def run(options: _WithoutFrom, tools: Tools) -> Outcome:
    days = _days(options, tools)
    store, folder = tools.get(ReferenceStore), tools.path(options.output_dir)
    totals: dict[str, int] = dict.fromkeys(options.segments, 0)
    files: list[Path] = []
    warnings: list[str] = []
    for day in days:
        loaded = _download(day, options, folder, tools)
        with store.transaction() as transaction:
            for table, key, columns in loaded.tables:
                transaction.replace(table, columns, where={key: day})
        for segment, rows in loaded.rows.items():
            totals[segment] += rows
        files += loaded.files
        warnings += [f"{day} {warning}" for warning in loaded.warnings]
    told = ", ".join(f"{rows:,} rows of {segment}" for segment, rows in totals.items())
    note = f"{_told(days)}: {told}" + (f"; {'; '.join(warnings[:3])}" if warnings else "")
    facts = {"days": [day.isoformat() for day in days], "by_segment": totals, "warnings": warnings}
    return Outcome(note, rows=sum(totals.values()), files=tuple(files), facts=facts)


def _days(options: _WithoutFrom, tools: Tools) -> list[date]:
    """The days to load; raises `JobError` for days that cannot be, and `NotYet` for one that NSE has not published."""
    if options.date and (options.first or options.to):
        raise JobError("--date and --from/--to exclude each other", hint="name one day, or the first and the last")
    if options.to and not options.first:
        raise JobError("--to wants --from", hint="name the first and the last day")
    first = options.first or options.date or tools.session_date
    last = options.to or (tools.session_date if options.first else first)
    if first > last:
        raise JobError(f"{first} comes after {last}", hint="exchange --from and --to")
    days = list(tools.calendar.open_days(first, last))
    if not days:
        calendar = tools.calendar
        why = calendar.why(first) if first == last else f"{calendar.why(first)} to {calendar.why(last)}"
        raise JobError(f"{calendar.mic} has no session on {_told([first, last])} ({why})", hint="name a trading day")
    _refuse_too_early(days[-1], tools)
    return days


def _refuse_too_early(day: date, tools: Tools) -> None:
    published_ns = ist_ns(day, PUBLISHED_AT)
    left_s = (published_ns - tools.clock.now_ns()) / NS_PER_S
    if left_s > 0:
        raise NotYet(
            f"the bhavcopy of {day} is published by about {PUBLISHED_AT:%H:%M}, and it is "
            f"{ist(tools.clock.now_ns()):%Y-%m-%d %H:%M}",
            retry_after_s=left_s,
            hint=f"run it at or after {PUBLISHED_AT:%H:%M} of {day}, or for the session before (for_session: previous)",
        )


def _download(day: date, options: _WithoutFrom, folder: Path, tools: Tools) -> _Day:
    files, loaded = tools.get(NseFiles), _Day()
    for segment, table in TABLES.items():
        if segment in options.segments:
            bhavcopy = files.bhavcopy(segment, day, folder, _progress(tools, f"{segment} bhavcopy of {day}"))
            loaded.add(segment, table, "TradDt", bhavcopy)
    if "INDEX" in options.segments:
        _add_indices(day, options, folder, tools, loaded)
    return loaded


def _add_indices(day: date, options: _WithoutFrom, folder: Path, tools: Tools, loaded: _Day) -> None:
    """From the archives' one file; without it, index by index."""
    files = tools.get(NseFiles)
    tools.progress(0, None, f"indices of {day}")
    try:
        indices = files.indices(day, folder)
    except NotPublished as error:
        if not options.indices:
            raise
        loaded.warnings.append(f"INDEX: only {len(options.indices)} from niftyindices.com, because {error}")
    else:
        loaded.add("INDEX", "IndexOhlc", "IndexDate", indices)
        return
    columns: dict[str, list[object]] = {}
    for number, name in enumerate(options.indices):
        tools.progress(number, len(options.indices), f"{name} of {day} from niftyindices.com")
        history = files.index_history(name, day, day)
        if not history:
            raise NotPublished(
                f"niftyindices.com has no {name} of {day}", hint="it comes in the evening of the day; try again later"
            )
        for column, values in history[0].columns.items():
            columns.setdefault(column, []).extend(values)
    loaded.add("INDEX", "IndexOhlc", "IndexDate", IndexDay(day, len(options.indices), columns, "niftyindices"))


def _progress(tools: Tools, what: str) -> Progress:
    return lambda done, total: tools.progress(done, total, what)


def _told(days: Sequence[date]) -> str:
    first, last = days[0], days[-1]
    return str(first) if first == last else f"{first} to {last}"


JOB = Job(
    name="download_and_process_bhavcopy",
    help="Load NSE's CM and FO bhavcopy and the indices of a day, or of a stretch of days.",
    options=DownloadAndProcessBhavcopyOptions,
    run=run,
    for_session="previous",
    writes=("CmBhavcopy", "FoBhavcopy", "IndexOhlc"),
    session="nse",
)
