"""www.nseindia.com: pages that hand out cookies, and the API behind them (facts/nse.md §1, §2, §7, §12, §13)."""

from __future__ import annotations

import random
import re
from datetime import date, time
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from muhurat.clock import ist
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.faults import Kind
from muhurat.simulator.files import Asked, Content, FileVenue, Manners, Published, is_browser, page
from muhurat.simulator.nse import archives, gainers
from muhurat.simulator.nse.holidays import holiday_master
from muhurat.simulator.options import SimOptions
from muhurat.simulator.reference.exchange import ReferenceData

HOST: Final = "www.nseindia.com"
COOKIES_LAST_S: Final = 300.0
"""Real seconds after which the API wants new cookies."""

FURTHER_FAULTS: Final = {
    "no_data": Kind("answer 200 with {}, as to a client that asks too often"),
    "expired_cookies": Kind("forget every cookie", default_count=1),
}
_SESSION: Final = "nseappid"
_DRESSING: Final = ("nsit", "bm_sz", "bm_sv", "ak_bmsc", "_abck", "AKA_A2")
_JSON: Final = "application/json; charset=utf-8"
_REPORTS: Final = {
    "CM": ("CM-UDIFF-BHAVCOPY-CSV", "cm", archives.CASH_OUT),
    "FO": ("FO-UDIFF-BHAVCOPY-CSV", "fo", archives.DERIVATIVES_OUT),
}


class NseWebsite:
    """The website; `archives_root` is where its daily reports say the files are."""

    def __init__(self, options: SimOptions, conductor: Conductor, reference: ReferenceData) -> None:
        self.archives_root = f"https://{archives.HOST}"
        self._reference = reference
        self._conductor = conductor
        self._random = random.Random(f"{options.seed}:nse cookies")
        self._good_until: dict[str, float] = {}
        published = [
            Published(
                re.compile("/api/live-analysis-variations"),
                self._variations,
                column=gainers.RENAMES[0],
                further_columns=gainers.RENAMES[1:],
                emptied=gainers.without_rows,
            ),
            Published(
                re.compile("/api/holiday-master"),
                self._holidays,
                column=(b'"tradingDate":', b'"date":'),
                emptied=lambda _: b"{}",
            ),
            Published(
                re.compile("/api/daily-reports"),
                self._daily_reports,
                column=(b'"fileActlName":', b'"fileName":'),
                emptied=lambda _: b'{"data":[],"msg":"no data found"}',
            ),
        ]
        self.venue = FileVenue(
            HOST,
            options,
            conductor,
            published,
            manners=Manners(missing=_not_found),
            guard=self._cookies_wanted,
            further=FURTHER_FAULTS,
        )

    async def _cookies_wanted(self, request: Request) -> Response | None:
        path = request.url.path
        if self.venue.faults.take("expired_cookies", path=path):
            self._good_until.clear()
        if not is_browser(request.headers.get("user-agent", "")):
            return self.venue.manners.forbidden(path)
        known = self._knows(request.cookies.get(_SESSION, ""))
        if not path.startswith("/api/"):
            return self._warm_up(path, known)
        if known:
            return None
        if not request.cookies:
            return self.venue.manners.forbidden(path)
        return page("401 Unauthorized", "Unauthorized", 401)

    def _knows(self, session: str) -> bool:
        return self._conductor.monotonic() < self._good_until.get(session, 0.0)

    def _warm_up(self, path: str, known: bool) -> Response:
        """A page. The first visit is refused, and hands out cookies that are good all the same."""
        if known:
            response = page("NSE - National Stock Exchange of India Ltd", "Live market, indices, reports.", 200, 20_000)
        else:
            response = self.venue.manners.forbidden(path)
        session = f"{self._random.getrandbits(128):032x}"
        self._good_until[session] = self._conductor.monotonic() + COOKIES_LAST_S
        response.set_cookie(_SESSION, session, path="/", httponly=True)
        for name in _DRESSING:
            response.set_cookie(name, f"{self._random.getrandbits(64):016x}", path="/")
        return response

    def _variations(self, asked: Asked) -> Content | None:
        wanted = asked.query.get("index", "")
        if wanted not in ("gainers", "loosers"):
            return self._json(asked, {})
        at = gainers.moment(self._reference, asked.now_ns, day_before=asked.wrong_date)
        body = gainers.variations(self._reference, at, losers=wanted == "loosers")
        kind = asked.query.get("type", "allSec")
        if asked.query.get("csv") == "true" and kind in body:
            nothing = self.venue.faults.take("no_data", path=asked.path)
            text = b"{}" if nothing else gainers.as_csv(body[kind]["data"])
            return Content(text, _JSON if nothing else "text/csv; charset=utf-8", compressible=True)
        return self._json(asked, body)

    def _holidays(self, asked: Asked) -> Content | None:
        if asked.query.get("type") not in ("trading", "clearing"):
            return None
        year = ist(asked.now_ns).year - asked.wrong_date
        return self._json(asked, holiday_master(self._reference.sessions.calendar, year))

    def _daily_reports(self, asked: Asked) -> Content | None:
        report = _REPORTS.get(asked.query.get("key", ""))
        if report is None:
            return self._json(asked, {"data": [], "msg": "no data found"})
        sessions, today = self._reference.sessions, ist(asked.now_ns).date()
        last = sessions.before(today)
        if asked.wrong_date:
            today, last = last, sessions.before(last)
        current = [self._report(report, today)] if sessions.out(today, report[2], asked.now_ns) else []
        return self._json(asked, {"CurrentDay": current, "PreviousDay": [self._report(report, last)], "FutureDay": []})

    def _report(self, report: tuple[str, str, time], day: date) -> dict[str, Any]:
        key, folder, _ = report
        return {
            "fileKey": key,
            "fileActlName": f"BhavCopy_NSE_{folder.upper()}_0_0_0_{day:%Y%m%d}_F_0000.csv.zip",
            "filePath": f"{self.archives_root}//content/{folder}/",
            "tradingDate": f"{day:%d-%b-%Y}",
        }

    def _json(self, asked: Asked, body: dict[str, Any]) -> Content:
        shown = {} if self.venue.faults.take("no_data", path=asked.path) else body
        return Content(msgspec.json.encode(shown), _JSON, compressible=True)


def _not_found(_path: str) -> Response:
    return Response("Resource not found", 404, media_type="text/html")
