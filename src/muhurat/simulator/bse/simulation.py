"""www.bseindia.com put together: masters and bhavcopies, a page of its own instead of a 404, and a wish for headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from muhurat.simulator.bse.library import CASH_AT, DERIVATIVES_AT, MASTERS_AT, Library
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.files import (
    Asked,
    Content,
    FileVenue,
    Manners,
    Published,
    Shelf,
    is_browser,
    packed_all,
    page,
)
from muhurat.simulator.options import SimOptions

HOST: Final = "www.bseindia.com"
_PAGE_BYTES: Final = 14_000
_ZIP: Final = "application/x-zip-compressed"
_CSV: Final = "application/octet-stream"
_COLUMN: Final = (b"ClsPric", b"ClosePrice")
_ONE_MORE_FIELD: Final = (b",2,0,0,1,", b",2,0,0,0,1,")
_ONE_MORE_PIECE: Final = (b"|BSE|", b"|BSE||")
"""Masters have no names for their columns: a changed format shows in the number of fields."""


class BseSimulation:
    """BSE's public host on loopback; port `bse`."""

    PORTS: Final = ("bse",)

    def __init__(self, options: SimOptions, conductor: Conductor, library: Library | None = None) -> None:
        self._library = library or Library(options.seed)
        self._archives: Shelf[bytes] = Shelf(4)
        manners = Manners(missing=_missing)
        self.venue = FileVenue(HOST, options, conductor, self._published(), manners=manners, guard=_wants_headers)
        self._root = ""

    async def start(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Listen; returns the URLs by name."""
        self._root = await self.venue.start(ports.get("bse", 0))
        return {"bse": self._root}

    async def stop(self) -> None:
        """Stop listening and let go of every client."""
        await self.venue.stop()

    def overlay(self) -> dict[str, Any]:
        """The keys of a desk file that point a desk here."""
        return {"venues": {"bse": {"www": self._root}}}

    def _published(self) -> list[Published]:
        cash = r"/download/BhavCopy/Equity/BhavCopy_BSE_CM_0_0_0_(?P<day>\d{8})_F_0000\.CSV"
        derivatives = r"/download/BhavCopy/Derivative/BhavCopy_BSE_FO_0_0_0_(?P<day>\d{8})_F_0000\.CSV"
        return [
            Published(re.compile(r"/downloads/Help/file/scrip\.zip"), self._scrip, 0, _ONE_MORE_PIECE),
            Published(re.compile(r"/downloads1/CO_BSE\.zip"), self._contracts, 1, _ONE_MORE_FIELD),
            Published(re.compile(cash), self._cash, column=_COLUMN),
            Published(re.compile(derivatives), self._derivatives, column=_COLUMN),
        ]

    def _scrip(self, asked: Asked) -> Content:
        day = self._masters_of(asked)
        archive = self._archives.get(("scrip", day), lambda: packed_all(self._library.scrip_members(day)))
        return Content(archive, _ZIP)

    def _contracts(self, asked: Asked) -> Content:
        day = self._masters_of(asked)
        archive = self._archives.get(("contracts", day), lambda: packed_all(self._library.contract_members(day)))
        return Content(archive, _ZIP)

    def _masters_of(self, asked: Asked) -> date:
        latest = self._library.sessions.last_at(asked.now_ns, MASTERS_AT)
        return self._library.sessions.before(latest) if asked.wrong_date else latest

    def _cash(self, asked: Asked) -> Content | None:
        day = self._session_of(asked, CASH_AT)
        return None if day is None else Content(self._library.cash_bhavcopy(day), _CSV, compressible=True)

    def _derivatives(self, asked: Asked) -> Content | None:
        day = self._session_of(asked, DERIVATIVES_AT)
        return None if day is None else Content(self._library.derivatives_bhavcopy(day), _CSV, compressible=True)

    def _session_of(self, asked: Asked, out_at: time) -> date | None:
        try:
            day = datetime.strptime(asked.parts["day"], "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            return None
        if not self._library.sessions.out(day, out_at, asked.now_ns):
            return None
        return self._library.sessions.before(day) if asked.wrong_date else day


def _missing(_path: str) -> Response:
    """BSE has no 404: a file that is not there is an ordinary page (facts/nse.md §5)."""
    return page("BSE Ltd. (Bombay Stock Exchange)", "The page you have requested does not exist.", 200, _PAGE_BYTES)


async def _wants_headers(request: Request) -> Response | None:
    """Programs that do not say they are a browser coming from BSE's own pages are turned away."""
    if is_browser(request.headers.get("user-agent", "")) and "referer" in request.headers:
        return None
    return page("Access Denied", "You don't have permission to access this page on this server.", 403)
