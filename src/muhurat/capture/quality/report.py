"""The quality of a day's recording as one document, `data/quality/<date>.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from muhurat.capture.circuit_limits import limits_path, read_limits, widest
from muhurat.capture.quality.hours import RecordedFeed
from muhurat.capture.quality.journal_pass import JournalPass, pass_over
from muhurat.capture.quality.measures import Measured, measure, skew, total
from muhurat.capture.quality.missed import Watched, watched
from muhurat.capture.quality.stored import minutes_seen, repaired
from muhurat.clock import ist
from muhurat.stores.base import TickStore

Document = dict[str, Any]

JUMP_SHARE: Final = 0.2
_SUSPICIOUS: Final = ("not_positive", "outside_day", "outside_limits", "crossed", "spikes")
_GAP_FIELDS: Final = ("from", "to", "seconds", "reason")


def quality_of(
    feeds: Sequence[RecordedFeed],
    store: TickStore,
    day: date,
    now_ns: int,
    *,
    jump_share: float = JUMP_SHARE,
    progress: Callable[[str], None] = lambda what: None,
) -> Document:
    """The report of a day, as far as it has come by `now_ns`; raises `UniverseError` for a feed without its universe.

    Shares are of 1; `per_million` are the figures by which days are compared.
    """
    told = {}
    for feed in feeds:
        progress(feed.name)
        told[feed.name] = _feed(feed, store, day, now_ns, jump_share)
    return {
        "date": day.isoformat(),
        "made_at": ist(now_ns).isoformat(timespec="seconds"),
        "jump_share": jump_share,
        "feeds": told,
    }


def _feed(feed: RecordedFeed, store: TickStore, day: date, now_ns: int, jump_share: float) -> Document:
    journal = pass_over(feed.journal, feed.name, day, feed.decode)
    seen = minutes_seen(store, feed.name, day)
    every = watched(feed, seen, journal.gaps, now_ns)
    bands = widest(read_limits(limits_path(feed.universe.parent, feed.name, day)))
    measured = measure(store, feed.name, feed.hours.derivatives.windows, jump_share, bands)
    mended = _minutes_by_symbol(repaired(store, feed.name, day))
    rows = {
        of.symbol: _instrument(of, measured.get(of.symbol, Measured()), mended.get(of.symbol, set())) for of in every
    }
    minutes = _added(rows.values(), ("expected", "covered", "in_gaps", "silent", "repaired"))
    together = total(measured)
    ticks = sum(sum(minutes_of.values()) for minutes_of in seen.values())
    return {
        "instruments": len(every),
        "coverage": _share(minutes["covered"], minutes["expected"]),
        "minutes": minutes,
        "gaps": [{name: gap.get(name) for name in _GAP_FIELDS} for gap in journal.gaps],
        "ticks": ticks,
        "duplicates": together["counts"]["duplicates"],
        "limits_known": len(bands),
        "suspicious": {name: together["counts"][name] for name in _SUSPICIOUS},
        "skew": together["skew"],
        "journal": _journal(journal),
        "per_million": _per_million(minutes, together["counts"], journal),
        "by_instrument": rows,
    }


def _instrument(of: Watched, measured: Measured, mended: set[int]) -> Document:
    in_gaps = of.in_gaps
    return {
        "token": of.entry.token,
        "ticks": sum(of.seen.values()),
        "expected": len(of.expected),
        "covered": of.covered,
        "coverage": _share(of.covered, len(of.expected)),
        "in_gaps": len(in_gaps),
        "silent": len(of.missed) - len(in_gaps),
        "repaired": len(mended & set(of.missed)),
        "duplicates": measured.counts["duplicates"],
        "suspicious": {name: measured.counts[name] for name in _SUSPICIOUS},
        "skew": skew(measured.lags),
    }


def _journal(journal: JournalPass) -> Document:
    return {
        "records": journal.records,
        "bytes": journal.bytes,
        "packets": journal.packets,
        "connections": journal.connections,
        "clock_doubt": journal.clock_doubt,
        "recovered": journal.recovered,
        "truncated": journal.truncated,
        "unknown_packets": journal.unknown_lengths.total(),
        "unknown_lengths": {str(length): number for length, number in sorted(journal.unknown_lengths.items())},
    }


def _per_million(
    minutes: Mapping[str, int], counts: Mapping[str, int], journal: JournalPass
) -> dict[str, float | None]:
    """Gap minutes of a million expected ones; doubtful ticks, packets and records of a million."""
    suspicious = sum(counts[name] for name in _SUSPICIOUS)
    return {
        "gap_minutes": _millionth(minutes["in_gaps"], minutes["expected"]),
        "duplicates": _millionth(counts["duplicates"], counts["ticks"]),
        "suspicious": _millionth(suspicious, counts["ticks"]),
        "unknown_packets": _millionth(journal.unknown_lengths.total(), journal.packets),
        "clock_doubt": _millionth(journal.clock_doubt, journal.records),
    }


def _minutes_by_symbol(candles: Iterable[Mapping[str, Any]]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for candle in candles:
        found.setdefault(candle["symbol"], set()).add(candle["start_ns"])
    return found


def _added(rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> dict[str, int]:
    kept = list(rows)
    return {name: sum(row[name] for row in kept) for name in names}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _millionth(part: int, whole: int) -> float | None:
    return round(part * 1e6 / whole, 1) if whole else None


def summary(document: Document) -> str:
    """The day in one sentence, for a job's outcome and the day's report."""
    return "; ".join(sentences(document)) or "nothing was to be recorded"


def sentences(document: Document) -> list[str]:
    """One for each feed."""
    return [_sentence(feed, told) for feed, told in document["feeds"].items()]


def _sentence(feed: str, told: Document) -> str:
    minutes, coverage = told["minutes"], told["coverage"]
    covered = "no minute expected" if coverage is None else f"{100 * coverage:.2f} % of minutes have ticks"
    doubts = (
        (minutes["in_gaps"], "minutes in gaps"),
        (minutes["repaired"], "minutes repaired"),
        (told["duplicates"], "repeated packets"),
        (sum(told["suspicious"].values()), "suspicious ticks"),
        (told["journal"]["unknown_packets"], "unknown packets"),
        (told["journal"]["clock_doubt"], "records of doubtful time"),
    )
    return ", ".join([f"{feed}: {covered}", *(f"{number:,} {what}" for number, what in doubts if number)])
