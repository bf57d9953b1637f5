"""A whole recorder at work on the simulated Kite, in the test's own event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from muhurat.capture.disk_forecast import DiskForecast
from muhurat.capture.journal import ControlRecord, JournalReader
from muhurat.capture.recorder import FeedPlan, run
from muhurat.capture.universe import Entry, Universe, save_universe, universe_path
from muhurat.clock import NS_PER_S, ClockPage, SimulatedClock
from muhurat.heartbeat import Heartbeat, read_heartbeats
from muhurat.venues.kite.stream import KiteStream, StreamLimits
from tests.simulator.conftest import Running
from tests.simulator.tiny_market import CALL, CALL_SYMBOL, DAY, INDEX, OPEN_NS

FEED = "desk"
QUICK = StreamLimits(backoff_first_s=0.01, backoff_cap_s=0.02, token_poll_s=0.01, data_s=30.0, data_floor_s=0.1)


INSTRUMENTS = (("SENSEX", INDEX, "INDEX"), (CALL_SYMBOL, CALL, "CE"))


class Recording:
    """A recorder at work on the simulated broker's ticker, with a token that the test may change."""

    def __init__(self, kite: Running, page: ClockPage, folder: Path) -> None:
        self.kite, self.folder = kite, folder
        self.token = kite.simulation.sessions.ready()
        self.asked = 0
        self.clock = SimulatedClock(page)
        self.stop = asyncio.Event()
        entries = {name: Entry(token, symbol=name, type=kind) for name, token, kind in INSTRUMENTS}
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
        await run([self.plan], {FEED: stream}, self.clock, heartbeat, self.stop, disk=disk)

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
