"""The website's API is asked as a browser asks it: a visit first, and again when it refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from muhurat.clock import ManualClock
from muhurat.config.sections import NseSection
from muhurat.errors import VenueError
from muhurat.venues.nse.api import GAINERS_PATH, NseWebsite, open_nse_api
from muhurat.venues.refusals import Blocked, Malformed
from tests.venues.file_server import PAGE, Answer, Asked, FileServer
from tests.venues.nse import made

PAGE_PATH = "/market-data/top-gainers-losers"


class Website:
    """Gives cookies with a 403, and answers its API to the newest of them only."""

    def __init__(self, server: FileServer) -> None:
        self.visits = 0
        self.refuses = False
        server.put(PAGE_PATH, self._visit)
        server.put(GAINERS_PATH, self._gainers)

    def _visit(self, _: Asked) -> Answer:
        self.visits += 1
        return Answer(PAGE, "text/html", 403, {"Set-Cookie": f"nsit={self.visits}; Path=/"})

    def _gainers(self, asked: Asked) -> Answer:
        if self.refuses or asked.headers.get("cookie") != f"nsit={self.visits}":
            return Answer(PAGE, "text/html", 401)
        return Answer(made.GAINERS, "text/csv")


@pytest.fixture
def website(server: FileServer) -> Website:
    return Website(server)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def api(server: FileServer, clock: ManualClock) -> Iterator[NseWebsite]:
    made_api = open_nse_api(NseSection(www=server.root, requests_per_second=1000, timeout=1), clock)
    yield made_api
    made_api.close()


def test_a_visit_that_is_refused_and_sets_cookies_is_good_enough(
    server: FileServer, website: Website, api: NseWebsite
) -> None:
    found = api.gainers()

    assert [row["SYMBOL"] for row in found.rows] == ["M&M", "TCS"]
    asked = server.asked[-1]
    assert asked.query == {"index": ["gainers"], "type": ["NIFTY"], "csv": ["true"]}
    assert asked.headers["referer"] == f"{server.root}{PAGE_PATH}"
    assert "Mozilla" in asked.headers["user-agent"]


def test_cookies_serve_for_minutes_and_a_new_visit_is_made_then(
    website: Website, api: NseWebsite, clock: ManualClock
) -> None:
    api.gainers()
    api.gainers()
    assert website.visits == 1

    clock.advance(300)
    api.gainers()
    assert website.visits == 2


def test_cookies_that_went_bad_are_renewed_once(website: Website, api: NseWebsite) -> None:
    api.gainers()
    website.visits += 1

    api.gainers()

    assert website.visits == 3


def test_a_refusal_after_a_new_visit_is_final(website: Website, api: NseWebsite, server: FileServer) -> None:
    website.refuses = True

    with pytest.raises(Blocked, match="HTTP 401"):
        api.gainers()

    assert server.paths().count(GAINERS_PATH) == 1


def test_an_address_that_is_gone_is_told_as_moved_not_as_missing(
    website: Website, api: NseWebsite, server: FileServer
) -> None:
    server.remove(GAINERS_PATH)

    with pytest.raises(VenueError, match="no longer there") as caught:
        api.gainers()

    assert caught.value.permanent


def test_the_empty_object_of_a_busy_website_is_no_list(server: FileServer, website: Website, api: NseWebsite) -> None:
    server.put(GAINERS_PATH, b"{}", "application/json")

    with pytest.raises(Malformed, match="is no CSV") as caught:
        api.gainers()

    assert "too often" in caught.value.hint
