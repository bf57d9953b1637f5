"""The gainers' list lies in the cache as it came, with its age; after a failure the earlier one is there, and stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from muhurat.errors import VenueError
from muhurat.jobs.base import Outcome
from muhurat.jobs.library.download_nse_most_active_scripts import JOB, DownloadNseMostActiveScriptsOptions
from muhurat.stores.base import Cache
from muhurat.venues.nse.api import GAINERS_PATH
from tests.jobs.library.nse_desk import connect
from tests.jobs.library.tools import DeskTools, tools_in
from tests.venues.file_server import PAGE, Answer, Fault, FileServer
from tests.venues.nse import made

KEY = "nse:gainers:NIFTY"


@pytest.fixture
def tools(tmp_path: Path, server: FileServer) -> Iterator[DeskTools]:
    with tools_in(tmp_path) as desk:
        connect(desk, server)
        server.put(
            "/market-data/top-gainers-losers",
            lambda _: Answer(PAGE, "text/html", 403, {"Set-Cookie": "nsit=1; Path=/"}),
        )
        server.put(GAINERS_PATH, made.GAINERS)
        yield desk


def load(tools: DeskTools, **options: Any) -> Outcome:
    return JOB.run(DownloadNseMostActiveScriptsOptions.model_validate(options), tools)


def test_the_list_is_kept_byte_for_byte_with_its_time(tools: DeskTools) -> None:
    outcome = load(tools, ttl=600)

    kept = tools.get(Cache).get(KEY)
    assert kept is not None
    assert kept.value == made.GAINERS
    assert not kept.stale(tools.clock.now_ns())
    tools.clock.advance(601)
    assert kept.stale(tools.clock.now_ns())
    assert outcome.rows == 2
    assert outcome.note == "2 gainers of NIFTY (M&M, TCS …), fresh for 600 s"
    assert JOB.on_failure == "warn"


def test_losers_are_asked_for_as_nse_spells_them(tools: DeskTools, server: FileServer) -> None:
    load(tools, direction="losers", group="FOSec")

    assert server.asked[-1].query["index"] == ["loosers"]
    assert tools.get(Cache).keys() == ["nse:losers:FOSec"]


@pytest.mark.parametrize(
    "fault", ["missing", "forbidden", "html", "empty", "hang", "drip", "unavailable", "throttled", "truncated"]
)
def test_the_earlier_list_stays(tools: DeskTools, server: FileServer, fault: Fault) -> None:
    load(tools)
    tools.clock.advance(3600)
    server.fault(GAINERS_PATH, fault)

    with pytest.raises(VenueError) as caught:
        load(tools)

    assert GAINERS_PATH in str(caught.value)
    assert caught.value.hint
    kept = tools.get(Cache).get(KEY)
    assert kept is not None
    assert kept.value == made.GAINERS
    assert kept.stale(tools.clock.now_ns())


def test_a_changed_column_is_no_list(tools: DeskTools, server: FileServer) -> None:
    server.put(GAINERS_PATH, made.GAINERS.replace(b"LTP", b"LAST"))

    with pytest.raises(VenueError, match="no column LTP"):
        load(tools)

    assert tools.get(Cache).get(KEY) is None
