"""A day's quality put together from a real journal and a real store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from muhurat.calendars.calendar import calendar_for
from muhurat.capture.decode_service import READER, DecodeService, DecodeSettings
from muhurat.capture.journal import JournalReader, JournalWriter
from muhurat.capture.quality.hours import MINUTE_NS, RecordedFeed, TradingHours
from muhurat.capture.quality.missed import watched
from muhurat.capture.quality.repair import keep
from muhurat.capture.quality.report import quality_of, summary
from muhurat.capture.quality.stored import minutes_seen
from muhurat.capture.universe import Entry, Universe, save_universe, universe_path
from muhurat.clock import NS_PER_S, ManualClock, ist_ns
from muhurat.errors import MuhuratError
from muhurat.model.bar import Bar
from muhurat.stores.base import TickStore
from muhurat.stores.registry import open_tick_store
from muhurat.venues.kite.decode import decode_message
from tests.simulator.tiny_market import CALL, CALL_SYMBOL, DAY, FUTURE, FUTURE_SYMBOL, OPEN_NS, OPEN_S

FEED = "desk"
MINUTES = 4
ENTRIES = {
    CALL_SYMBOL: Entry(CALL, symbol=CALL_SYMBOL, exchange="BFO", type="CE", underlying="SENSEX"),
    FUTURE_SYMBOL: Entry(FUTURE, symbol=FUTURE_SYMBOL, exchange="BFO", type="FUT", underlying="SENSEX"),
}


def packet(token: int, second: int, price: int = 100_00, *, volume: int | None = None) -> bytes:
    """A full packet of an exchange's second after the open; bid and ask stand beside the price."""
    high, low = price + 500, price - 500
    head = (token, price, 1, price, second if volume is None else volume, 10, 11, price, high, low, price)
    book = b"".join(pack(">IIHxx", 10, price - 5, 1) for _ in range(5)) + b"".join(
        pack(">IIHxx", 10, price + 5, 1) for _ in range(5)
    )
    return pack(">11I5I", *head, OPEN_S + second, 0, 0, 0, OPEN_S + second) + book


def message(*packets: bytes) -> bytes:
    return pack(">H", len(packets)) + b"".join(pack(">H", len(one)) + one for one in packets)


class Day:
    """Four minutes of two instruments in a journal, decoded into a store."""

    def __init__(self, folder: Path, store: TickStore, clock: ManualClock) -> None:
        self.store, self.clock, self.folder = store, clock, folder
        fo = calendar_for("XBOM", "FO").session(DAY)
        assert fo is not None
        universe = universe_path(folder / "universe", FEED, DAY)
        save_universe(universe, Universe(ENTRIES))
        journal, end_ns = folder / "journal", OPEN_NS + MINUTES * MINUTE_NS
        self.feed = RecordedFeed(
            FEED, "kite", journal, universe, TradingHours(fo), OPEN_NS, end_ns, decode_message, True
        )
        self._writer = JournalWriter(journal, FEED, clock, sync_interval_s=None)

    def receive(self, second: float, payload: bytes) -> None:
        """A message that came 0.6 s after an exchange's second."""
        self._writer.append([(payload, OPEN_NS + round((second + 0.6) * NS_PER_S), 0)])

    def note(self, **entry: Any) -> None:
        self._writer.control(entry, OPEN_NS)

    def gap(self, first_s: int, last_s: int) -> None:
        from_ns, to_ns = OPEN_NS + first_s * NS_PER_S, OPEN_NS + last_s * NS_PER_S
        more = {"from": "then", "to": "later", "seconds": float(last_s - first_s), "reason": "disconnected"}
        self.note(event="gap", from_ns=from_ns, to_ns=to_ns, **more)

    def decode(self) -> None:
        self._writer.close()
        settings = DecodeSettings(self.feed.journal, FEED, self.folder / "universe", self.folder / "live.json")
        with JournalReader(self.feed.journal, FEED, name=READER) as reader:
            service = DecodeService(settings, decode_message, self.store, self.clock, reader)
            while service.step():
                pass
            service.finish()

    def quality(self) -> dict[str, Any]:
        now_ns = ist_ns(DAY, time(16, 0))
        told: dict[str, Any] = quality_of([self.feed], self.store, DAY, now_ns)["feeds"][FEED]
        return told


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    clock = ManualClock(OPEN_NS)
    with open_tick_store("parquet:///./ticks", base=tmp_path, clock=clock, universe=tmp_path / "universe") as store:
        yield Day(tmp_path, store, clock)


def whole_day(day: Day, *, without: tuple[int, ...] = ()) -> None:
    """Both instruments once in every twenty seconds, but for these minutes of the future."""
    for second in range(0, MINUTES * 60, 20):
        packets = [packet(CALL, second)]
        if second // 60 not in without:
            packets.append(packet(FUTURE, second, 85_000_00))
        day.receive(second, message(*packets))


