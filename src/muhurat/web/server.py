"""The web service: the page, `GET /health` and the desk's state as JSON, in one process."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request, Response
from nicegui import ui

from muhurat.clock import Clock, ist
from muhurat.errors import MuhuratError
from muhurat.heartbeat import Heartbeat
from muhurat.web import jobs_api
from muhurat.web.dashboard import page
from muhurat.web.decisions import Decisions
from muhurat.web.snapshot import Place, Snapshot, take
from muhurat.web.verdict import verdict

_FRESH_S: Final = 0.5
_GOODBYE_S: Final = 3


class Desk:
    """What the service reads again and again, twice a second at most however many look; a new day begins anew."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self._place = place
        self._clock = clock
        self._decisions: Decisions | None = None
        self._seen: Snapshot | None = None
        self._seen_at = float("-inf")

    def look(self) -> Snapshot:
        """The desk as it is now, or was half a second ago."""
        at = self._clock.monotonic()
        if self._seen is None or at - self._seen_at >= _FRESH_S:
            self._seen, self._seen_at = self._take(), at
        return self._seen

    def _take(self) -> Snapshot:
        path = self._place.decisions_path(ist(self._clock.now_ns()).date())
        if self._decisions is None or self._decisions.path != path:
            self._decisions = Decisions(path)
        return take(self._place, self._clock, self._decisions)


def build(place: Place, clock: Clock) -> FastAPI:
    """The application; only `jobs_api` and the jobs page change the desk, and it asks nothing of any other host.

    Everything that looks at the desk runs in the one event loop, one look after the other.
    """
    desk = Desk(place, clock)
    api = FastAPI(title="Muhurat", docs_url=None, redoc_url=None)

    @api.middleware("http")
    async def unframed(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """No page of another site shows ours inside of it, where a click could be led astray."""
        response = await call_next(request)
        response.headers["X-Frame-Options"] = "DENY"
        return response

    @api.get("/health")
    async def health(response: Response) -> dict[str, Any]:
        """Whether the desk is all right: 200 when it is or is degraded, 503 when it is down."""
        shot = desk.look()
        word, why = verdict(shot)
        if word == "down":
            response.status_code = 503
        services = {row["name"]: row["state"] for row in shot.status["services"]}
        return {
            "status": word,
            "why": why,
            "time": ist(shot.now_ns).isoformat(timespec="seconds"),
            "session": shot.session_line,
            "services": services,
        }

    @api.get("/api/v1/status")
    async def status() -> dict[str, Any]:
        """Services, feeds and alerts, as `muhurat status --json` prints them."""
        return desk.look().status

    @api.get("/api/v1/trading")
    async def trading() -> dict[str, Any]:
        """Today's trades, refused signals and open position; `trader` is what the trader said of itself last."""
        shot = desk.look()
        seen = shot.decisions
        state, why = shot.trading_state
        return {
            "state": state,
            "why": why,
            "bars": len(seen.bars),
            "signals": len(seen.signals),
            "trades": seen.trades,
            "refused": seen.refused,
            "realised": seen.realised,
            "trader": shot.trader,
        }

    @api.get("/metrics", response_class=Response)
    async def prometheus() -> Response:
        """Feeds, publishers, disk and services for Prometheus, from what they said last."""
        from muhurat.web.metrics import metrics  # its library is for those who ask

        content, kind = metrics(place.run_dir, clock)
        return Response(content, headers={"Content-Type": kind})

    if place.jobs is not None:
        jobs_api.install(api, place.jobs, clock)
    page.mount(place, desk.look)
    ui.run_with(api)
    return api


async def serve(place: Place, clock: Clock, heartbeat: Heartbeat, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; raises `MuhuratError` when the port is taken."""
    listening = _listen(host, port)
    api = build(place, clock)
    config = uvicorn.Config(api, log_config=None, access_log=False, timeout_graceful_shutdown=_GOODBYE_S)
    await _Watched(config, heartbeat, f"http://{host}:{port}").serve(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise MuhuratError(
            f"the page cannot listen on {host}:{port}: {error.strerror or error}",
            hint="end what listens there, or change web.listen in the desk file",
        ) from error


class _Watched(uvicorn.Server):
    """A server that tells its heartbeat when it answers."""

    def __init__(self, config: uvicorn.Config, heartbeat: Heartbeat, address: str) -> None:
        super().__init__(config)
        self._heartbeat = heartbeat
        self._address = address

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the service in good order, with exit code 0; uvicorn would raise them once more."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    async def on_tick(self, counter: int) -> bool:
        if counter == 1:
            self._heartbeat.ready()
        self._heartbeat.beat(self._address)
        return await super().on_tick(counter)
