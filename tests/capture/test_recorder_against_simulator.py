"""The whole recorder against the simulated Kite: refused sessions, mute connections, and what it says of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from muhurat.capture.disk_forecast import DiskForecast
from muhurat.capture.journal import ControlRecord, JournalReader
from muhurat.capture.recorder import FeedPlan, run
from muhurat.capture.universe import Entry, Universe, save_universe, universe_path
from muhurat.clock import NS_PER_S, ClockPage, SimulatedClock
from muhurat.heartbeat import Heartbeat, read_heartbeats
from muhurat.venues.kite.stream import KiteStream, StreamLimits
from tests.simulator.conftest import Running, kite, page
from tests.simulator.tiny_market import CALL, CALL_SYMBOL, DAY, INDEX, OPEN_NS

__all__ = ["kite", "page"]

FEED = "desk"
QUICK = StreamLimits(backoff_first_s=0.01, backoff_cap_s=0.02, token_poll_s=0.01, data_s=30.0, data_floor_s=0.1)


class Recording:
    """A recorder at work on the simulated broker's ticker, with a token that the test may change."""

    def __init__(self, kite: Running, page: ClockPage, folder: Path) -> None:
        self.kite, self.folder = kite, folder
        self.token = kite.simulation.sessions.ready()
        self.asked = 0
        self.clock = SimulatedClock(page)
        self.stop = asyncio.Event()
        entries = {name: Entry(token, symbol=name) for name, token in (("SENSEX", INDEX), (CALL_SYMBOL, CALL))}
        save_universe(universe_path(folder / "universe", FEED, DAY), Universe(entries))
        self.plan = FeedPlan(FEED, folder / "journal", folder / "universe", opens_ns=OPEN_NS)

    async def record(self) -> None:
        stream = KiteStream(
            self.kite.urls["kite_ticker"],
            self.kite.simulation.app.api_key,
            self._token,
            self.clock,
            data_due=lambda now_ns: now_ns >= OPEN_NS,
            limits=QUICK,
            chance=Random(1),
        )
        heartbeat = Heartbeat("recorder", self.folder / "run", self.clock)
        disk = DiskForecast(self.folder, self.clock)
        await run([self.plan], {FEED: stream}, self.clock, heartbeat, self.stop, disk)

    async def flow(self) -> None:
        """Connect, then record five seconds of the session."""
        await until(lambda: self.facts().get("messages"))
        await self.kite.conductor.advance_to(OPEN_NS + 5 * NS_PER_S)
        await until(lambda: self.facts()["packets"] >= 10)

    def _token(self) -> str:
        self.asked += 1
        return self.token

    def fault(self, name: str, **more: object) -> None:
        made = self.kite.simulation.faults.add(json.dumps({"fault": name, **more}).encode())
        self.kite.simulation.ticker.strike(made)

    def word(self) -> dict[str, Any]:
        return read_heartbeats(self.folder / "run").get("recorder", {})

    def facts(self) -> dict[str, Any]:
        feeds: dict[str, dict[str, Any]] = self.word().get("gauges", {}).get("feeds", {})
        return feeds.get(FEED, {})

    def troubles(self) -> list[str]:
        return [trouble["name"] for trouble in self.word().get("gauges", {}).get("troubles", [])]

    def refusals(self) -> int:
        refused: int = self.kite.simulation.ticker.stats()["refused_upgrades"].get("403", 0)
        return refused

    def gaps(self) -> list[dict[str, Any]]:
        with JournalReader(self.plan.journal, FEED, with_control=True) as reader:
            entries = [entry for batch in iter(reader.read, []) for entry in batch]
        return [e.entry for e in entries if isinstance(e, ControlRecord) and e.entry["event"] == "gap"]


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muhurat.capture.recorder._REPORT_EVERY_S", 0.02)
    monkeypatch.setattr("muhurat.heartbeat._LEAST_INTERVAL_S", 0.0)


@pytest.fixture
async def desk(kite: Running, page: ClockPage, tmp_path: Path) -> AsyncIterator[Recording]:
    return Recording(kite, page, tmp_path)


@asynccontextmanager
async def recording(desk: Recording) -> AsyncIterator[None]:
    task = asyncio.create_task(desk.record())
    try:
        yield
    finally:
        desk.stop.set()
        await task


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_refused_session_is_not_tried_again_and_a_login_is_asked_for(desk: Recording) -> None:
    good, desk.token = desk.token, "yesterdays"
    async with recording(desk):
        await until(lambda: desk.troubles() == ["login desk"])
        asked = desk.asked
        await until(lambda: desk.asked > asked + 20)  # it looks for another token, and knocks with none
        assert desk.refusals() == 1
        assert desk.facts()["login_needed"]
        assert desk.word()["detail"].startswith("login needed: desk is refused: HTTP 403")

        desk.token = good
        await until(lambda: desk.facts().get("state") == "connected")
        assert desk.troubles() == []
        assert desk.refusals() == 1
        await desk.kite.conductor.advance_to(OPEN_NS + 5 * NS_PER_S)
        await until(lambda: desk.facts()["packets"] >= 10)


async def test_a_session_that_dies_during_the_day_is_replaced_without_a_restart(desk: Recording) -> None:
    async with recording(desk):
        await desk.flow()
        desk.fault("forbid_403", count=1)
        desk.fault("drop", count=1)
        await until(lambda: desk.troubles() == ["login desk"])
        await asyncio.sleep(0.1)
        assert desk.refusals() == 1

        await desk.kite.conductor.advance_to(OPEN_NS + 10 * NS_PER_S)
        desk.token = desk.kite.simulation.sessions.issue()
        await until(lambda: desk.facts()["state"] == "connected")
        packets = desk.facts()["packets"]
        await desk.kite.conductor.advance_to(OPEN_NS + 20 * NS_PER_S)
        await until(lambda: desk.facts()["packets"] > packets)

    (gap,) = desk.gaps()
    assert "disconnected" in gap["reason"]


async def test_a_mute_socket_is_replaced_within_its_limit_though_heartbeats_come(desk: Recording) -> None:
    async with recording(desk):
        await desk.flow()
        desk.fault("heartbeat_only", for_s=600, connection=1)
        mute_ns = desk.kite.conductor.now_ns
        while desk.facts()["reconnects"] == 0:
            assert desk.kite.conductor.now_ns < mute_ns + 60 * NS_PER_S
            await desk.kite.conductor.advance_to(desk.kite.conductor.now_ns + NS_PER_S)
            await asyncio.sleep(0.05)
        assert desk.kite.conductor.now_ns - mute_ns <= (QUICK.data_s + 5) * NS_PER_S
        await desk.kite.conductor.advance_to(desk.kite.conductor.now_ns + 3 * NS_PER_S)
        await until(lambda: desk.facts()["gap_since_ns"] is None)

    (gap,) = desk.gaps()
    assert gap["reason"].startswith("stale no market data for 30 s")


async def test_the_disk_is_part_of_what_the_recorder_says(desk: Recording) -> None:
    async with recording(desk):
        await until(desk.word)
        disk = desk.word()["gauges"]["disk"]
    assert disk["free_bytes"] > 0
    assert disk["trouble"] is None
