"""Serves simulated venues: one clock page, one conductor, and any of the venues of `VENUES`, in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

import yaml

from muhurat.clock import ClockPage
from muhurat.errors import MuhuratError, UsageError
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.options import SimOptions

VENUES: Final = {
    "kite": "muhurat.simulator.kite.simulation:KiteSimulation",
    "nse": "muhurat.simulator.nse.simulation:NseSimulation",
    "niftyindices": "muhurat.simulator.niftyindices.simulation:NiftyIndicesSimulation",
    "bse": "muhurat.simulator.bse.simulation:BseSimulation",
    "connect2nse": "muhurat.simulator.connect2nse.simulation:Connect2NseSimulation",
    "ftp": "muhurat.simulator.ftp.simulation:FtpSimulation",
    "smtp": "muhurat.simulator.smtp.simulation:SmtpSimulation",
}
"""Every venue that can be simulated; adding one is a line here."""

Announce = Callable[[dict[str, Any]], None]


class Simulation(Protocol):
    """A simulated venue. `PORTS` names the ports it listens on; constructed with `(SimOptions, Conductor)`."""

    PORTS: tuple[str, ...]

    async def start(self, ports: Mapping[str, int]) -> dict[str, str]: ...

    async def stop(self) -> None: ...

    def overlay(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the simulator: which venues, from when until when, how fast, and where it leaves its files."""

    venues: tuple[str, ...]
    options: SimOptions
    start_ns: int
    until_ns: int
    speed: float
    clock: Path
    overlay: Path | None = None
    paused: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)


async def serve(plan: Plan, announce: Announce, stop: asyncio.Event) -> None:
    """Serve until `stop`. Calls `announce` once, when everything listens; at the plan's end time stands still."""
    factories = [_factory(name) for name in plan.venues]
    _check_ports(plan.ports, factories)
    conductor = Conductor(ClockPage.create(plan.clock, plan.start_ns, plan.speed), plan.speed)
    if plan.paused:
        conductor.pause()
    running: list[Simulation] = []
    try:
        urls: dict[str, str] = {}
        for factory in factories:
            simulation = factory(plan.options, conductor)
            running.append(simulation)
            urls |= await simulation.start(plan.ports)
        if plan.overlay is not None:
            _write_overlay(plan.overlay, running)
        announce({"ready": True, "urls": urls, "clock": str(plan.clock)})
        await _conduct(conductor, plan.until_ns, stop)
    except OSError as error:
        raise MuhuratError(f"the simulator cannot listen: {error}", hint="choose other ports with --port") from error
    finally:
        for simulation in running:
            await simulation.stop()


async def _conduct(conductor: Conductor, until_ns: int, stop: asyncio.Event) -> None:
    conducting = asyncio.create_task(conductor.advance_to(until_ns))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((conducting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if conducting.done():
            await conducting
            await stopping
    finally:
        conducting.cancel()
        stopping.cancel()
        await asyncio.gather(conducting, stopping, return_exceptions=True)


def _factory(name: str) -> Callable[[SimOptions, Conductor], Simulation]:
    try:
        module, _, attribute = VENUES[name].partition(":")
    except KeyError:
        raise UsageError(f"no simulated venue {name!r}; known: {', '.join(VENUES)}") from None
    factory: Callable[[SimOptions, Conductor], Simulation] = getattr(import_module(module), attribute)
    return factory


def _check_ports(ports: Mapping[str, int], factories: Sequence[Any]) -> None:
    known = [name for factory in factories for name in factory.PORTS]
    unknown = [name for name in ports if name not in known]
    if unknown:
        raise UsageError(f"no port is called {unknown[0]!r}; known: {', '.join(known)}")


def _write_overlay(path: Path, running: Sequence[Simulation]) -> None:
    keys: dict[str, Any] = {}
    for simulation in running:
        _merge(keys, simulation.overlay())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(keys, sort_keys=False), encoding="utf-8")


def _merge(keys: dict[str, Any], further: Mapping[str, Any]) -> None:
    """Lay mappings over mappings, at every depth: several venues write below one section."""
    for name, value in further.items():
        if isinstance(value, Mapping):
            _merge(keys.setdefault(name, {}), value)
        else:
            keys[name] = value
