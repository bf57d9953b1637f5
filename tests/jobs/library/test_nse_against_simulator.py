"""NSE's four jobs against the simulated NSE, which shares no code with them: the morning, and its own faults."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from datetime import date, time
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina

from muhurat.clock import ClockPage, SystemClock, ist_ns
from muhurat.config.sections import NseSection
from muhurat.errors import MuhuratError
from muhurat.jobs.base import Outcome, job_named
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.niftyindices.simulation import NiftyIndicesSimulation
from muhurat.simulator.nse.simulation import NseSimulation
from muhurat.simulator.options import SimOptions
from muhurat.stores.base import Cache, ReferenceStore
from muhurat.venues.nse.api import open_nse_api
from muhurat.venues.nse.archives import open_nse_files
from muhurat.venues.nse.base import NseApi, NseFiles
from tests.jobs.library.nse_desk import files, left
from tests.jobs.library.tools import DeskTools, tools_in

FRIDAY, THURSDAY = date(2026, 11, 20), date(2026, 11, 19)
JOBS = {
    "download_and_process_bhavcopy": "/content/cm",
    "download_banned_instruments": "/content/fo/fo_secban.csv",
    "nse_span_downloader": "/archives/nsccl/span",
    "download_nse_most_active_scripts": "/api/live-analysis-variations",
}
NO_ARCHIVE = {"download_banned_instruments", "download_nse_most_active_scripts"}
FURTHER_FAULTS = [
    (name, fault)
    for name in JOBS
    for fault in ("unavailable", "throttled", "wrong_member")
    if fault != "wrong_member" or name not in NO_ARCHIVE
]
"""Those that every job is tried against are in `tests/jobs/faults`."""
KEY = "nse:gainers:FOSec"
OPTIONS: dict[str, dict[str, Any]] = {"download_nse_most_active_scripts": {"group": "FOSec"}}
CLOCK = SystemClock()

pytestmark = pytest.mark.slow


class Exchange:
    """NSE and niftyindices.com in a thread, on a Friday before the market opens."""

    def __init__(self, folder: Path) -> None:
        page = ClockPage.create(folder / "clock", ist_ns(FRIDAY, time(8, 30)))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.conductor = Conductor(page, 1.0)
        options = SimOptions(FRIDAY)
        self._venues = (NseSimulation(options, self.conductor), NiftyIndicesSimulation(options, self.conductor))
        self.urls: dict[str, str] = {}
        for venue in self._venues:
            self.urls |= self.call(venue.start({}))

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def at(self, when: time) -> None:
        self.call(self.conductor.advance_to(ist_ns(FRIDAY, when)))

    def fault(self, kind: str, path: str) -> None:
        for url in self.urls.values():
            httpx.post(f"{url}/_sim/faults", json={"fault": kind, "path": path}).raise_for_status()

    def heal(self) -> None:
        for url in self.urls.values():
            httpx.delete(f"{url}/_sim/faults").raise_for_status()

    def stop(self) -> None:
        for venue in self._venues:
            self.call(venue.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    made = Exchange(tmp_path_factory.mktemp("exchange"))
    with stamina.set_testing(True, attempts=1):
        yield made
    made.stop()


@pytest.fixture
def tools(tmp_path: Path, exchange: Exchange) -> Iterator[DeskTools]:
    with tools_in(tmp_path, day=FRIDAY, at=time(8, 30)) as made:
        connected(made, exchange, 10)
        yield made
    exchange.heal()


def connected(tools: DeskTools, exchange: Exchange, timeout_s: float) -> None:
    section = NseSection(
        www=exchange.urls["nse"],
        archives=exchange.urls["nse_archives"],
        indices=exchange.urls["niftyindices"],
        requests_per_second=1000,
        timeout=timeout_s,
    )
    tools.put(NseFiles, open_nse_files(section, CLOCK))
    tools.put(NseApi, open_nse_api(section, CLOCK))


def do(name: str, tools: DeskTools, **options: Any) -> Outcome:
    job = job_named(name)
    tools.session_date = THURSDAY if job.for_session == "previous" else FRIDAY
    return job.run(job.options.model_validate(options), tools)


def test_the_morning_s_four_jobs_load_what_is_there(tools: DeskTools, exchange: Exchange) -> None:
    done = {name: do(name, tools) for name in JOBS}

    store = tools.get(ReferenceStore)
    bhavcopy = done["download_and_process_bhavcopy"]
    assert bhavcopy.facts["by_segment"]["CM"] >= 3_000
    assert bhavcopy.facts["by_segment"]["FO"] >= 35_000
    assert bhavcopy.facts["warnings"] == []
    assert store.count("FoBhavcopy", where={"TradDt": THURSDAY}) == bhavcopy.facts["by_segment"]["FO"]
    assert store.count("IndexOhlc", where={"IndexDate": THURSDAY}) > 20
    assert done["download_banned_instruments"].facts["trade_date"] == "2026-11-20"
    span = done["nse_span_downloader"]
    assert span.facts["slot"] == "i1"
    assert span.facts["created"] < "202611200000"
    assert store.count("SpanRisk", where={"SpanDate": FRIDAY}) == span.rows
    kept = tools.get(Cache).get("nse:gainers:NIFTY")
    assert kept is not None
    assert kept.value.startswith(b"\xef\xbb\xbf")


def test_niftyindices_gives_the_indices_when_the_archives_do_not(tools: DeskTools, exchange: Exchange) -> None:
    whole = do("download_and_process_bhavcopy", tools, segments=["INDEX"])
    store = tools.get(ReferenceStore)
    wanted = {"IndexDate": THURSDAY, "IndexName": "Nifty 50"}
    (before,) = store.read("IndexOhlc", where=wanted)
    exchange.fault("missing", "/content/indices")

    outcome = do("download_and_process_bhavcopy", tools, segments=["INDEX"])

    assert outcome.rows == 6 < (whole.rows or 0)
    (after,) = store.read("IndexOhlc", where=wanted)
    prices = ("OpenValue", "HighValue", "LowValue", "CloseValue")
    assert [after[name] for name in prices] == [before[name] for name in prices]


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory, exchange: Exchange) -> Iterator[tuple[DeskTools, Any, Any]]:
    """A desk on which every job has succeeded once, and what it then holds in store, downloads and cache."""
    with tools_in(tmp_path_factory.mktemp("desk"), day=FRIDAY, at=time(8, 30)) as made:
        connected(made, exchange, 10)
        for name in JOBS:
            do(name, made, **OPTIONS.get(name, {}))
        yield made, left(made), made.get(Cache).get(KEY)


@pytest.mark.parametrize(("name", "fault"), FURTHER_FAULTS)
def test_every_further_fault_is_told_and_changes_nothing(
    morning: tuple[DeskTools, Any, Any], exchange: Exchange, name: str, fault: str
) -> None:
    loaded, before, cached = morning
    exchange.fault(fault, JOBS[name])

    try:
        with pytest.raises(MuhuratError) as caught:
            do(name, loaded, **OPTIONS.get(name, {}))
    finally:
        exchange.heal()

    assert str(caught.value)
    assert caught.value.hint
    assert left(loaded) == before
    assert loaded.get(Cache).get(KEY) == cached
    assert not [file for file in files(loaded.folder / "downloads") if file.endswith(".part")]
