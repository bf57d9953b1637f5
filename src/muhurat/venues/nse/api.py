"""NSE's website API: lists that have no file in the archives."""

from __future__ import annotations

from typing import Final, Literal

from muhurat.clock import Clock
from muhurat.config.sections import NseSection
from muhurat.venues.calls import RateLimit
from muhurat.venues.http import Fetcher
from muhurat.venues.nse.base import Gainers
from muhurat.venues.nse.gainers import parse_gainers
from muhurat.venues.nse.session import PAGE_HEADERS, NseSession
from muhurat.venues.refusals import place_of

GAINERS_PATH: Final = "/api/live-analysis-variations"


class NseWebsite:
    """`NseApi` over www.nseindia.com."""

    def __init__(self, root: str, session: NseSession) -> None:
        self._root = root.rstrip("/")
        self._session = session

    def gainers(self, direction: Literal["gainers", "loosers"] = "gainers", of: str = "NIFTY") -> Gainers:
        """The list as CSV; see `NseApi`."""
        response = self._session.get(GAINERS_PATH, {"index": direction, "type": of, "csv": "true"})
        return parse_gainers(response.content, origin=place_of(f"{self._root}{GAINERS_PATH}"))

    def close(self) -> None:
        self._session.close()


def open_nse_api(section: NseSection, clock: Clock) -> NseWebsite:
    """The website that a desk names in `venues.nse`."""
    fetcher = Fetcher(
        headers=PAGE_HEADERS,
        clock=clock,
        limit=RateLimit(section.requests_per_second, clock),
        timeout_s=section.timeout,
    )
    return NseWebsite(section.www, NseSession(section.www, fetcher, clock, page="/market-data/top-gainers-losers"))
