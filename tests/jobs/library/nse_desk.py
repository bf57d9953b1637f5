"""NSE's parts of a desk, pointed at a test's server; and what a failed job must leave as it was."""

from __future__ import annotations

from pathlib import Path

from muhurat.clock import SystemClock
from muhurat.config.sections import NseSection
from muhurat.stores.base import ReferenceStore
from muhurat.venues.nse.api import open_nse_api
from muhurat.venues.nse.archives import open_nse_files
from muhurat.venues.nse.base import NseApi, NseFiles
from tests.jobs.library.tools import DeskTools
from tests.venues.file_server import FileServer

TIMEOUT_S = 0.4


def connect(tools: DeskTools, server: FileServer) -> None:
    """Give the desk NSE's parts; time limits are real, so their clock is."""
    section = NseSection(
        www=server.root,
        archives=server.root,
        indices=server.root,
        requests_per_second=1000,
        timeout=TIMEOUT_S,
    )
    tools.put(NseFiles, open_nse_files(section, SystemClock()))
    tools.put(NseApi, open_nse_api(section, SystemClock()))


def left(tools: DeskTools) -> tuple[dict[str, str], dict[str, bytes]]:
    """The content of the reference store and of every file in the downloads."""
    return tools.get(ReferenceStore).checksum(), files(tools.folder / "downloads")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}
