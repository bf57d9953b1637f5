"""Kite's REST routes and login page, as far as a desk uses them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from muhurat.simulator.conductor import Conductor
from muhurat.simulator.faults import FaultBoard, Kind
from muhurat.simulator.kite.account import Account
from muhurat.simulator.kite.errors import KiteError, input_error, token_error, too_many_requests
from muhurat.simulator.kite.limits import Bucket, RateLimits
from muhurat.simulator.kite.login import Sessions, session_facts, user_facts
from muhurat.simulator.kite.market_data import MarketData
from muhurat.simulator.kite.order_form import parse_change, parse_order
from muhurat.simulator.kite.orders import OrderDesk

FAULTS: Final = {
    "html_502": Kind("answer with a gateway's HTML page", default_count=1),
    "timeout": Kind("do what is asked but never answer", default_count=1),
    "rest_429": Kind("refuse requests as too many", default_count=1),
    "rest_403": Kind("refuse requests as from a dead session", default_count=1),
    "new_strikes": Kind("list the strikes that the exchanges add during the day", default_for_s=86_400.0),
}
MOST_QUOTES: Final = 500
MOST_PRICES: Final = 1000

_BAD_GATEWAY: Final = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_JSON: Final = "application/json"

Answer = Callable[[Request, Mapping[str, str]], Any]


class Rest:
    """The HTTP application; each method below answers one route with the `data` of Kite's envelope."""

    def __init__(
        self,
        sessions: Sessions,
        market_data: MarketData,
        orders: OrderDesk,
        account: Account,
        limits: RateLimits,
        faults: FaultBoard,
        conductor: Conductor,
    ) -> None:
        self._sessions = sessions
        self._market_data = market_data
        self._orders = orders
        self._account = account
        self._limits = limits
        self._faults = faults
        self._conductor = conductor
        self._dumps: dict[tuple[str | None, bool], tuple[bytes, bytes]] = {}

    def app(self, further: list[Route]) -> Starlette:
        """The application with Kite's routes and `further` ones."""
        return Starlette(
            routes=[*self._kite_routes(), *further],
            exception_handlers={HTTPException: _no_such_route, Exception: _broken},
        )

    def _kite_routes(self) -> list[Route]:
        other, order, quote = Bucket.OTHER, Bucket.ORDER, Bucket.QUOTE
        return [
            Route("/connect/login", self._login),
            self._route("/session/token", other, self._exchange, "POST", signed=False),
            self._route("/session/token", other, self._log_out, "DELETE", signed=False),
            self._route("/user/profile", other, lambda *_: user_facts(self._sessions.app)),
            self._route("/user/margins", other, lambda *_: self._account.margins()),
            self._route("/user/margins/{segment}", other, self._segment_margins),
            Route("/instruments", self._dump),
            Route("/instruments/{exchange}", self._dump),
            self._route("/instruments/historical/{token}/{interval}", Bucket.HISTORICAL, self._history),
            self._route("/quote", quote, self._quotes),
            self._route("/quote/ohlc", quote, self._ohlc),
            self._route("/quote/ltp", quote, self._ltp),
            self._route("/orders", other, lambda *_: self._orders.orders()),
            self._route("/orders/{variety}", order, self._place, "POST"),
            self._route("/orders/{id}", other, lambda request, _: self._orders.history(request.path_params["id"])),
            self._route(
                "/orders/{id}/trades", other, lambda request, _: self._orders.trades(request.path_params["id"])
            ),
            self._route("/orders/{variety}/{id}", order, self._modify, "PUT"),
            self._route("/orders/{variety}/{id}", order, self._cancel, "DELETE"),
            self._route("/trades", other, lambda *_: self._orders.trades()),
            self._route("/portfolio/positions", other, lambda *_: self._account.positions()),
            self._route("/portfolio/holdings", other, lambda *_: self._account.holdings()),
        ]

    def _route(self, path: str, bucket: Bucket, answer: Answer, method: str = "GET", *, signed: bool = True) -> Route:
        async def endpoint(request: Request) -> Response:
            form = await _form(request)
            try:
                self._refuse_faultily(request)
                caller = self._sessions.check(request.headers.get("authorization", "")) if signed else "anybody"
                self._limits.count(bucket, caller)
                response = _json({"status": "success", "data": answer(request, form)})
            except KiteError as refused:
                response = _json(refused.envelope(), refused.status)
            return await self._respond_faultily(request, response)

        return Route(path, endpoint, methods=[method])

    def _refuse_faultily(self, request: Request) -> None:
        path = request.url.path
        if self._faults.take("rest_429", path=path):
            raise too_many_requests()
        if self._faults.take("rest_403", path=path):
            raise token_error()

    async def _respond_faultily(self, request: Request, response: Response) -> Response:
        path = request.url.path
        if self._faults.take("timeout", path=path):
            while (await request.receive())["type"] != "http.disconnect":
                pass
        if self._faults.take("html_502", path=path):
            return Response(_BAD_GATEWAY, 502, media_type="text/html")
        return response

    async def _login(self, request: Request) -> Response:
        query = request.query_params
        try:
            target = self._sessions.login(query.get("api_key", ""), query.get("redirect_params", ""))
        except KiteError as refused:
            return _json(refused.envelope(), refused.status)
        return RedirectResponse(target, 302)

    def _exchange(self, _request: Request, form: Mapping[str, str]) -> dict[str, Any]:
        fields = [form.get(name, "") for name in ("api_key", "request_token", "checksum")]
        token = self._sessions.exchange(*fields)
        return session_facts(self._sessions.app, token, self._conductor.now_ns)

    def _log_out(self, request: Request, _form: Mapping[str, str]) -> bool:
        query = request.query_params
        self._sessions.invalidate(query.get("api_key", ""), query.get("access_token", ""))
        return True

    def _segment_margins(self, request: Request, _form: Mapping[str, str]) -> dict[str, Any]:
        segments = self._account.margins()
        segment: str = request.path_params["segment"]
        if segment not in segments:
            raise input_error(f"Invalid segment {segment!r}; known: {', '.join(segments)}.")
        facts: dict[str, Any] = segments[segment]
        return facts

    async def _dump(self, request: Request) -> Response:
        exchange = request.path_params.get("exchange")
        kind = exchange, self._faults.showing("new_strikes") is not None
        if kind not in self._dumps:
            plain = self._market_data.dump(exchange, late=kind[1])
            self._dumps[kind] = plain, gzip.compress(plain, mtime=0)
        plain, packed = self._dumps[kind]
        if re.search(r"\bgzip\b", request.headers.get("accept-encoding", "")):
            response = Response(packed, media_type="text/csv", headers={"Content-Encoding": "gzip"})
        else:
            response = Response(plain, media_type="text/csv")
        return await self._respond_faultily(request, response)

    def _history(self, request: Request, _form: Mapping[str, str]) -> dict[str, Any]:
        token, interval = request.path_params["token"], request.path_params["interval"]
        return self._market_data.history(token, interval, dict(request.query_params), self._conductor.now_ns)

    def _quotes(self, request: Request, _form: Mapping[str, str]) -> dict[str, Any]:
        return self._market_data.quotes(_keys(request, MOST_QUOTES), self._conductor.now_ns)

    def _ohlc(self, request: Request, _form: Mapping[str, str]) -> dict[str, Any]:
        return self._market_data.ohlc(_keys(request, MOST_PRICES), self._conductor.now_ns)

    def _ltp(self, request: Request, _form: Mapping[str, str]) -> dict[str, Any]:
        return self._market_data.ltp(_keys(request, MOST_PRICES), self._conductor.now_ns)

    def _place(self, request: Request, form: Mapping[str, str]) -> dict[str, Any]:
        return self._orders.place(parse_order(request.path_params["variety"], form))

    def _modify(self, request: Request, form: Mapping[str, str]) -> dict[str, Any]:
        return self._orders.modify(request.path_params["id"], parse_change(form))

    def _cancel(self, request: Request, _form: Mapping[str, str]) -> dict[str, Any]:
        return self._orders.cancel(request.path_params["id"])


async def _form(request: Request) -> dict[str, str]:
    body = await request.body()
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _keys(request: Request, most: int) -> list[str]:
    keys = request.query_params.getlist("i")
    if len(keys) > most:
        raise input_error(f"At most {most} instruments can be asked for at once.")
    return keys


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type=_JSON)


async def _no_such_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = "Route not found" if status == 404 else "Invalid request method"
    return _json(KiteError("GeneralException", status, message).envelope(), status)


async def _broken(_request: Request, error: Exception) -> Response:
    return _json(KiteError("GeneralException", 500, f"The simulator failed: {error!r}").envelope(), 500)
