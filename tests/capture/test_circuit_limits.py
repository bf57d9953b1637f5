"""The price bands of the day: asked of the simulated broker, kept when they change, read by the view and the report."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest

from muhurat.capture.circuit_limits import LimitsWatch, limits_path, read_limits, run, widest
from muhurat.capture.universe import Entry, Universe, save_universe, universe_path
from muhurat.clock import NS_PER_S, ClockPage, ManualClock, ist_ns
from muhurat.errors import SessionExpired, VenueError
from muhurat.heartbeat import Heartbeat, read_heartbeats
from muhurat.stores.registry import open_tick_store
from muhurat.venues.base import Quote
from muhurat.venues.kite.login import KiteToken
from muhurat.venues.kite.rest import KiteRest
from tests.simulator.conftest import BEFORE_OPEN_NS, InThread
from tests.simulator.tiny_market import CALL, CALL_SYMBOL, DAY, INDEX, OPEN_NS
from tests.stores.ticks import TEN, ticks

FEED = "desk"
QUARTER_NS = 900 * NS_PER_S
NOW_NS = ist_ns(DAY, time(9, 5))
FUTURE = Quote("BFO:F", 1, *[Decimal(100)] * 5, lower_limit=Decimal("90.5"), upper_limit=Decimal(110))


class Answers:
    """Quotes in the test's hand."""

    def __init__(self, *quotes: Quote) -> None:
        self.given = list(quotes)
        self.asked: list[list[str]] = []
        self.refuses: VenueError | None = None

    def quotes(self, keys: Sequence[str]) -> dict[str, Quote]:
        self.asked.append(list(keys))
        if self.refuses:
            raise self.refuses
        return {quote.key: quote for quote in self.given}

    def last_prices(self, keys: Sequence[str]) -> dict[str, Decimal]:
        return {}


class Desk:
    def __init__(self, folder: Path, *quotes: Quote) -> None:
        self.clock = ManualClock(NOW_NS)
        self.answers = Answers(*quotes)
        self.path = limits_path(folder, FEED, DAY)
        entries = {"F": Entry(1, symbol="F", exchange="BFO"), "SENSEX": Entry(INDEX, symbol="SENSEX", exchange="BSE")}
        save_universe(universe_path(folder, FEED, DAY), Universe(entries))
        self.watch = LimitsWatch([FEED], folder, self.answers, self.clock)

    def look(self, after_s: float = 0) -> list[dict[str, tuple[float, float]]]:
        self.clock.advance(after_s)
        self.watch.look()
        return [seen.limits for seen in read_limits(self.path)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, FUTURE, replace(FUTURE, key="BSE:SENSEX", lower_limit=None, upper_limit=None))


def test_bands_are_asked_for_at_once_and_every_quarter_of_an_hour(desk: Desk) -> None:
    assert desk.look() == [{"F": (90.5, 110.0)}]
    assert desk.answers.asked == [["BFO:F", "BSE:SENSEX"]]
    desk.look(after_s=899)
    assert len(desk.answers.asked) == 1
    desk.look(after_s=1)
    assert len(desk.answers.asked) == 2
    assert "bands of 1 instruments" in desk.watch.detail


def test_only_what_is_new_is_kept_also_after_a_restart(desk: Desk, tmp_path: Path) -> None:
    desk.look()
    assert len(desk.look(after_s=900)) == 1
    desk.answers.given[0] = replace(FUTURE, upper_limit=Decimal(120))
    assert desk.look(after_s=900) == [{"F": (90.5, 110.0)}, {"F": (90.5, 120.0)}]
    LimitsWatch([FEED], tmp_path, desk.answers, desk.clock).look()
    assert len(desk.look()) == 2
    assert widest(read_limits(desk.path)) == {"F": (90.5, 120.0)}


def test_a_refusal_is_said_and_tried_again_after_half_a_minute(desk: Desk) -> None:
    desk.answers.refuses = SessionExpired("the session is dead")
    assert desk.look() == []
    assert desk.watch.detail == "the session is dead"
    desk.look(after_s=29)
    assert len(desk.answers.asked) == 1
    desk.answers.refuses = None
    assert desk.look(after_s=1) == [{"F": (90.5, 110.0)}]


def test_a_universe_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    desk = Desk(tmp_path, FUTURE)
    universe = universe_path(tmp_path, FEED, DAY)
    universe.rename(tmp_path / "aside")
    assert desk.look() == []
    assert "there is no universe file" in desk.watch.detail
    (tmp_path / "aside").rename(universe)
    assert len(desk.look(after_s=31)) == 1


