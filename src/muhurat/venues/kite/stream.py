"""Kite's ticker: one WebSocket that stays up for the day.

The official `KiteTicker` is not used: it has no watchdog (a silent connection looks alive for ever), and it retries a
dead token without reading the new one. Here every limit is real time, except the one on market data, which is desk time
with a floor of real time, so that a rehearsal is judged like a real day.

* Kite sends a heartbeat of one byte every three seconds, also while data flow. No frame for `silence_s`: the
  connection is dead. Frames but no market data for `data_s` while some are due: it is mute. Both are dropped and made
  anew; the second is told as STALE before.
* A refused upgrade says why by its HTTP status. 403 (token) and 400 (malformed) will be refused again, so the stream
  waits until the token provider gives another token. 429 means too many connections for the api_key.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

from picows import WSCloseCode, WSError, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from muhurat import __version__
from muhurat.clock import NS_PER_S, Clock
from muhurat.errors import MuhuratError
from muhurat.venues.backoff import Backoff
from muhurat.venues.base import ConnectionEvent, ConnectionKind, StreamListener, StreamMode
from muhurat.venues.kite.subscription import orders, wanted

_MAX_FRAME_BYTES: Final = 4 * 1024 * 1024
_READ_BUFFER_BYTES: Final = 64 * 1024
_FAREWELL_S: Final = 1.0
_HEADERS: Final = {"X-Kite-Version": "3", "User-Agent": f"muhurat/{__version__}"}
_PERMANENT: Final = {403: "log in again: `muhurat login`", 400: "check the api_key and the access token"}
_CROWDED: Final = 429


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Real seconds; `data_s` is desk seconds, which count only once `data_floor_s` real ones have passed too.

    Kite's heartbeats come every 3 s; in market hours 0.5 s was the longest gap between messages of 1,091 instruments.
    """

    connect_s: float = 10.0
    silence_s: float = 8.0
    data_s: float = 30.0
    data_floor_s: float = 0.5
    backoff_first_s: float = 0.5
    backoff_cap_s: float = 30.0
    crowded_s: float = 10.0
    healthy_s: float = 10.0
    token_poll_s: float = 1.0

    @property
    def tick_s(self) -> float:
        """How often a connection is looked at."""
        return min(self.silence_s, self.data_floor_s) / 4


def _never(now_ns: int) -> bool:
    return False


class KiteStream:
    """Keeps one connection to Kite's ticker and comes back by itself; see `venues.base.StreamClient`."""

    def __init__(
        self,
        url: str,
        api_key: str,
        token_provider: Callable[[], str],
        clock: Clock,
        *,
        data_due: Callable[[int], bool] = _never,
        limits: StreamLimits | None = None,
        chance: Random | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """`token_provider` is asked before each attempt. `data_due` tells for a desk instant whether market data must
        flow then (a session is open); without it only silence ends a connection."""
        self._url = url
        self._api_key = api_key
        self._token_provider = token_provider
        self._clock = clock
        self._data_due = data_due
        self._limits = limits or StreamLimits()
        self._ssl_context = ssl_context
        self._backoff = Backoff(self._limits.backoff_first_s, self._limits.backoff_cap_s, chance or Random())
        self._desired: dict[int, StreamMode] = {}
        self._number = 0
        self._wire: _Wire | None = None
        self._stale = False
        self._refused: str | None = None
        self._closing = asyncio.Event()

    def set_instruments(self, tokens: Iterable[int], mode: StreamMode) -> None:
        """From now on carry exactly these instruments; on a live connection only the differences are sent."""
        self._desired = wanted(tokens, mode)
        if self._wire is not None:
            self._subscribe(self._wire)

    def close(self) -> None:
        """End `run` soon."""
        self._closing.set()

    async def run(self, listener: StreamListener) -> None:
        """Stay connected until `close` or cancellation; raises only what the listener raised."""
        staying = asyncio.create_task(self._stay(listener))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({staying, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            staying.cancel()
            closing.cancel()
            await asyncio.wait({staying, closing})
        if not staying.cancelled():
            staying.result()

    async def _stay(self, listener: StreamListener) -> None:
        while True:
            token = await self._token(listener)
            pause_s = await self._connect(token, listener)
            await asyncio.sleep(pause_s)

    async def _token(self, listener: StreamListener) -> str:
        """A token that has not been refused; waits for one."""
        told = self._refused is not None
        while True:
            try:
                token = self._token_provider()
            except MuhuratError as error:
                if not told:
                    self._tell(listener, ConnectionKind.REFUSED, str(error), connection=self._number + 1, permanent=True)
                told = True
            else:
                if token != self._refused:
                    self._refused = None
                    return token
            await asyncio.sleep(self._limits.token_poll_s)

    async def _connect(self, token: str, listener: StreamListener) -> float:
        """One connection from the attempt to its end; the pause before the next in seconds."""
        wire = _Wire(listener, self._opened)
        url = f"{self._url.rstrip('/')}/?{urlencode({'api_key': self._api_key, 'access_token': token})}"
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await ws_connect(
                    lambda: wire,
                    url,
                    ssl_context=self._ssl_context,
                    websocket_handshake_timeout=None,
                    max_frame_size=_MAX_FRAME_BYTES,
                    extra_headers=_HEADERS,
                    max_redirects=0,
                    read_buffer_init_size=_READ_BUFFER_BYTES,
                )
        except WSHandshakeError as error:
            return self._was_refused(error, token, listener)
        except (WSError, OSError) as error:
            return self._was_unreachable(error, listener)
        except asyncio.CancelledError:
            wire.abandon()
            raise
        return await self._live(wire, listener)
