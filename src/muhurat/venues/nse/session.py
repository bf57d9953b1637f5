"""A browser's visit to www.nseindia.com, which answers its API only to who has its cookies.

The first page often says 403 and sets usable cookies all the same, so that its status means nothing. Cookies are good
for some minutes; when the API refuses (401, 403), a new visit is tried once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx

from muhurat.clock import Clock
from muhurat.errors import VenueError
from muhurat.venues.http import Blocked, Fetcher, NotPublished
from muhurat.venues.refusals import place_of

USER_AGENT: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
PAGE_HEADERS: Final = {
    "User-Agent": USER_AGENT,
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.9",
    "Accept-Encoding": "gzip, deflate",
}
COOKIES_LAST_S: Final = 240.0
"""Real seconds after which a new visit is made before asking."""

_ANY_STATUS: Final = (200, 401, 403)


class NseSession:
    """Asks NSE's website as a browser does. `page` is the first page, whose cookies count."""

    def __init__(self, root: str, fetcher: Fetcher, clock: Clock, *, page: str = "/option-chain") -> None:
        self._root = root.rstrip("/")
        self._fetcher = fetcher
        self._clock = clock
        self._page = page
        self._warm_at: float | None = None

    def get(self, path: str, params: Mapping[str, str]) -> httpx.Response:
        """The API's answer. Raises `Blocked` when it refuses after a new visit too, and what else `Fetcher` raises."""
        fresh = self._visit_unless_warm()
        try:
            return self._ask(path, params)
        except Blocked:
            if fresh:
                raise
        self._visit()
        return self._ask(path, params)

    def close(self) -> None:
        self._fetcher.close()

    def _ask(self, path: str, params: Mapping[str, str]) -> httpx.Response:
        headers = {
            "Accept": "*/*",
            "Referer": f"{self._root}{self._page}",
            "X-Requested-With": "XMLHttpRequest",
        }
        url = f"{self._root}{path}"
        try:
            return self._fetcher.get(url, headers=headers, params=params)
        except NotPublished as error:
            raise VenueError(
                f"{place_of(url)} is no longer there: {error}",
                permanent=True,
                hint="NSE moves its API without notice; look for a newer version of Muhurat",
            ) from error

    def _visit_unless_warm(self) -> bool:
        """Whether a new visit was needed, and made."""
        if self._warm_at is not None and self._clock.monotonic() - self._warm_at < COOKIES_LAST_S:
            return False
        self._visit()
        return True

    def _visit(self) -> None:
        self._fetcher.forget_cookies()
        self._fetcher.get(f"{self._root}{self._page}", accept=_ANY_STATUS)
        self._warm_at = self._clock.monotonic()