def test_a_feed_without_a_universe_does_not_cost_the_others_their_bands(tmp_path: Path) -> None:
    desk = Desk(tmp_path, FUTURE)
    watch = LimitsWatch(["another", FEED], tmp_path, desk.answers, desk.clock)
    watch.look()
    assert "another_20261120.json" in watch.detail
    assert [seen.limits for seen in read_limits(desk.path)] == [{"F": (90.5, 110.0)}]
    save_universe(universe_path(tmp_path, "another", DAY), Universe({"G": Entry(9, symbol="F", exchange="BFO")}))
    desk.clock.advance(30)
    watch.look()
    assert watch.detail.startswith("bands of 2 instruments, 1 new")
    assert len(desk.answers.asked) == 2, "what is known is not asked again so soon"


def test_a_line_cut_short_by_a_crash_does_not_count(desk: Desk) -> None:
    desk.look()
    with desk.path.open("ab") as file:
        file.write(b'{"at_ns": 5, "lim')
    assert len(list(read_limits(desk.path))) == 1
    desk.answers.given[0] = replace(FUTURE, upper_limit=Decimal(120))
    assert desk.look(after_s=900) == [{"F": (90.5, 110.0)}, {"F": (90.5, 120.0)}]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[InThread]:
    running = InThread(ClockPage.create(tmp_path / "clock", BEFORE_OPEN_NS), rate_limits=False, speed=1e6)
    running.advance_to(OPEN_NS + NS_PER_S)
    yield running
    running.stop()


def test_the_brokers_own_bands_are_kept_by_the_service(broker: InThread, tmp_path: Path) -> None:
    app = broker.simulation.app
    token = KiteToken(app.api_key, broker.simulation.sessions.ready(), app.api_secret, app.user_id)
    clock = ManualClock(OPEN_NS)
    rest = KiteRest(broker.urls["kite"], lambda: token, clock, wait=lambda seconds: None)
    universe = Universe({CALL_SYMBOL: Entry(CALL, symbol=CALL_SYMBOL, exchange="BFO")})
    save_universe(universe_path(tmp_path, FEED, DAY), universe)
    stop = threading.Event()
    heartbeat = Heartbeat("limits", tmp_path / "run", clock)
    service = threading.Thread(target=run, args=([FEED], tmp_path, rest, clock, heartbeat, stop))
    service.start()
    try:
        path, limit = limits_path(tmp_path, FEED, DAY), threading.Event()
        for _ in range(500):
            if path.exists() and path.read_bytes().endswith(b"\n"):
                break
            limit.wait(0.02)
    finally:
        stop.set()
        service.join(20)
    (seen,) = read_limits(path)
    quote = rest.quotes([f"BFO:{CALL_SYMBOL}"])[f"BFO:{CALL_SYMBOL}"]
    assert seen.at_ns == OPEN_NS
    assert seen.limits == {CALL_SYMBOL: (float(quote.lower_limit or 0), float(quote.upper_limit or 0))}
    assert read_heartbeats(tmp_path / "run")["limits"]["gauges"]["instruments"] == 1


def test_the_view_gives_each_tick_the_band_of_its_time(tmp_path: Path) -> None:
    lines = [(TEN + 10**6, {"S0": (90.0, 110.0)}), (TEN + 3 * 10**6, {"S0": (95.0, 120.0)})]
    path = limits_path(tmp_path, FEED, date(2025, 9, 2))
    path.write_text("".join(json.dumps({"at_ns": at, "limits": limits}) + "\n" for at, limits in lines))
    with open_tick_store("parquet:///./ticks", base=tmp_path, clock=ManualClock(TEN), universe=tmp_path) as store:
        store.append("ticks_full", ticks(range(15)), feed=FEED)
        store.flush()
        asked = (
            "SELECT symbol, lower_circuit_limit, upper_circuit_limit FROM ticks_full_named "
            "WHERE symbol IN ('S0', 'S1') ORDER BY symbol, seq"
        )
        rows = list(store.query(asked))
        assert rows[:3] == [("S0", None, None), ("S0", 90.0, 110.0), ("S0", 95.0, 120.0)]
        assert set(rows[3:]) == {("S1", None, None)}
        assert list(store.query("SELECT count(*) FROM circuit_limits")) == [(2,)]
