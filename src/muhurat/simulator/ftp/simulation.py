"""The FTP venue put together: the server in its thread, and a port on which testers talk to the simulator."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from muhurat.simulator.conductor import Conductor
from muhurat.simulator.control import ControlDoor
from muhurat.simulator.ftp.certificate import make_certificate
from muhurat.simulator.ftp.faults import FAULTS, SharedFaultBoard
from muhurat.simulator.ftp.filesystem import Shown
from muhurat.simulator.ftp.server import FtpServer
from muhurat.simulator.ftp.tree import Listing, Tree
from muhurat.simulator.http_server import HttpServer
from muhurat.simulator.options import SimOptions

USER: Final = "simdesk"
PASSWORD: Final = "sim-ftp-password"
_REAL: Final = "ftp"


class FtpSimulation:
    """FTP and explicit FTPS on loopback; ports `ftp` and `ftp_sim` (HTTP: faults, stats, session)."""

    PORTS: Final = ("ftp", "ftp_sim")

    def __init__(self, options: SimOptions, conductor: Conductor, listing: Listing | None = None) -> None:
        self._options = options
        self._begun: Counter[str] = Counter()
        self.faults = SharedFaultBoard(FAULTS, conductor.monotonic)
        self._tree = Tree(listing or _listing(options), lambda: conductor.now_ns, _real(options))
        self._certificate = make_certificate()
        shown = Shown(self._tree, self.faults, conductor.monotonic)
        self._ftp = FtpServer(shown, USER, PASSWORD, self._certificate, self._latency_s)
        door = ControlDoor(self.faults, conductor.monotonic, self.stats, {("GET", "/_sim/session"): self._session})
        self._http = HttpServer(door.app())

    async def start(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Listen; returns the URLs by name."""
        ftp = await self._ftp.start(ports.get("ftp", 0))
        control = await self._http.start(ports.get("ftp_sim", 0))
        return {"ftp": f"ftp://127.0.0.1:{ftp}", "ftp_sim": f"http://127.0.0.1:{control}"}

    async def stop(self) -> None:
        """Stop listening and let go of every client."""
        await self._ftp.stop()
        await self._http.stop()

    def overlay(self) -> dict[str, Any]:
        """No keys of the desk file: host, user and files are parameters of the job that downloads them."""
        return {}

    def stats(self) -> dict[str, Any]:
        """What `GET /_sim/stats` tells."""
        return {"files": len(self._tree.paths()), **self._ftp.counted()}

    def _latency_s(self, path: str) -> float:
        self._begun[path] += 1
        return random.Random(f"{self._options.seed}:ftp{path}:{self._begun[path]}").uniform(*self._options.latency_s)

    def _session(self) -> dict[str, Any]:
        return {
            "user": USER,
            "password": PASSWORD,
            "certificate": self._certificate.pem,
            "files": self._tree.paths(),
        }


def _real(options: SimOptions) -> Path | None:
    return None if options.files is None else options.files / _REAL


def _listing(options: SimOptions) -> Listing:
    from muhurat.simulator.ftp.content import Files

    return Files(options.seed).listing
