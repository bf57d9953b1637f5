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
from typing import Final
from urllib.parse import urlencode

import msgspec
from picows import WSError, WSHandshakeError, ws_connect

from muhurat import __version__
from muhurat.clock import Clock
from muhurat.errors import MuhuratError
from muhurat.log import redact
from muhurat.venues.backoff import Backoff
from muhurat.venues.base import ConnectionEvent, ConnectionKind, StreamListener, StreamMode
from muhurat.venues.kite.subscription import orders, wanted
from muhurat.venues.kite.wire import Wire
from muhurat.venues.pulse import Condition, Pulse

_MAX_FRAME_BYTES: Final = 4 * 1024 * 1024
_READ_BUFFER_BYTES: Final = 64 * 1024
_HEADERS: Final = {"X-Kite-Version": "3", "User-Agent": f"muhurat/{__version__}"}
_PERMANENT: Final = {403: "log in again: `muhurat login`", 400: "check the api_key and the access token"}
_CROWDED: Final = 429
_MOST_PATIENCE: Final = 16
"""Times `data_s`: a feed that stays mute through reconnections, as in a halted market, is left alone for longer."""


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
        self._wire: Wire | None = None
        self._stale = False
        self._stale_in_a_row = 0
        self._refused: str | None = None
        self._closing = asyncio.Event()
        self._listener: StreamListener

    def set_instruments(self, tokens: Iterable[int], mode: StreamMode) -> None:
        """From now on carry exactly these instruments; on a live connection only the differences are sent."""
        self._desired = wanted(tokens, mode)
        if self._wire is not None:
            self._subscribe(self._wire)

    def close(self) -> None:
        """End `run` soon; it is not run again."""
        self._closing.set()

    async def run(self, listener: StreamListener) -> None:
        """Stay connected until `close` or cancellation; raises only what the listener raised."""
        self._listener = listener
        staying = asyncio.create_task(self._stay())
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({staying, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            staying.cancel()
            closing.cancel()
            await asyncio.wait({staying, closing})
        if not staying.cancelled():
            staying.result()

    async def _stay(self) -> None:
        while True:
            token = await self._token()
            pause_s = await self._connect(token)
            await asyncio.sleep(pause_s)

    async def _token(self) -> str:
        """A token that has not been refused; waits for one."""
        told = self._refused is not None
        while True:
            try:
                token = self._token_provider()
            except MuhuratError as error:
                if not told:
                    self._tell_attempt(ConnectionKind.REFUSED, str(error), None)
                told = True
            else:
                if token != self._refused:
                    self._refused = None
                    return token
            await asyncio.sleep(self._limits.token_poll_s)

    async def _connect(self, token: str) -> float:
        """One connection from the attempt to its end; the pause before the next in seconds."""
        wire = Wire(self._listener, self._opened)
        try:
            await self._dial(wire, token)
        except WSHandshakeError as error:
            return self._was_refused(error, token)
        except (WSError, OSError) as error:
            await self._let_go(wire)
            pause_s = self._backoff.next_s()
            self._tell_attempt(ConnectionKind.UNREACHABLE, str(error) or "timed out", pause_s)
            return pause_s
        except asyncio.CancelledError:
            await self._let_go(wire)
            raise
        return await self._live(wire)

    async def _let_go(self, wire: Wire) -> None:
        """An attempt ended; its connection may have come about at the same moment, and would stay for ever."""
        if not wire.came_about:
            wire.abandon()
            return
        self._wire = None
        await wire.hang_up()
        self._tell(ConnectionKind.DISCONNECTED, self._number, "closed")

    async def _dial(self, wire: Wire, token: str) -> None:
        query = urlencode({"api_key": self._api_key, "access_token": token})
        async with asyncio.timeout(self._limits.connect_s):
            await ws_connect(
                lambda: wire,
                f"{self._url.rstrip('/')}/?{query}",
                ssl_context=self._ssl_context,
                websocket_handshake_timeout=self._limits.connect_s,
                max_frame_size=_MAX_FRAME_BYTES,
                extra_headers=_HEADERS,
                max_redirects=0,
                read_buffer_init_size=_READ_BUFFER_BYTES,
            )

    def _opened(self, wire: Wire) -> None:
        self._number += 1
        self._wire = wire
        self._tell(ConnectionKind.CONNECTED, self._number, instruments=len(self._desired))
        self._subscribe(wire)

    def _subscribe(self, wire: Wire) -> None:
        if wire.send(orders(wire.carried, self._desired)):
            wire.carried = dict(self._desired)
            self._tell(ConnectionKind.SUBSCRIBED, self._number, instruments=len(wire.carried))

    async def _live(self, wire: Wire) -> float:
        """Watch over a connection until it ends; the pause before the next in seconds."""
        try:
            reason, condition = await self._watched(wire)
        except asyncio.CancelledError:
            await wire.hang_up()
            self._tell(ConnectionKind.DISCONNECTED, self._number, "closed")
            raise
        finally:
            self._wire = None
        await wire.hang_up(politely=condition is not Condition.SILENT)
        pause_s = self._backoff.next_s()
        self._tell(ConnectionKind.DISCONNECTED, self._number, reason, retry_in_s=pause_s)
        return pause_s

    async def _watched(self, wire: Wire) -> tuple[str, Condition]:
        """Why a connection ended or has to, and in what condition it was."""
        data_s = self._limits.data_s * min(2**self._stale_in_a_row, _MOST_PATIENCE)
        pulse = self._pulse(data_s)
        healthy_at, early = self._clock.monotonic() + self._limits.healthy_s, 0
        gone = asyncio.create_task(wire.gone())
        try:
            while not (await asyncio.wait({gone}, timeout=self._limits.tick_s))[0]:
                self._note_resumed(wire)
                condition = pulse.look(wire.frames, wire.messages)
                if condition is Condition.SILENT:
                    return f"no frame for {self._limits.silence_s:g} s", condition
                if condition is Condition.MUTE:
                    return self._went_stale(data_s), condition
                if self._clock.monotonic() < healthy_at:
                    early = wire.messages
                else:
                    self._thrives(wire.messages > early)
            return gone.result(), Condition.ALIVE
        finally:
            gone.cancel()

    def _pulse(self, data_s: float) -> Pulse:
        limits = self._limits
        return Pulse(
            self._clock,
            silence_s=limits.silence_s,
            data_s=data_s,
            data_floor_s=limits.data_floor_s,
            data_due=lambda now_ns: bool(self._desired) and self._data_due(now_ns),
        )

    def _thrives(self, flows: bool) -> None:
        """A connection has grown old; when data `flows`, beyond what every subscription brings, it is also well."""
        self._backoff.reset()
        if flows:
            self._stale_in_a_row = 0

    def _note_resumed(self, wire: Wire) -> None:
        if self._stale and wire.messages:
            self._stale = False
            self._tell(ConnectionKind.RESUMED, self._number)

    def _went_stale(self, data_s: float) -> str:
        self._stale = True
        self._stale_in_a_row += 1
        reason = f"no market data for {data_s:g} s"
        self._tell(ConnectionKind.STALE, self._number, reason)
        return reason

    def _was_refused(self, error: WSHandshakeError, token: str) -> float:
        if error.response is None:
            pause_s = self._backoff.next_s()
            self._tell_attempt(ConnectionKind.UNREACHABLE, "the answer was no WebSocket's", pause_s)
            return pause_s
        status = int(error.response.status)
        reason = f"HTTP {status} {error.response.status.phrase}{_said(error.raw_body)}"
        if hint := _PERMANENT.get(status):
            self._refused = token
            self._tell_attempt(ConnectionKind.REFUSED, f"{reason}; {hint}", None, status=status)
            return 0.0
        pause_s = self._backoff.next_s() + (self._limits.crowded_s if status == _CROWDED else 0.0)
        self._tell_attempt(ConnectionKind.REFUSED, reason, pause_s, status=status)
        return pause_s

    def _tell_attempt(
        self, kind: ConnectionKind, reason: str, retry_in_s: float | None, *, status: int | None = None
    ) -> None:
        """Tell of an attempt that led to no connection; without a retry the stream waits for another token."""
        permanent = retry_in_s is None
        self._tell(kind, self._number + 1, reason, status=status, permanent=permanent, retry_in_s=retry_in_s)

    def _tell(
        self,
        kind: ConnectionKind,
        connection: int,
        reason: str = "",
        *,
        status: int | None = None,
        permanent: bool = False,
        retry_in_s: float | None = None,
        instruments: int = 0,
    ) -> None:
        """Tell the listener; a `reason` may quote the address, in which the token stands."""
        at_ns, monotonic_s, why = self._clock.now_ns(), self._clock.monotonic(), redact(reason)
        event = ConnectionEvent(kind, at_ns, monotonic_s, connection, why, status, permanent, retry_in_s, instruments)
        self._listener.on_event(event)


def _said(body: bytes | None) -> str:
    """The venue's own words in an error's body, as `: words`; nothing when there are none."""
    try:
        words = msgspec.json.decode(body or b"", type=_Refusal).message
    except msgspec.MsgspecError:
        words = (body or b"").decode("utf-8", "replace")[:200]
    return f": {words.strip()}" if words.strip() else ""


class _Refusal(msgspec.Struct):
    message: str = ""
