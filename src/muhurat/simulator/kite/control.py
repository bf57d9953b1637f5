"""What a tester tells the simulated Kite, below `/_sim`: faults, the app's URLs, time, notices; and asks: stats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from muhurat.clock import ist
from muhurat.errors import UsageError
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.faults import FaultBoard
from muhurat.simulator.kite.login import Sessions
from muhurat.simulator.kite.ticker import Ticker


class AppChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /_sim/session`."""

    redirect_url: str | None = None
    postback_url: str | None = None


class ClockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /_sim/clock`."""

    paused: bool | None = None
    speed: float | None = None


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /_sim/notice`: a broker's message to every connection."""

    text: str


class Control:
    """The routes below `/_sim`."""

    def __init__(
        self,
        sessions: Sessions,
        ticker: Ticker,
        faults: FaultBoard,
        conductor: Conductor,
        stats: Callable[[], dict[str, Any]],
    ) -> None:
        self._sessions = sessions
        self._ticker = ticker
        self._faults = faults
        self._conductor = conductor
        self._stats = stats

    def routes(self) -> list[Route]:
        return [
            _route("/_sim/faults", "POST", self._add_fault),
            _route("/_sim/faults", "DELETE", lambda _: {"cleared": self._faults.clear()}),
            _route("/_sim/stats", "GET", lambda _: self._stats()),
            _route("/_sim/session", "GET", lambda _: self._session()),
            _route("/_sim/session", "PUT", self._change_app),
            _route("/_sim/clock", "GET", lambda _: self._time()),
            _route("/_sim/clock", "PUT", self._change_clock),
            _route("/_sim/notice", "POST", self._notify),
            Route("/_sim/ip", _address),
        ]

    def _add_fault(self, body: bytes) -> dict[str, Any]:
        fault = self._faults.add(body)
        self._ticker.strike(fault)
        return fault.described(self._conductor.monotonic())

    def _session(self) -> dict[str, Any]:
        app = self._sessions.app
        return {
            "api_key": app.api_key,
            "api_secret": app.api_secret,
            "access_token": self._sessions.ready(),
            "user_id": app.user_id,
        }

    def _change_app(self, body: bytes) -> dict[str, Any]:
        wanted, app = msgspec.json.decode(body, type=AppChange), self._sessions.app
        app.redirect_url = wanted.redirect_url or app.redirect_url
        app.postback_url = wanted.postback_url or app.postback_url
        return {"redirect_url": app.redirect_url, "postback_url": app.postback_url}

    def _time(self) -> dict[str, Any]:
        now_ns = self._conductor.now_ns
        told = {"now": ist(now_ns).isoformat(), "now_ns": now_ns, "speed": self._conductor.speed}
        return {**told, "paused": self._conductor.paused, "steps": self._conductor.steps}

    def _change_clock(self, body: bytes) -> dict[str, Any]:
        wanted = msgspec.json.decode(body, type=ClockChange)
        if wanted.speed is not None:
            self._conductor.set_speed(wanted.speed)
        if wanted.paused is not None:
            (self._conductor.pause if wanted.paused else self._conductor.go)()
        return self._time()

    def _notify(self, body: bytes) -> dict[str, Any]:
        self._ticker.tell({"type": "message", "data": msgspec.json.decode(body, type=Notice).text})
        return {"told": True}


def _route(path: str, method: str, answer: Callable[[bytes], dict[str, Any]]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return _json(answer(await request.body()))
        except (UsageError, msgspec.MsgspecError) as error:
            return _json({"error": str(error)}, 400)

    return Route(path, endpoint, methods=[method])


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


async def _address(request: Request) -> Response:
    """From where the caller comes, as the pages do that tell one's public address."""
    return Response(request.client.host if request.client else "", media_type="text/plain")
