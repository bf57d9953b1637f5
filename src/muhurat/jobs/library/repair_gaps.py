"""Fetch the venue's candles for minutes that were not recorded, and keep them marked, apart from the ticks.

Missed are the minutes that a gap of the recorder touched, and those of the session in which an instrument had no tick;
of the latter only those in which something was traded. One question per instrument covers its whole day, so the venue's
rate limit (Kite: 3 a second) bounds the time. A second run asks only for what is still missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import Field

from muhurat.capture.quality.hours import MINUTE_NS, RecordedFeed, RecordedFeeds
from muhurat.capture.quality.journal_pass import gaps_of
from muhurat.capture.quality.missed import Watched, watched
from muhurat.capture.quality.repair import instrument_of, keep, stand_ins
from muhurat.capture.quality.stored import minutes_seen, repaired
from muhurat.errors import SessionExpired, VenueError
from muhurat.jobs.base import Job, JobError, Options, Outcome, Tools
from muhurat.model.bar import Bar
from muhurat.stores.base import TickStore
from muhurat.venues.base import History

_REFUSALS_IN_A_ROW: Final = 10
_PRICES: Final = ("open", "high", "low", "close", "volume")


class RepairGapsOptions(Options):
    feed: str | None = Field(default=None, description="Only this feed; all of the desk's by default.")
    max_requests: int = Field(default=600, ge=1, description="How often to ask the venue at most, once per instrument.")
    again: bool = Field(default=False, description="Also fetch what was fetched before, and keep what has changed.")


@dataclass(slots=True)
class _Repair:
    """One feed's repair as it goes: minutes fetched, minutes that stay missing by why."""

    feed: RecordedFeed
    todo: list[Watched]
    known: dict[str, dict[int, tuple[Any, ...]]]
    missed: int = 0
    fetched: int = 0
    left: Counter[str] = field(default_factory=Counter)

    def wanted(self, of: Watched, *, again: bool) -> dict[int, str]:
        """The minutes to ask for, with why they are missing."""
        have = {} if again else self.known.get(of.symbol, {})
        return {minute: reason for minute, reason in of.missed.items() if minute not in have}


def run(options: RepairGapsOptions, tools: Tools) -> Outcome:
    every = tools.get(RecordedFeeds).on(tools.business_date)
    if not every:
        return Outcome(f"no feed was to be recorded on {tools.business_date}")
    feeds = [feed for feed in every if options.feed in (None, feed.name)]
    if not feeds:
        known = ", ".join(feed.name for feed in every)
        raise JobError(f"this desk has no feed {options.feed!r}", hint=f"feeds: {known}")
    store = tools.get(TickStore)
    repairs = [_plan(feed, store, tools) for feed in feeds]
    asking = [
        (repair, of, wanted)
        for repair in repairs
        for of in repair.todo
        if (wanted := repair.wanted(of, again=options.again))
    ]
    try:
        _ask(asking, options, tools, store)
    finally:
        store.flush()
    return Outcome(_told(repairs), facts={"feeds": {repair.feed.name: _facts(repair) for repair in repairs}})


def _plan(feed: RecordedFeed, store: TickStore, tools: Tools) -> _Repair:
    day = tools.business_date
    tools.progress(0, None, f"looking for missed minutes of {feed.name}")
    gaps = gaps_of(feed.journal, feed.name, day)
    every = watched(feed, minutes_seen(store, feed.name, day), gaps, tools.clock.now_ns())
    known: dict[str, dict[int, tuple[Any, ...]]] = {}
    for row in repaired(store, feed.name, day):
        known.setdefault(row["symbol"], {})[row["start_ns"]] = tuple(row[name] for name in _PRICES)
    todo = [of for of in every if of.missed]
    return _Repair(feed, todo, known, missed=sum(len(of.missed) for of in todo))


def _ask(
    asking: Sequence[tuple[_Repair, Watched, dict[int, str]]],
    options: RepairGapsOptions,
    tools: Tools,
    store: TickStore,
) -> None:
    """Ask for one instrument after the other; raises `JobError` when going on is of no use."""
    refusals = 0
    for number, (repair, of, wanted) in enumerate(asking):
        if number >= options.max_requests:
            repair.left["not asked: more than --max-requests"] += len(wanted)
            continue
        tools.progress(number, min(len(asking), options.max_requests), of.symbol)
        try:
            _repair_one(repair, of, wanted, tools, store)
        except VenueError as error:
            refusals += 1
            repair.left[f"refused: {error}"] += len(wanted)
            if not error.permanent or isinstance(error, SessionExpired) or refusals >= _REFUSALS_IN_A_ROW:
                told = f"{len(asking) - number} of {len(asking)} instruments are not repaired: {error}"
                raise JobError(told, permanent=error.permanent, hint=f"{error.hint}; then run the job again") from error
        else:
            refusals = 0


def _repair_one(repair: _Repair, of: Watched, wanted: dict[int, str], tools: Tools, store: TickStore) -> None:
    instrument = instrument_of(of.symbol, of.entry)
    candles = tools.get(History).candles(instrument, "minute", min(wanted), max(wanted) + MINUTE_NS)
    found = stand_ins(of, wanted, candles)
    known = repair.known.get(of.symbol, {})
    fresh = [candle for candle in found if known.get(candle.start_ns) != _values(candle)]
    source = f"{repair.feed.venue} history"
    keep(store, repair.feed.name, of, fresh, source=source, fetched_ns=tools.clock.now_ns())
    repair.fetched += len(fresh)
    without = set(wanted) - {candle.start_ns for candle in found}
    if without:
        repair.left[_why_none(of, without, candles)] += len(without)


def _values(candle: Bar) -> tuple[Any, ...]:
    return tuple(getattr(candle, name) for name in _PRICES)


def _why_none(of: Watched, without: set[int], candles: Sequence[Bar]) -> str:
    """An option or a new contract may have no history at all; a minute without a candle had no trade."""
    if not candles and len(without) == len(of.expected):
        return "the venue has no history of it"
    return "nothing was traded"


def _facts(repair: _Repair) -> dict[str, Any]:
    return {
        "missed_minutes": repair.missed,
        "repaired_before": sum(len(minutes) for minutes in repair.known.values()),
        "repaired": repair.fetched,
        "not_repaired": dict(repair.left),
    }


def _told(repairs: Sequence[_Repair]) -> str:
    parts = []
    for repair in repairs:
        left = ", ".join(f"{minutes:,} not ({why})" for why, minutes in repair.left.items())
        parts.append(f"{repair.feed.name}: {repair.fetched:,} minutes repaired" + (f", {left}" if left else ""))
    return "; ".join(parts)


JOB = Job(
    name="repair_gaps",
    help="Fetch candles for minutes that were not recorded.",
    options=RepairGapsOptions,
    run=run,
    on_failure="warn",
    session="kite",
)
