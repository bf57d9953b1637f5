"""Minutes that were missed, fetched from the simulated broker's history: the right ones, marked, and only once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from muhurat.calendars.calendar import calendar_for
from muhurat.capture.journal import JournalWriter
from muhurat.capture.quality.hours import RecordedFeed, RecordedFeeds, TradingHours
from muhurat.capture.quality.stored import repaired
from muhurat.capture.universe import Entry, Universe, save_universe
from muhurat.clock import NS_PER_S, ClockPage, ManualClock, ist_ns
from muhurat.errors import SessionExpired, VenueError
from muhurat.jobs.base import JobError, Outcome
from muhurat.jobs.library import repair_gaps
from muhurat.model.bar import Bar
from muhurat.model.instrument import Instrument
from muhurat.stores.base import TickStore, make_seq
from muhurat.stores.registry import open_tick_store
from muhurat.venues.base import History
from muhurat.venues.kite.decode import decode_message
from muhurat.venues.kite.login import KiteToken
from muhurat.venues.kite.rest import KiteRest
from tests.jobs.library.tools import DeskTools, tools_in
from tests.simulator.conftest import BEFORE_OPEN_NS, InThread
from tests.simulator.tiny_market import CALL, CALL_SYMBOL, DAY, FUTURE, FUTURE_SYMBOL, INDEX, OPEN_NS

FEED = "desk"
MINUTE_NS = 60 * NS_PER_S
MINUTES = 5
ENTRIES = {
    "SENSEX": Entry(INDEX, symbol="SENSEX", exchange="BSE", type="INDEX"),
    CALL_SYMBOL: Entry(CALL, symbol=CALL_SYMBOL, exchange="BFO", type="CE", underlying="SENSEX"),
    FUTURE_SYMBOL: Entry(FUTURE, symbol=FUTURE_SYMBOL, exchange="BFO", type="FUT", underlying="SENSEX"),
}


@dataclass
class Day:
    """Five minutes of the simulated market, of which a journal and a tick store hold a part."""

    tools: DeskTools
    broker: InThread
    feeds: list[RecordedFeed] = field(default_factory=list)

    def feed(self, name: str = FEED, entries: dict[str, Entry] | None = None, *, traded: bool = True) -> RecordedFeed:
        fo, cash = (calendar_for("XBOM", segment).session(DAY) for segment in ("FO", "CM"))
        assert fo is not None
        folder = self.tools.data_dir
        universe = folder / "universe" / f"{name}.json"
        save_universe(universe, Universe(ENTRIES if entries is None else entries))
        closes_ns = OPEN_NS + MINUTES * MINUTE_NS
        made = RecordedFeed(
            name,
            "kite",
            folder / "raw_ticks" / name,
            universe,
            TradingHours(fo, cash),
            OPEN_NS,
            closes_ns,
            decode_message,
            traded,
        )
        self.feeds.append(made)
        return made

    def on(self, day: date) -> list[RecordedFeed]:
        return self.feeds if day == DAY else []

    def gap(self, first_s: float, last_s: float, reason: str = "disconnected") -> None:
        """The recorder's own entry of a gap, in seconds after the open."""
        from_ns, to_ns = (OPEN_NS + round(at * NS_PER_S) for at in (first_s, last_s))
        with JournalWriter(self.feeds[0].journal, FEED, ManualClock(to_ns), sync_interval_s=None) as writer:
            writer.control({"event": "gap", "from_ns": from_ns, "to_ns": to_ns, "reason": reason}, to_ns)

    def ticks(self, symbol: str, *minutes: int, feed: str = FEED) -> None:
        """A tick in the middle of each of these minutes after the open."""
        store = self.tools.get(TickStore)
        at_ns = np.array([OPEN_NS + minute * MINUTE_NS + 30 * NS_PER_S for minute in minutes], np.int64)
        token = ENTRIES[symbol].token
        columns: dict[str, Any] = {
            "timestamp": at_ns // 10**6,
            "ts_recv_ns": at_ns,
            "symbol": np.full(len(at_ns), symbol, object),
            "instrument_token": np.full(len(at_ns), token),
            "seq": make_seq("20261120_0900", np.array(minutes) + token, np.zeros(len(at_ns), np.int64)),
            "last_price": np.full(len(at_ns), 100.0),
            "modelled": np.zeros(len(at_ns), bool),
        }
        store.append("ticks_full", columns, feed=feed)
        store.flush()

    def run(self, **options: Any) -> Outcome:
        return repair_gaps.run(repair_gaps.RepairGapsOptions(**options), self.tools)

    def kept(self, feed: str = FEED) -> dict[tuple[str, int], dict[str, Any]]:
        """What was repaired, by symbol and minute after the open."""
        rows = repaired(self.tools.get(TickStore), feed, DAY)
        return {(row["symbol"], (row["start_ns"] - OPEN_NS) // MINUTE_NS): row for row in rows}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InThread]:
    """A simulated broker whose five minutes are over."""
    page = ClockPage.create(tmp_path_factory.mktemp("broker") / "clock", BEFORE_OPEN_NS)
    made = InThread(page, rate_limits=False, speed=1e6)
    made.advance_to(OPEN_NS + MINUTES * MINUTE_NS)
    yield made
    made.stop()


@pytest.fixture
def desk(tmp_path: Path, broker: InThread) -> Iterator[Day]:
    app = broker.simulation.app
    with tools_in(tmp_path, day=DAY, at=time(16, 0)) as tools:
        made = Day(tools, broker)
        token = KiteToken(app.api_key, broker.simulation.sessions.ready(), app.api_secret, app.user_id)
        tools.put(History, KiteRest(broker.urls["kite"], lambda: token, tools.clock, wait=lambda seconds: None))
        tools.put(RecordedFeeds, made)
        store = open_tick_store(
            "parquet:///./data/ticks", base=tmp_path, clock=tools.clock, universe=tools.data_dir / "universe"
        )
        tools.put(TickStore, store)
        yield made


def all_seen_but(desk: Day, missing: dict[str, Sequence[int]]) -> None:
    for symbol in ENTRIES:
        minutes = [minute for minute in range(MINUTES) if minute not in missing.get(symbol, ())]
        desk.ticks(symbol, *minutes)


def simulators_own(desk: Day, token: int, minute: int) -> tuple[float, ...]:
    """The candle as the market that the simulator plays has it."""
    start_ns = OPEN_NS + minute * MINUTE_NS
    (candle,) = desk.broker.market.candles(token, 1, start_ns, start_ns)
    prices = (candle.open, candle.high, candle.low, candle.close)
    return (*(price / 100 for price in prices), candle.volume)


def test_minutes_of_a_gap_are_the_brokers_candles(desk: Day) -> None:
    desk.feed()
    all_seen_but(desk, dict.fromkeys(ENTRIES, (1, 2)))
    desk.gap(50, 170, "disconnected by peer")

    outcome = desk.run()

    kept = desk.kept()
    assert set(kept) == {(symbol, minute) for symbol in ENTRIES for minute in (0, 1, 2)}  # the gap begins in minute 0
    for (symbol, minute), row in kept.items():
        values = tuple(row[name] for name in ("open", "high", "low", "close", "volume"))
        assert values == simulators_own(desk, ENTRIES[symbol].token, minute)
        assert row["reason"] == "disconnected by peer"
    assert outcome.facts["feeds"][FEED] == {
        "missed_minutes": 9,
        "repaired_before": 0,
        "repaired": 9,
        "not_repaired": {},
    }


def test_they_are_marked_and_never_among_the_ticks(desk: Day) -> None:
    desk.feed()
    all_seen_but(desk, {CALL_SYMBOL: (3,)})
    desk.run()

    store = desk.tools.get(TickStore)
    (row,) = store.query("SELECT * FROM repaired_candles").dicts()
    assert (row["symbol"], row["repaired"], row["source"]) == (CALL_SYMBOL, True, "kite history")
    assert (row["reason"], row["feed"]) == ("no tick", FEED)
    assert f"{row['fetched_at']:%Y-%m-%d %H:%M}" == "2026-11-20 10:30"
    assert [ticks for (ticks,) in store.query("SELECT count(*) FROM ticks_full")] == [3 * MINUTES - 1]


def test_a_second_run_asks_nothing_and_changes_nothing(desk: Day) -> None:
    desk.feed()
    all_seen_but(desk, dict.fromkeys(ENTRIES, (1,)))
    desk.gap(60, 100)
    desk.run()
    before = list(desk.tools.get(TickStore).query("SELECT * FROM repaired_candles ORDER BY seq"))
    files = {path: path.read_bytes() for path in desk.tools.data_dir.rglob("*.parquet")}
    asked = Asked(desk.tools.get(History))
    desk.tools.put(History, asked)
    desk.tools.clock.advance(60)

    outcome = desk.run()

    assert asked.symbols == []
    assert outcome.facts["feeds"][FEED]["repaired"] == 0
    desk.run(again=True)
    assert len(asked.symbols) == len(ENTRIES)
    assert list(desk.tools.get(TickStore).query("SELECT * FROM repaired_candles ORDER BY seq")) == before
    assert {path: path.read_bytes() for path in desk.tools.data_dir.rglob("*.parquet")} == files


class Asked:
    """A history that notes whom it was asked for, and may refuse or know nothing."""

    def __init__(self, history: History | None = None, refuse: dict[str, VenueError] | None = None) -> None:
        self.symbols: list[str] = []
        self.spans: list[tuple[int, int]] = []
        self._history = history
        self._refuse = refuse or {}

    def candles(self, instrument: Instrument, interval: str, start_ns: int, end_ns: int) -> list[Bar]:
        self.symbols.append(instrument.symbol)
        self.spans.append((start_ns, end_ns))
        if instrument.symbol in self._refuse:
            raise self._refuse[instrument.symbol]
        return self._history.candles(instrument, interval, start_ns, end_ns) if self._history else []


def test_one_question_covers_all_of_an_instruments_minutes(desk: Day) -> None:
    desk.feed()
    all_seen_but(desk, {CALL_SYMBOL: (0, 4)})
    asked = Asked(desk.tools.get(History))
    desk.tools.put(History, asked)
    desk.run()
    assert asked.symbols == [CALL_SYMBOL]
    assert asked.spans == [(OPEN_NS, OPEN_NS + MINUTES * MINUTE_NS)]
    assert set(desk.kept()) == {(CALL_SYMBOL, 0), (CALL_SYMBOL, 4)}


def test_a_silent_minute_in_which_nothing_was_traded_stays_empty(desk: Day) -> None:
    desk.feed()
    all_seen_but(desk, dict.fromkeys(ENTRIES, (2,)))
    start_ns = OPEN_NS + 2 * MINUTE_NS
    untraded = Bar("x", start_ns, start_ns + MINUTE_NS, 1.0, 1.0, 1.0, 1.0, 0)

    class Quiet(Asked):
        def candles(self, instrument: Instrument, interval: str, start_ns: int, end_ns: int) -> list[Bar]:
            return [untraded]

    desk.tools.put(History, Quiet())
    outcome = desk.run()
    assert set(desk.kept()) == {("SENSEX", 2)}  # an index has no volume, and is spread all day
    assert outcome.facts["feeds"][FEED]["not_repaired"] == {"nothing was traded": 2}


def test_the_traded_feed_comes_first_and_what_is_over_the_limit_is_said(desk: Day) -> None:
    desk.feed()
    desk.feed("other", {CALL_SYMBOL: ENTRIES[CALL_SYMBOL]}, traded=False)
    all_seen_but(desk, dict.fromkeys(ENTRIES, (1, 2)))
    outcome = desk.run(max_requests=3)
    assert len(desk.kept()) == 6
    assert desk.kept("other") == {}
    assert outcome.facts["feeds"]["other"]["not_repaired"] == {"not asked: more than --max-requests": MINUTES}
    assert "other: 0 minutes repaired, 5 not (not asked: more than --max-requests)" in outcome.note

    desk.run(feed="other")
    assert len(desk.kept("other")) == MINUTES


def test_a_contract_without_history_is_said_to_have_none(desk: Day) -> None:
    desk.feed()
    all_seen_but(desk, {FUTURE_SYMBOL: range(1, MINUTES)})
    (desk.tools.data_dir / "universe" / f"{FEED}.json").unlink()
    gone = ENTRIES | {"SENSEX26NOV99999CE": Entry(999, symbol="SENSEX26NOV99999CE", exchange="BFO", type="CE")}
    save_universe(desk.feeds[0].universe, Universe(gone))
    desk.tools.put(History, Asked())
    outcome = desk.run()
    assert outcome.facts["feeds"][FEED]["not_repaired"] == {
        "nothing was traded": 4,
        "the venue has no history of it": MINUTES,
    }


def test_one_that_the_venue_refuses_is_said_and_the_others_are_repaired(desk: Day) -> None:
    desk.feed()
    all_seen_but(desk, dict.fromkeys(ENTRIES, (1,)))
    refused = {"SENSEX": VenueError("candles of BSE:SENSEX: invalid token", permanent=True)}
    desk.tools.put(History, Asked(desk.tools.get(History), refused))
    outcome = desk.run()
    assert set(desk.kept()) == {(CALL_SYMBOL, 1), (FUTURE_SYMBOL, 1)}
    assert outcome.facts["feeds"][FEED]["not_repaired"] == {"refused: candles of BSE:SENSEX: invalid token": 1}


@pytest.mark.parametrize("error", [SessionExpired("the session is dead"), VenueError("Kite could not be reached")])
def test_when_going_on_is_of_no_use_the_job_ends_and_keeps_what_it_has(desk: Day, error: VenueError) -> None:
    desk.feed()
    all_seen_but(desk, dict.fromkeys(ENTRIES, (1,)))
    working = desk.tools.get(History)
    desk.tools.put(History, Asked(working, {FUTURE_SYMBOL: error}))
    with pytest.raises(JobError, match=f"1 of 3 instruments are not repaired: {error}") as raised:
        desk.run()
    assert raised.value.permanent == error.permanent
    assert len(desk.kept()) == 2

    desk.tools.put(History, working)
    desk.run()
    assert len(desk.kept()) == 3


def test_a_feed_that_the_desk_does_not_have_is_an_error(desk: Day) -> None:
    desk.feed()
    with pytest.raises(JobError, match="no feed 'dsk'"):
        desk.run(feed="dsk")


def test_a_day_without_a_session_has_nothing_to_repair(desk: Day) -> None:
    desk.tools.business_date = date(2026, 11, 21)
    assert desk.run().note == "no feed was to be recorded on 2026-11-21"


def test_minutes_to_come_are_not_missing(desk: Day) -> None:
    desk.feed()
    desk.tools.clock.set(ist_ns(DAY, time(9, 17, 30)))
    for symbol in ENTRIES:
        desk.ticks(symbol, 0, 1)
    assert desk.run().facts["feeds"][FEED]["missed_minutes"] == 0
