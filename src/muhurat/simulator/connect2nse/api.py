"""The calls of the extranet's API, 1.0 and 2.0 (specification v1.4; 2.0 with the same shapes, facts/nse.md §6).

HTTP statuses of the codes are not documented one by one: 401 goes with logins and tokens, 404 with what is not there,
403 with what is not allowed, 400 with the rest.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from muhurat.clock import ist
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.connect2nse.folders import Folders, answer_about, filename_of, place_of
from muhurat.simulator.connect2nse.sessions import ExtranetSessions, Refused
from muhurat.simulator.faults import FaultBoard, Kind
from muhurat.simulator.files import Manners

BASE: Final = "/extranet-api"
VERSIONS: Final = frozenset({"1.0", "2.0"})
FAULTS: Final = {
    "technical": Kind("code 605: something went wrong"),
    "concurrent": Kind("code 607: too many users at once"),
    "disabled": Kind("code 702: the login is disabled"),
    "not_eligible": Kind("code 704: the member may not see the segment"),
    "expired": Kind("code 803: the token has expired before its time", default_count=1),
    "auth_down": Kind("code 925: the authentication server is down"),
}
_CODES: Final = {"technical": (605, 500), "concurrent": (607, 400), "auth_down": (925, 500)}
_PATH: Final = re.compile(rf"{BASE}/(?P<call>login|logout|common/content|common/file/download)/(?P<version>[^/]+)")
_METHODS: Final = {"login": "POST", "logout": "POST", "common/content": "GET", "common/file/download": "GET"}


class Credentials(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a login or logout."""

    member_code: str = ""
    login_id: str = ""
    password: str = ""


class Api:
    """Answers everything but the bytes of a file; `look_at` is the guard of a `FileVenue`, `faults` its board."""

    def __init__(self, sessions: ExtranetSessions, folders: Folders, faults: FaultBoard, conductor: Conductor) -> None:
        self._faults = faults
        self._sessions = sessions
        self._folders = folders
        self._conductor = conductor

    async def look_at(self, request: Request) -> Response | None:
        """An answer, or None when a file is to be sent."""
        member_code = None
        try:
            found = _PATH.fullmatch(request.url.path)
            if found is None:
                raise Refused(923, 404)
            call, version = found["call"], found["version"]
            if request.method != _METHODS[call]:
                raise Refused(606, 405)
            if version not in VERSIONS:
                raise Refused(920)
            self._strike(request.url.path)
            if call in {"login", "logout"}:
                if self._faults.take("html", path=request.url.path):
                    return Manners().html(request.url.path)
                sent = await _credentials(request)
                member_code = sent.member_code
                return self._log_in(sent) if call == "login" else self._log_out(sent, _token(request))
            return self._about_files(request, call, version)
        except Refused as refusal:
            return self.refused(refusal, member_code)

    def _strike(self, path: str) -> None:
        for name, (code, status) in _CODES.items():
            if self._faults.take(name, path=path):
                raise Refused(code, status)

    def _log_in(self, sent: Credentials) -> Response:
        if not (sent.member_code.strip() and sent.login_id.strip() and sent.password.strip()):
            raise Refused(917)
        if self._faults.take("disabled"):
            raise Refused(702, 401)
        token = self._sessions.log_in(sent.member_code, sent.login_id, sent.password)
        return _json(
            {
                "memberCode": sent.member_code,
                "loginId": sent.login_id,
                "responseCode": ["601"],
                "token": token,
                "status": "success",
            }
        )

    def _log_out(self, sent: Credentials, token: str) -> Response:
        self._sessions.log_out(sent.member_code, sent.login_id, token)
        return _json({"responseCode": ["601"], "status": "success"})

    def _about_files(self, request: Request, call: str, version: str) -> Response | None:
        if self._faults.take("expired", path=request.url.path):
            self._sessions.end()
        self._sessions.check(_token(request))
        query = dict(request.query_params)
        place = place_of(query)
        if self._faults.take("not_eligible", path=request.url.path):
            raise Refused(704, 403)
        now_ns = self._conductor.now_ns
        if call == "common/content":
            return _json(answer_about(self._folders.content(place, now_ns), version, now_ns))
        self._folders.find(place, filename_of(query))
        return None

    def refused(self, refusal: Refused, member_code: str | None = None) -> Response:
        """The answer that carries a code; its key is `code`, where a success has `responseCode`."""
        told: dict[str, Any] = {
            "token": None,
            "memberCode": member_code,
            "code": [str(refusal.code)],
            "status": "error",
            "timestamp": ist(self._conductor.now_ns).isoformat(),
        }
        return _json(told, refusal.status)


async def _credentials(request: Request) -> Credentials:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refused(924)
    try:
        return msgspec.json.decode(await request.body(), type=Credentials)
    except msgspec.MsgspecError:
        raise Refused(921) from None


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        raise Refused(802, 401)
    return token


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
