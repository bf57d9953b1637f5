"""Load the newest SPAN risk arrays of a day (MISSION B14).

NSE Clearing makes six files for a day: i1 the evening before, i2 to i5 during it, s at its end. `--prefer intraday`
takes the first there is of i5, i4, i3, i2, i1, s; `settlement` asks for s first. Before the day's session only i1 is
asked for: all others are made of the session's prices. The XML stays in `--output-dir` as
`nsccl.<YYYYMMDD>.<slot>.spn`, its arrays go into table SpanRisk, which keeps one slot for a day. NSE's file has no
SENSEX: BSE's contracts are margined by BSE's own clearing house.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from muhurat.calendars.session import at
from muhurat.clock import ist
from muhurat.jobs.base import Job, JobError, NotYet, Options, Outcome, Tools
from muhurat.jobs.days import Day
from muhurat.stores.base import ReferenceStore
from muhurat.venues.nse.base import Columns, NotPublished, NseFiles, SpanFile, SpanSlot

TABLE: Final = "SpanRisk"
PREFERENCES: Final[Mapping[str, tuple[SpanSlot, ...]]] = {
    "intraday": ("i5", "i4", "i3", "i2", "i1", "s"),
    "settlement": ("s", "i5", "i4", "i3", "i2", "i1"),
}

_PORTFOLIO: Final = ("SpanDate", "Slot", "Code", "Kind")


class NseSpanDownloaderOptions(Options):
    date: Day | None = Field(default=None, description="The day, as YYYYMMDD, instead of the session's.")
    output_dir: Path = Field(default=Path("downloads"), description="Where the risk file stays.")
    prefer: Literal["intraday", "settlement"] = Field(
        default="intraday", description="The newest of the day first (i5 … i1, then s), or the settlement's (s) first."
    )


def run(options: NseSpanDownloaderOptions, tools: Tools) -> Outcome:
    day = options.date or tools.session_date
    _refuse_days_without_a_file(day, tools)
    slots = _possible(PREFERENCES[options.prefer], day, tools)
    taken, missing = _first(day, slots, tools, tools.path(options.output_dir))
    created = taken.head.created
    note = f"SPAN of {day}, slot {taken.slot}, made at {created}: {taken.rows:,} risk arrays"
    facts = {
        "slot": taken.slot,
        "created": created,
        "settlement": taken.head.settlement,
        "commodities": taken.commodities,
        "not_there": list(missing),
    }
    return Outcome(note, rows=taken.rows, files=(taken.path,), facts=facts)


def _refuse_days_without_a_file(day: date, tools: Tools) -> None:
    if not tools.calendar.is_open(day):
        raise JobError(
            f"{tools.calendar.mic} has no session on {day} ({tools.calendar.why(day)}): there is no SPAN file of it",
            hint="name a trading day: --date YYYYMMDD",
        )
    today = ist(tools.clock.now_ns()).date()
    if day > today and day > tools.calendar.next_day(today):
        raise JobError(f"{day} is still to come: its first file is made the evening before", hint="wait until then")


def _possible(slots: tuple[SpanSlot, ...], day: date, tools: Tools) -> tuple[SpanSlot, ...]:
    """The slots that can be there by now."""
    session = tools.calendar.session(day)
    if session is None or tools.clock.now_ns() >= at(session, "open"):
        return slots
    return tuple(slot for slot in slots if slot == "i1")


def _first(day: date, slots: tuple[SpanSlot, ...], tools: Tools, folder: Path) -> tuple[SpanFile, tuple[SpanSlot, ...]]:
    """The first slot that is there, loaded, and those before it that are not."""
    files = tools.get(NseFiles)
    hint = ""
    for number, slot in enumerate(slots):
        what = f"SPAN of {day}, slot {slot}"
        try:
            taken = files.span(
                day,
                slot,
                folder,
                lambda batches: _load(batches, day, tools),
                lambda done, total, what=what: tools.progress(done, total, what),  # type: ignore[misc]
            )
        except NotPublished as error:
            hint = error.hint
            continue
        return taken, slots[:number]
    raise NotYet(f"none of the SPAN files of {day} is published; tried {', '.join(slots)}", hint=hint)


def _load(batches: Iterator[Columns], day: date, tools: Tools) -> int:
    """Store the arrays in one transaction; nothing is changed unless the whole file was sound."""
    rows = 0
    with tools.get(ReferenceStore).transaction() as transaction:
        transaction.delete(TABLE, where={"SpanDate": day})
        for columns in batches:
            rows += transaction.replace(TABLE, columns, where={name: columns[name][0] for name in _PORTFOLIO})
            tools.progress(rows, None, f"risk arrays of {day}")
    return rows


JOB = Job(
    name="nse_span_downloader",
    help="Load the newest SPAN risk arrays of a day.",
    options=NseSpanDownloaderOptions,
    run=run,
    writes=(TABLE,),
    session="nse",
)
