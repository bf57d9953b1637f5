"""NSE's parts of a desk, pointed at a test's server; and what a failed job must leave as it was."""

from __future__ import annotations

from pathlib import Path

from muhurat.clock import SystemClock
from muhurat.config.sections import NseSection
from muhurat.stores.base import ReferenceStore
from muhurat.venues.calls import RateLimit
from muhurat.venues.http import Fetcher
from muhurat.venues.nse.api import open_nse_api
from muhurat.venues.nse.archives import FILE_HEADERS, NseArchives
from muhurat.venues.nse.base import NseApi, NseFiles
from muhurat.venues.nse.span import Needs
from muhurat.venues.nse.udiff import Bounds
from tests.jobs.library.tools import DeskTools
from tests.venues.file_server import FileServer

TIMEOUT_S = 0.25
SHARES, CONTRACTS, COMMODITIES = 21, 204, 20
BOUNDS = {
    ("NSE", "CM"): Bounds(20, frozenset({"STK"})),
    ("NSE", "FO"): Bounds(200, frozenset({"STF", "STO", "IDF", "IDO"})),
}
INDEX = frozenset({"NIFTY"})


def connect(tools: DeskTools, server: FileServer) -> None:
    """Give the desk NSE's parts, to whom a small day is a whole one. Time limits are real, so their clock is."""
    clock, root = SystemClock(), server.root
    limit = RateLimit(1000, clock)
    fetcher = Fetcher(headers=FILE_HEADERS, clock=clock, limit=limit, timeout_s=TIMEOUT_S)
    tools.put(NseFiles, NseArchives(root, root, fetcher, bounds=BOUNDS, span_needs=Needs(COMMODITIES, INDEX)))
    section = NseSection(www=root, requests_per_second=1000, timeout=TIMEOUT_S)
    tools.put(NseApi, open_nse_api(section, clock))


def left(tools: DeskTools) -> tuple[dict[str, str], dict[str, bytes]]:
    """The content of the reference store and of every file in the downloads."""
    return tools.get(ReferenceStore).checksum(), files(tools.folder / "downloads")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}
