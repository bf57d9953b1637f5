"""The routes below `/_sim` of a simulated venue that does not speak HTTP itself: faults, stats, and what it adds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from muhurat.errors import UsageError
from muhurat.simulator.faults import FaultBoard

Answer = Callable[[], object]


class ControlDoor:
    """Starlette routes for testers: `POST`, `DELETE /_sim/faults`, `GET /_sim/stats`, and those a venue adds.

    `more` maps (method, path) to what is answered as JSON.
    """

    def __init__(
        self,
        faults: FaultBoard,
        monotonic: Callable[[], float],
        stats: Callable[[], Mapping[str, Any]],
        more: Mapping[tuple[str, str], Answer],
    ) -> None:
        self._faults = faults
        self._monotonic = monotonic
        answers: dict[tuple[str, str], Answer] = {
            ("DELETE", "/_sim/faults"): lambda: {"cleared": faults.clear()},
            ("GET", "/_sim/stats"): lambda: {**stats(), "faults": faults.described()},
            **more,
        }
        self._routes = [Route("/_sim/faults", self._add_fault, methods=["POST"])]
        self._routes += [_route(method, path, answer) for (method, path), answer in answers.items()]

    def app(self) -> Starlette:
        return Starlette(routes=self._routes)

    async def _add_fault(self, request: Request) -> Response:
        try:
            fault = self._faults.add(await request.body())
        except UsageError as error:
            return _json({"error": str(error)}, 400)
        return _json(fault.described(self._monotonic()))


def _route(method: str, path: str, answer: Answer) -> Route:
    async def endpoint(_: Request) -> Response:
        return _json(answer())

    return Route(path, endpoint, methods=[method])


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
