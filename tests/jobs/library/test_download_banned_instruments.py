"""The ban list counts for today's session or not at all, and what users banned stays banned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from muhurat.errors import MuhuratError, RateLimited
from muhurat.jobs.base import NotYet, Outcome
from muhurat.jobs.library.download_banned_instruments import JOB, DownloadBannedInstrumentsOptions
from muhurat.stores.base import ReferenceStore
from muhurat.venues.nse.base import Blocked, Malformed, NotPublished, Unavailable, WebPage
from tests.jobs.library.nse_desk import connect, left
from tests.jobs.library.tools import TUESDAY, DeskTools, tools_in
from tests.venues.file_server import Fault, FileServer
from tests.venues.nse import made

LIST = "/content/fo/fo_secban.csv"
WEDNESDAY = date(2026, 9, 23)


@pytest.fixture
def tools(tmp_path: Path, server: FileServer) -> Iterator[DeskTools]:
    with tools_in(tmp_path) as desk:
        connect(desk, server)
        server.put(LIST, made.bans(TUESDAY, "LICI", "M&M"))
        yield desk


def load(tools: DeskTools) -> Outcome:
    return JOB.run(DownloadBannedInstrumentsOptions(), tools)


def rows(tools: DeskTools) -> list[tuple[Any, ...]]:
    wanted = ("Symbol", "IsBanned", "IsUserCreated", "TradeDate")
    found = tools.get(ReferenceStore).read("BannedInstruments", columns=wanted, order_by=["Symbol", "IsUserCreated"])
    return [tuple(row[name] for name in wanted) for row in found]


def ban_by_hand(tools: DeskTools, *symbols: str) -> None:
    columns = {"Symbol": symbols, "Reason": ["by hand"] * len(symbols), "IsBanned": [True] * len(symbols)}
    with tools.get(ReferenceStore).transaction() as transaction:
        transaction.replace("BannedInstruments", columns, where={"IsUserCreated": True})


def test_todays_list_replaces_the_earlier_one_and_leaves_the_users_rows(tools: DeskTools, server: FileServer) -> None:
    ban_by_hand(tools, "LICI", "WIPRO")
    load(tools)
    server.put(LIST, made.bans(TUESDAY, "KAYNES"))

    outcome = load(tools)

    assert outcome.note == "banned on 2026-09-22: KAYNES"
    assert rows(tools) == [
        ("KAYNES", True, False, TUESDAY),
        ("LICI", True, True, None),
        ("WIPRO", True, True, None),
    ]


def test_a_day_without_bans_clears_the_list(tools: DeskTools, server: FileServer) -> None:
    load(tools)
    server.put(LIST, made.bans(TUESDAY))

    assert load(tools).note == "banned on 2026-09-22: none"
    assert rows(tools) == []


def test_a_stale_list_is_refused_with_both_dates_and_the_earlier_one_stays(
    tools: DeskTools, server: FileServer
) -> None:
    load(tools)
    before = left(tools)
    server.put(LIST, made.bans(date(2026, 9, 21), "KAYNES"))

    with pytest.raises(NotYet) as caught:
        load(tools)

    assert "is the list of 2026-09-21, not of 2026-09-22" in str(caught.value)
    assert not caught.value.permanent
    assert left(tools) == before


def test_in_the_evening_todays_list_comes_from_the_archive(tools: DeskTools, server: FileServer) -> None:
    server.put(LIST, made.bans(WEDNESDAY, "KAYNES"))
    server.put("/archives/fo/sec_ban/fo_secban_22092026.csv", made.bans(TUESDAY, "LICI"))

    assert load(tools).facts["banned"] == ["LICI"]


def test_an_index_cannot_be_banned(tools: DeskTools, server: FileServer) -> None:
    server.put(LIST, made.bans(TUESDAY, "BANKNIFTY", "LICI"))

    outcome = load(tools)

    assert "left out, as indices cannot be banned: BANKNIFTY" in outcome.note
    assert [row[0] for row in rows(tools)] == ["LICI"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("missing", NotPublished),
        ("forbidden", Blocked),
        ("html", WebPage),
        ("truncated", Malformed),
        ("empty", Malformed),
        ("hang", Unavailable),
        ("drip", Unavailable),
        ("unavailable", Unavailable),
        ("throttled", RateLimited),
    ],
)
def test_no_failure_ever_means_that_there_are_no_bans(
    tools: DeskTools, server: FileServer, fault: Fault, error: type[MuhuratError]
) -> None:
    load(tools)
    before = left(tools)
    server.fault(LIST, fault)

    with pytest.raises(error) as caught:
        load(tools)

    assert "fo_secban.csv" in str(caught.value)
    assert caught.value.hint
    assert left(tools) == before
