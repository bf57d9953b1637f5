"""One port of a simulated venue of files."""

from __future__ import annotations

import asyncio
import gzip
import random
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from muhurat.clock import ist
from muhurat.errors import UsageError
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.faults import FaultBoard, Kind
from muhurat.simulator.files import spoiling
from muhurat.simulator.files.content import Asked, Content, Published
from muhurat.simulator.files.faults import FILE_FAULTS
from muhurat.simulator.files.manners import Manners
from muhurat.simulator.files.real_files import RealFiles
from muhurat.simulator.http_server import HttpServer
from muhurat.simulator.options import SimOptions

DRIP_BYTES: Final = 2
DRIP_EVERY_S: Final = 0.5
_LOGGED: Final = 200
_UNLISTED: Final = Published(re.compile("-"), lambda _: None)
_SPOILS: Final = ("truncated", "changed_column", "empty", "wrong_member")

Guard = Callable[[Request], Awaitable[Response | None]]
"""Looks at a request before anything is served; an answer of its own ends the matter."""


class FileVenue:
    """Serves what is `published` under a host's name, with the faults of `FILE_FAULTS` and `further` ones.

    Below `/_sim`: `faults` (POST, GET, DELETE), `stats` (GET), and `routes`. Every other path is looked for among the
    real files of `options.files` first, then among what is published; the rest is refused as missing. Content is made
    in worker threads, so that desk time and other venues go on meanwhile. The faults of one port leave others alone.
    """

    def __init__(
        self,
        host: str,
        options: SimOptions,
        conductor: Conductor,
        published: Sequence[Published],
        *,
        manners: Manners | None = None,
        guard: Guard | None = None,
        further: Mapping[str, Kind] | None = None,
        routes: Sequence[Route] = (),
    ) -> None:
        self.host = host
        self.manners = manners or Manners()
        self.faults = FaultBoard({**FILE_FAULTS, **(further or {})}, conductor.monotonic)
        self._options = options
        self._conductor = conductor
        self._published = published
        self._real = RealFiles(options.files, host)
        self._guard = guard
        self._asked: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._sent_bytes = 0
        self._log: deque[dict[str, Any]] = deque(maxlen=_LOGGED)
        self._stopping = asyncio.Event()
        self._http = HttpServer(Starlette(routes=[*self._control(), *routes, self._everything()]))

    async def start(self, port: int) -> str:
        """Listen; returns the root URL."""
        return f"http://127.0.0.1:{await self._http.start(port)}"

    async def stop(self) -> None:
        """Stop listening; what hangs is let go, what drips is sent out."""
        self._stopping.set()
        await self._http.stop()

    def stats(self) -> dict[str, Any]:
        """What `GET /_sim/stats` tells."""
        return {
            "host": self.host,
            "requests": sum(self._asked.values()),
            "by_path": dict(self._asked),
            "by_status": {str(status): count for status, count in sorted(self._statuses.items())},
            "bytes": self._sent_bytes,
            "log": list(self._log),
            "faults": self.faults.described(),
        }

    async def hang(self, request: Request) -> Response:
        """Send nothing until the client goes away or the venue stops."""
        await self.wait(request, None)
        return self.manners.unavailable(request.url.path)

    async def wait(self, request: Request, seconds: float | None) -> bool:
        """Wait real seconds, or for ever; false when the client went away or the venue stopped first."""
        gone = asyncio.create_task(_disconnected(request))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait((gone, stopping), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return not done
        finally:
            gone.cancel()
            stopping.cancel()
            await asyncio.gather(gone, stopping, return_exceptions=True)

    def _everything(self) -> Route:
        return Route("/{path:path}", self._answer, methods=["GET", "POST", "HEAD"])

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        path = request.url.path
        earlier = self._asked[path]
        self._asked[path] += 1
        response = await self._respond(request, path, body, earlier)
        self._statuses[response.status_code] += 1
        size = int(response.headers.get("content-length", 0))
        self._sent_bytes += size
        at = ist(self._conductor.now_ns).isoformat()
        line = {"at": at, "method": request.method, "path": path, "status": response.status_code, "bytes": size}
        self._log.append(line)
        return response

    async def _respond(self, request: Request, path: str, body: bytes, earlier: int) -> Response:
        refused = await self._refusal(request, path)
        if refused is not None:
            return refused
        latency_s = self._latency_s(path, earlier)
        if latency_s > 0 and not await self.wait(request, latency_s):
            return self.manners.unavailable(path)
        if self.faults.take("missing", path=path):
            return self.manners.missing(path)
        if self.faults.take("html", path=path):
            return self.manners.html(path)
        content = await self._content(request, path, body)
        return self.manners.missing(path) if content is None else self._sent(request, content)

    async def _refusal(self, request: Request, path: str) -> Response | None:
        if self.faults.take("hang", path=path):
            return await self.hang(request)
        for name in ("unavailable", "throttled", "forbidden"):
            if self.faults.take(name, path=path):
                refused: Response = getattr(self.manners, name)(path)
                return refused
        return None if self._guard is None else await self._guard(request)

    def _latency_s(self, path: str, earlier: int) -> float:
        shortest, longest = self._options.latency_s
        return random.Random(f"{self._options.seed}:{self.host}{path}:{earlier}").uniform(shortest, longest)

    async def _content(self, request: Request, path: str, body: bytes) -> Content | None:
        """The real file or the made one, spoiled as asked; None when there is neither."""
        published, parts = self._find(request.method, path)
        wrong_date = self.faults.take("wrong_date", path=path) is not None
        real = None if wrong_date or request.method == "POST" else self._real.find(path)
        if real is not None:
            content: Content | None = await asyncio.to_thread(self._real.read, real)
        else:
            headers = {name.lower(): value for name, value in request.headers.items()}
            query = dict(request.query_params)
            asked = Asked(path, parts, query, headers, body, self._conductor.now_ns, wrong_date)
            content = await asyncio.to_thread(published.make, asked)
        spoils = [name for name in _SPOILS if self.faults.take(name, path=path)]
        if content is None or not spoils:
            return content
        return await asyncio.to_thread(_spoiled, content, published, spoils)

    def _find(self, method: str, path: str) -> tuple[Published, Mapping[str, str]]:
        for published in self._published:
            match = published.pattern.fullmatch(path)
            if match is not None and method in published.methods:
                return published, match.groupdict(default="")
        return _UNLISTED, {}

    def _sent(self, request: Request, content: Content) -> Response:
        headers, body = dict(content.headers), content.body
        if content.compressible and "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        if not self.faults.take("drip", path=request.url.path):
            return Response(body, content.status, headers, content.media_type)
        headers["Content-Length"] = str(len(body))
        return StreamingResponse(self._dripping(body), content.status, headers, content.media_type)

    async def _dripping(self, body: bytes) -> AsyncIterator[bytes]:
        at = 0
        while at < len(body) and not self._stopping.is_set():
            yield body[at : at + DRIP_BYTES]
            at += DRIP_BYTES
            try:
                await asyncio.wait_for(self._stopping.wait(), DRIP_EVERY_S)
            except TimeoutError:
                continue
        yield body[at:]

    def _control(self) -> list[Route]:
        return [
            _route("/_sim/faults", "POST", self._add_fault),
            _route("/_sim/faults", "DELETE", lambda _: {"cleared": self.faults.clear()}),
            _route("/_sim/faults", "GET", lambda _: self._known_faults()),
            _route("/_sim/stats", "GET", lambda _: self.stats()),
        ]

    def _add_fault(self, body: bytes) -> dict[str, Any]:
        return self.faults.add(body).described(self._conductor.monotonic())

    def _known_faults(self) -> dict[str, Any]:
        known = {name: kind.meaning for name, kind in self.faults.known.items()}
        return {"known": known, "faults": self.faults.described()}


def _spoiled(content: Content, published: Published, spoils: Sequence[str]) -> Content:
    body = content.body
    if "changed_column" in spoils:
        body = spoiling.with_changed_column(body, published)
    if "empty" in spoils:
        body = spoiling.emptied(body, published)
    if "wrong_member" in spoils:
        body = spoiling.with_wrong_members(body)
    if "truncated" in spoils:
        body = spoiling.truncated(body)
    return replace(content, body=body)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _route(path: str, method: str, answer: Callable[[bytes], dict[str, Any]]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return _json(answer(await request.body()))
        except UsageError as error:
            return _json({"error": str(error)}, 400)

    return Route(path, endpoint, methods=[method])


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