def test_a_day_without_fault_is_covered_and_has_no_figures(day: Day) -> None:
    whole_day(day)
    day.decode()
    told = day.quality()
    assert (told["instruments"], told["coverage"], told["ticks"]) == (2, 1.0, 24)
    assert told["minutes"] == {"expected": 8, "covered": 8, "in_gaps": 0, "silent": 0, "repaired": 0}
    assert set(told["per_million"].values()) == {0.0}
    assert told["skew"] == {"median_s": 0.6, "p99_s": 0.6, "negative": 0}
    assert told["by_instrument"][CALL_SYMBOL]["coverage"] == 1.0
    assert told["gaps"] == []


def test_gap_minutes_silent_minutes_and_repaired_ones_are_told_apart(day: Day) -> None:
    whole_day(day, without=(1, 3))
    day.gap(70, 90)
    day.decode()
    told = day.quality()
    assert told["minutes"] == {"expected": 8, "covered": 6, "in_gaps": 2, "silent": 1, "repaired": 0}
    assert told["coverage"] == 0.75
    assert told["per_million"]["gap_minutes"] == 250_000.0
    assert told["gaps"] == [{"from": "then", "to": "later", "seconds": 20.0, "reason": "disconnected"}]
    future = told["by_instrument"][FUTURE_SYMBOL]
    assert (future["covered"], future["in_gaps"], future["silent"]) == (2, 1, 1)

    seen = minutes_seen(day.store, FEED, DAY)
    gaps = [{"from_ns": OPEN_NS + 70 * NS_PER_S, "to_ns": OPEN_NS + 90 * NS_PER_S, "reason": "disconnected"}]
    of = watched(day.feed, seen, gaps, ist_ns(DAY, time(16, 0)))[1]
    start_ns = OPEN_NS + MINUTE_NS
    candle = Bar(FUTURE_SYMBOL, start_ns, start_ns + MINUTE_NS, 1.0, 2.0, 1.0, 2.0, 5)
    keep(day.store, FEED, of, [candle], source="kite history", fetched_ns=start_ns)
    day.store.flush()
    told = day.quality()
    assert told["minutes"]["repaired"] == 1
    assert told["by_instrument"][FUTURE_SYMBOL]["repaired"] == 1


def test_what_the_journal_knows_is_told(day: Day) -> None:
    whole_day(day)
    strange = message(packet(CALL, 221), b"\x00" * 12)
    day.receive(221, strange)
    day.receive(222, message(packet(CALL, 222))[:-3])
    day.receive(221.5, message(packet(CALL, 223)))  # the clock went back
    day.note(event="connected", connection=1)
    day.decode()
    journal = day.quality()["journal"]
    assert (journal["records"], journal["packets"]) == (15, 27)
    assert (journal["unknown_packets"], journal["unknown_lengths"]) == (1, {"12": 1})
    assert (journal["truncated"], journal["connections"]) == (1, 1)
    assert journal["clock_doubt"] == 1
    assert day.quality()["per_million"]["unknown_packets"] == pytest.approx(1e6 / 27, abs=0.1)


def test_repeated_and_suspicious_packets_are_counted_and_summed_up(day: Day) -> None:
    whole_day(day)
    twice = message(packet(CALL, 221, volume=7))
    day.receive(221, twice)
    day.receive(221.1, twice)
    day.receive(222, message(packet(CALL, 222, 150_00)))
    day.receive(223, message(packet(CALL, 223)))
    day.decode()
    told = day.quality()
    assert told["duplicates"] == 1
    assert told["suspicious"] == {"not_positive": 0, "outside_day": 0, "outside_limits": 0, "crossed": 0, "spikes": 1}
    assert told["by_instrument"][CALL_SYMBOL]["duplicates"] == 1
    assert told["by_instrument"][FUTURE_SYMBOL]["suspicious"]["spikes"] == 0
    assert summary({"feeds": {FEED: told}}) == (
        f"{FEED}: 100.00 % of minutes have ticks, 1 repeated packets, 1 suspicious ticks"
    )


def test_an_instrument_taken_in_during_the_day_is_expected_from_then_on(day: Day) -> None:
    only_call = {CALL_SYMBOL: ENTRIES[CALL_SYMBOL]}
    save_universe(day.feed.universe, Universe(only_call, reserve={FUTURE_SYMBOL: ENTRIES[FUTURE_SYMBOL]}))
    whole_day(day, without=(0, 1))
    day.decode()
    told = day.quality()
    assert told["minutes"]["expected"] == 6
    assert told["coverage"] == 1.0


def test_a_feed_without_its_universe_is_an_error_that_names_it(day: Day) -> None:
    day.feed.universe.unlink()
    day.decode()
    with pytest.raises(MuhuratError, match="there is no universe file"):
        day.quality()
