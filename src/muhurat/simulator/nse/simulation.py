"""The simulated NSE put together: its website and its archive, with one set of reference data behind both."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from muhurat.simulator.conductor import Conductor
from muhurat.simulator.nse.archives import NseArchives
from muhurat.simulator.nse.website import NseWebsite
from muhurat.simulator.options import SimOptions
from muhurat.simulator.reference.exchange import ReferenceData


class NseSimulation:
    """NSE on loopback; ports `nse` (www.nseindia.com) and `nse_archives` (nsearchives.nseindia.com)."""

    PORTS: Final = ("nse", "nse_archives")

    def __init__(self, options: SimOptions, conductor: Conductor) -> None:
        self.reference = ReferenceData("XNSE", options.seed)
        self.archives = NseArchives(options, conductor, self.reference)
        self.website = NseWebsite(options, conductor, self.reference)
        self._urls: dict[str, str] = {}

    async def start(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Listen; returns the URLs by name."""
        self._urls = {
            "nse": await self.website.venue.start(ports.get("nse", 0)),
            "nse_archives": await self.archives.venue.start(ports.get("nse_archives", 0)),
        }
        self.website.archives_root = self._urls["nse_archives"]
        return self._urls

    async def stop(self) -> None:
        """Stop listening and let go of every client."""
        await asyncio.gather(self.website.venue.stop(), self.archives.venue.stop())

    def overlay(self) -> dict[str, Any]:
        """The keys of a desk file that point a desk at this simulation."""
        return {"venues": {"nse": {"www": self._urls["nse"], "archives": self._urls["nse_archives"]}}}
