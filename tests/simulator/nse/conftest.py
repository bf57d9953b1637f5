"""A simulated NSE in the test's own event loop, at an instant that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from muhurat.simulator.conductor import Conductor
from muhurat.simulator.nse.simulation import NseSimulation
from muhurat.simulator.options import SimOptions
from tests.simulator.file_venues import FRIDAY, at, client, conductor_at


@dataclass
class RunningNse:
    simulation: NseSimulation
    conductor: Conductor
    archives: httpx.AsyncClient
    www: httpx.AsyncClient

    async def until(self, text: str) -> None:
        """Let the conductor take desk time to a time of the day."""
        await self.conductor.advance_to(at(text))

    async def fault(self, fault: str, **more: object) -> None:
        """Ask both hosts for a fault."""
        for http in (self.archives, self.www):
            await http.post("/_sim/faults", json={"fault": fault, **more})

    async def warm_up(self) -> None:
        await self.www.get("/option-chain")


Start = Callable[..., Coroutine[Any, Any, RunningNse]]


@pytest.fixture
async def start_nse(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts an NSE at a time of Friday 2026-11-20, or at an instant."""
    async with AsyncExitStack() as stack:

        async def start(when: str | int, options: SimOptions | None = None) -> RunningNse:
            conductor = conductor_at(tmp_path, when if isinstance(when, int) else at(when))
            simulation = NseSimulation(options or SimOptions(FRIDAY), conductor)
            urls = await simulation.start({})
            stack.push_async_callback(simulation.stop)
            www, archives = [
                await stack.enter_async_context(client(urls[name])) for name in ("nse", "nse_archives")
            ]  # fmt: skip
            return RunningNse(simulation, conductor, archives, www)

        yield start
