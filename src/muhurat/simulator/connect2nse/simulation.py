"""www.connect2nse.com put together: the API in front, the masters behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from muhurat.simulator.conductor import Conductor
from muhurat.simulator.connect2nse.api import BASE, FAULTS, Api
from muhurat.simulator.connect2nse.folders import Folders, Place
from muhurat.simulator.connect2nse.library import Masters
from muhurat.simulator.connect2nse.member import Member
from muhurat.simulator.connect2nse.sessions import ExtranetSessions, Refused
from muhurat.simulator.files import Asked, Content, FileVenue, Manners, Published
from muhurat.simulator.files.real_files import RealFiles
from muhurat.simulator.options import SimOptions

HOST: Final = "www.connect2nse.com"
_DOWNLOADS: Final = re.compile(rf"{BASE}/common/file/download/[12]\.0")
_IN_CONTRACTS: Final = (b"|XX||", b"|XX|||")
_IN_SECURITIES: Final = ((b"|2|1|2|0|", b"|2|1|2|0|0|"),)
"""The masters have no names for their fields: a changed format shows in their number."""
_OCTETS: Final = "application/octet-stream"


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /_sim/session`."""

    token_minutes: float | None = None
    contract_in_ntneat: bool | None = None
    unlock: bool = False


class Connect2NseSimulation:
    """The members' extranet on loopback; port `connect2nse`.

    Real files are looked for below `www.connect2nse.com/SEGMENT/FOLDER/NAME`, for example `CM/ntneat/security.gz`.
    """

    PORTS: Final = ("connect2nse",)

    def __init__(self, options: SimOptions, conductor: Conductor, masters: Masters | None = None) -> None:
        self.member = Member()
        self.sessions = ExtranetSessions(self.member, options.seed, lambda: conductor.now_ns)
        self._masters = masters or Masters(options.seed)
        self.folders = Folders(self._masters)
        self._real = RealFiles(options.files, HOST)
        routes = [
            Route("/_sim/session", self._tell, methods=["GET"]),
            Route("/_sim/session", self._change, methods=["PUT"]),
        ]
        files = Published(_DOWNLOADS, self._file, column=_IN_CONTRACTS, further_columns=_IN_SECURITIES)
        manners = Manners(missing=lambda _: self._api.refused(Refused(714, 404)))
        self.venue = FileVenue(
            HOST, options, conductor, [files], manners=manners, guard=self._look_at, further=FAULTS, routes=routes
        )
        self._api = Api(self.sessions, self.folders, self.venue.faults, conductor)
        self._root = ""

    async def start(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Listen; returns the URLs by name."""
        self._root = await self.venue.start(ports.get("connect2nse", 0)) + BASE
        return {"connect2nse": self._root}

    async def stop(self) -> None:
        """Stop listening and let go of every client."""
        await self.venue.stop()

    def overlay(self) -> dict[str, Any]:
        """The keys of a desk file that point a desk here; member and password are parameters of the job."""
        return {"venues": {"nse": {"extranet": self._root}}}

    async def _look_at(self, request: Request) -> Response | None:
        return await self._api.look_at(request)

    def _file(self, asked: Asked) -> Content | None:
        place, name = Place(asked.query["segment"], asked.query["folderPath"]), asked.query["filename"]
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        real = None if asked.wrong_date else self._real.find(f"/{place.segment}{place.folder}/{name}")
        if real is not None:
            return Content(real.read_bytes(), _OCTETS, headers)
        day = self._masters.session_at(asked.now_ns)
        made_for = self._masters.sessions.before(day) if asked.wrong_date else day
        return Content(self.folders.find(place, name)(made_for), _OCTETS, headers)

    async def _tell(self, _: Request) -> Response:
        return _json(self._session())

    async def _change(self, request: Request) -> Response:
        try:
            wanted = msgspec.json.decode(await request.body(), type=Change)
        except msgspec.MsgspecError as error:
            return _json({"error": str(error)}, 400)
        if wanted.token_minutes is not None:
            self.sessions.token_minutes = wanted.token_minutes
        if wanted.contract_in_ntneat is not None:
            self.folders.contract_in_ntneat = wanted.contract_in_ntneat
        if wanted.unlock:
            self.sessions.unlock()
        return _json(self._session())

    def _session(self) -> dict[str, Any]:
        return {
            "member_code": self.member.member_code,
            "login_id": self.member.login_id,
            "encrypted_password": self.member.encrypted_password,
            "password": self.member.password,
            "secret_key": self.member.secret_key,
            "token_minutes": self.sessions.token_minutes,
            "contract_in_ntneat": self.folders.contract_in_ntneat,
            "logins": self.sessions.logins,
            "refused": self.sessions.refused,
            "locked": self.sessions.locked,
        }


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
