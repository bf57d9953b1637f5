"""A simulated Kite in the test's own event loop, or in a thread of its own for clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from muhurat.clock import NS_PER_S, ClockPage
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.kite.simulation import KiteSimulation
from muhurat.simulator.options import SimOptions
from tests.simulator.tiny_market import DAY, OPEN_NS, TinyMarket

AS_FAST_AS_POSSIBLE = 1e6
BEFORE_OPEN_NS = OPEN_NS - 5 * 60 * NS_PER_S


@dataclass
class Running:
    """A simulation that listens, and what moves its time."""

    simulation: KiteSimulation
    conductor: Conductor
    urls: dict[str, str]

    @property
    def socket_url(self) -> str:
        app = self.simulation.app
        token = self.simulation.sessions.ready()
        return f"{self.urls['kite_ticker']}/?api_key={app.api_key}&access_token={token}"


@pytest.fixture
def page(tmp_path: Path) -> ClockPage:
    return ClockPage.create(tmp_path / "clock", BEFORE_OPEN_NS)


@pytest.fixture
async def kite(page: ClockPage) -> AsyncIterator[Running]:
    """Listens in the test's loop; time stands until the test moves it."""
    conductor = Conductor(page, AS_FAST_AS_POSSIBLE)
    simulation = KiteSimulation(SimOptions(DAY, rate_limits=False), conductor, TinyMarket())
    urls = await simulation.start({})
    yield Running(simulation, conductor, urls)
    await simulation.stop()


class InThread:
    """A simulation with a loop of its own; `call` runs a coroutine there."""

    def __init__(self, page: ClockPage, *, rate_limits: bool, speed: float) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.conductor = Conductor(page, speed)
        self.market = TinyMarket()
        options = SimOptions(DAY, rate_limits=rate_limits)
        self.simulation = KiteSimulation(options, self.conductor, self.market)
        self.urls: dict[str, str] = self.call(self.simulation.start({}))

    def call(self, coroutine):  # type: ignore[no-untyped-def]
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def advance_to(self, instant_ns: int) -> None:
        self.call(self.conductor.advance_to(instant_ns))

    def advance_s(self, seconds: float) -> None:
        self.advance_to(self.conductor.now_ns + round(seconds * NS_PER_S))

    def stop(self) -> None:
        self.call(self.simulation.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@pytest.fixture
def start_in_thread(page: ClockPage) -> Iterator[Callable[..., InThread]]:
    """Starts simulations that blocking clients can talk to."""
    started: list[InThread] = []

    def start(*, rate_limits: bool = False, speed: float = AS_FAST_AS_POSSIBLE) -> InThread:
        started.append(InThread(page, rate_limits=rate_limits, speed=speed))
        return started[-1]

    yield start
    for simulation in started:
        simulation.stop()


@pytest.fixture
def threaded(start_in_thread: Callable[..., InThread]) -> InThread:
    return start_in_thread()
