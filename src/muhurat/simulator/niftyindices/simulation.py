"""www.niftyindices.com on loopback."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from muhurat.simulator.conductor import Conductor
from muhurat.simulator.files import Asked, Content, FileVenue, Manners, Published, is_browser, page
from muhurat.simulator.options import SimOptions
from muhurat.simulator.reference.exchange import ReferenceData
from muhurat.simulator.reference.listing import indices

HOST: Final = "www.niftyindices.com"
LIVE: Final = "/BackPage/getHistoricaldatatabletoString"
DEAD: Final = "/Backpage.aspx/getHistoricaldatatabletoString"
LOGIN: Final = "/Sitefinity/Login"
MAPPING: Final = "/assets/json/IndexMapping.json"
OUT: Final = time(18, 0)
"""When a day's values are out."""

_HTML: Final = "text/html; charset=utf-8"
_POST: Final = frozenset({"POST"})
_LONGEST: Final = timedelta(days=366 * 5)


class NiftyIndicesSimulation:
    """The index history; port `niftyindices`. Requests that come from no browser are never answered."""

    PORTS: Final = ("niftyindices",)

    def __init__(self, options: SimOptions, conductor: Conductor) -> None:
        self.reference = ReferenceData("XNSE", options.seed)
        self._random = random.Random(f"{options.seed}:niftyindices")
        self._rows = {name.upper(): row for row, (name, _) in enumerate(indices())}
        published = [
            Published(
                re.compile(LIVE),
                self._history,
                column=(b'"CLOSE":', b'"CLOSE_VALUE":'),
                emptied=lambda _: b"[]",
                methods=_POST,
            ),
            Published(
                re.compile(MAPPING),
                _mapping,
                column=(b'"Trading_Index_Name":', b'"Index_Name":'),
                emptied=lambda _: "\ufeff[]".encode(),
            ),
        ]
        self.venue = FileVenue(
            HOST,
            options,
            conductor,
            published,
            manners=Manners(missing=lambda _: page("Page not found", "The page does not exist.", 404, 2_000)),
            guard=self._browsers_only,
            routes=[Route(DEAD, _moved, methods=["POST"]), Route(LOGIN, _login)],
        )
        self._url = ""

    async def start(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Listen; returns the URL."""
        self._url = await self.venue.start(ports.get("niftyindices", 0))
        return {"niftyindices": self._url}

    async def stop(self) -> None:
        """Stop listening; who waits for an answer is let go."""
        await self.venue.stop()

    def overlay(self) -> dict[str, Any]:
        """The keys of a desk file that point a desk at this simulation."""
        return {"venues": {"nse": {"indices": self._url}}}

    async def _browsers_only(self, request: Request) -> Response | None:
        return None if is_browser(request.headers.get("user-agent", "")) else await self.venue.hang(request)

    def _history(self, asked: Asked) -> Content | None:
        rows = list(self._wanted(asked))
        return Content(msgspec.json.encode(rows), _HTML, compressible=True)

    def _wanted(self, asked: Asked) -> Iterator[dict[str, str]]:
        question = _question(asked.body)
        row = self._rows.get(question.get("name", "").upper())
        first, last = _date(question.get("startDate", "")), _date(question.get("endDate", ""))
        if row is None or first is None or last is None or not timedelta() <= last - first <= _LONGEST:
            return
        number = f"His{self._random.getrandbits(60):019d}"
        day = last
        while day >= first:
            if self.reference.sessions.out(day, OUT, asked.now_ns):
                held = self.reference.sessions.before(day) if asked.wrong_date else day
                yield {"RequestNumber": number, "Index Name": "", **self._day(row, held)}
            day -= timedelta(days=1)

    def _day(self, row: int, day: date) -> dict[str, str]:
        name = indices()[row][0]
        session = self.reference.index(day)
        known = "g-sec" not in name.lower()
        spans = {"OPEN": session.open, "HIGH": session.high, "LOW": session.low}
        figures = {field: f"{column[row]:.2f}" if known else "-" for field, column in spans.items()}
        return {
            "INDEX_NAME": name,
            "HistoricalDate": f"{day:%d %b %Y}",
            **figures,
            "CLOSE": f"{session.close[row]:.2f}",
        }


def _question(body: bytes) -> dict[str, str]:
    """What `cinfo` asks: a mapping written as a string, in single or in double quotes; empty when it is neither."""
    try:
        asked = ast.literal_eval(msgspec.json.decode(body)["cinfo"])
        return {str(name): str(value) for name, value in asked.items()}
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, SyntaxError, AttributeError):
        return {}


def _date(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%d-%b-%Y").date()  # noqa: DTZ007
    except ValueError:
        return None


def _mapping(_asked: Asked) -> Content:
    names = [{"Trading_Index_Name": name.upper(), "Index_long_name": name} for name, _ in indices()]
    return Content(b"\xef\xbb\xbf" + msgspec.json.encode(names), "application/json")


async def _moved(_request: Request) -> Response:
    return RedirectResponse(f"{LOGIN}?ReturnUrl={DEAD}", 302)


async def _login(_request: Request) -> Response:
    return page("Login", "Sign in to Sitefinity.", 200, 4_000)
