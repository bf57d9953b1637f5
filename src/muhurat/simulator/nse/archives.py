"""nsearchives.nseindia.com: the exchange's files, each out at its time of the desk's day.

Bhavcopies 18:00 (cash) and 18:15 (derivatives), indices 18:00, the list of banned stocks for the next session 18:30,
SPAN by slot. Before that, and for days without a session: 404 with a page of about 3.4 KB.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from muhurat.clock import ist_ns
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.faults import Kind
from muhurat.simulator.files import Asked, Content, FileVenue, Manners, Published, Shelf, is_browser, packed, page
from muhurat.simulator.nse import small_files, udiff
from muhurat.simulator.nse.span import SLOTS, span_file
from muhurat.simulator.options import SimOptions
from muhurat.simulator.reference.exchange import ReferenceData

HOST: Final = "nsearchives.nseindia.com"
CASH_OUT: Final = time(18, 0)
DERIVATIVES_OUT: Final = time(18, 15)
INDICES_OUT: Final = time(18, 0)
BANS_OUT: Final = time(18, 30)
FURTHER_FAULTS: Final = {
    "nil": Kind("list nobody as banned, in the NIL form"),
    "header_only": Kind("list nobody as banned, by the title alone"),
}

_ZIP: Final = "application/zip"
_CSV: Final = "text/csv"
_PAGE_BYTES: Final = 3_400
_ISO: Final = r"(?P<day>\d{8})"
_CLOSE: Final = (b",ClsPric,", b",ClosePric,")


class NseArchives:
    """The files of one seed; `venue` serves them."""

    def __init__(self, options: SimOptions, conductor: Conductor, reference: ReferenceData) -> None:
        self._reference = reference
        self._sessions = reference.sessions
        self._shelf: Shelf[bytes] = Shelf()
        manners = Manners(missing=lambda _: page("404 - Page Not Found", "Resource not found", 404, _PAGE_BYTES))
        published = [
            *self._bhavcopies(),
            Published(
                re.compile(r"/content/indices/ind_close_all_(?P<day>\d{8})\.csv"),
                self._index_closes,
                column=(b"Closing Index Value", b"Close"),
            ),
            *self._banned_lists(),
            Published(
                re.compile(rf"/archives/nsccl/span/nsccl\.{_ISO}\.(?P<slot>i[1-5]|s)\.zip"),
                self._span,
                column=(b"ra>", b"riskArray>"),
                header_lines=0,
            ),
        ]
        self.venue = FileVenue(
            HOST, options, conductor, published, manners=manners, guard=self._browsers_only, further=FURTHER_FAULTS
        )

    async def _browsers_only(self, request: Request) -> Response | None:
        if is_browser(request.headers.get("user-agent", "")):
            return None
        return self.venue.manners.forbidden(request.url.path)

    def _bhavcopies(self) -> list[Published]:
        kinds: tuple[tuple[str, time, Callable[[date], bytes]], ...] = (
            ("CM", CASH_OUT, lambda day: udiff.cash_bhavcopy(self._reference.cash(day))),
            ("FO", DERIVATIVES_OUT, lambda day: udiff.derivatives_bhavcopy(self._reference.futures_and_options(day))),
        )
        return [self._bhavcopy(segment, out, make) for segment, out, make in kinds]

    def _bhavcopy(self, segment: str, out: time, make: Callable[[date], bytes]) -> Published:
        def archive(asked: Asked) -> Content | None:
            day = _day(asked, "%Y%m%d")
            if day is None or not self._sessions.out(day, out, asked.now_ns):
                return None
            held = self._sessions.before(day) if asked.wrong_date else day
            member = f"BhavCopy_NSE_{segment}_0_0_0_{day:%Y%m%d}_F_0000.csv"
            body = self._shelf.get((segment, day, held), lambda: packed(member, make(held)))
            return Content(body, _ZIP)

        pattern = re.compile(rf"/content/{segment.lower()}/BhavCopy_NSE_{segment}_0_0_0_{_ISO}_F_0000\.csv\.zip")
        return Published(pattern, archive, column=_CLOSE)

    def _index_closes(self, asked: Asked) -> Content | None:
        day = _day(asked, "%d%m%Y")
        if day is None or not self._sessions.out(day, INDICES_OUT, asked.now_ns):
            return None
        held = self._sessions.before(day) if asked.wrong_date else day
        return Content(small_files.index_closes(self._reference.index(held)), _CSV)

    def _banned_lists(self) -> list[Published]:
        title = (b"Securities in Ban", b"Securities under Ban")
        return [
            Published(re.compile(pattern), make, header_lines=0, column=title)
            for pattern, make in (
                (r"/content/fo/fo_secban\.csv", self._current_bans),
                (r"/archives/fo/sec_ban/fo_secban_(?P<day>\d{8})\.csv", self._bans_of_day),
            )
        ]

    def _current_bans(self, asked: Asked) -> Content | None:
        session = self._sessions.after(self._sessions.last_at(asked.now_ns, BANS_OUT))
        return self._bans(asked, session)

    def _bans_of_day(self, asked: Asked) -> Content | None:
        session = _day(asked, "%d%m%Y")
        if session is None or not self._sessions.is_session(session):
            return None
        if asked.now_ns < ist_ns(self._sessions.before(session), BANS_OUT):
            return None
        return self._bans(asked, session)

    def _bans(self, asked: Asked, session: date) -> Content:
        held = self._sessions.before(session) if asked.wrong_date else session
        if self.venue.faults.take("header_only", path=asked.path):
            return Content(small_files.banned_header(held), _CSV)
        nobody = self.venue.faults.take("nil", path=asked.path)
        return Content(small_files.banned_list(held, () if nobody else self._reference.banned(held)), _CSV)

    def _span(self, asked: Asked) -> Content | None:
        day, slot = _day(asked, "%Y%m%d"), SLOTS[asked.parts["slot"]]
        if day is None or not self._sessions.is_session(day) or asked.now_ns < slot.out_ns(self._sessions, day):
            return None
        held = self._sessions.before(day) if asked.wrong_date else day
        member = f"nsccl.{day:%Y%m%d}.{slot.inner}.spn"
        made = lambda: packed(member, span_file(self._reference.derivatives, held, slot))  # noqa: E731
        return Content(self._shelf.get((slot.name, day, held), made), _ZIP)


def _day(asked: Asked, form: str) -> date | None:
    try:
        return datetime.strptime(asked.parts["day"], form).date()  # noqa: DTZ007
    except ValueError:
        return None
