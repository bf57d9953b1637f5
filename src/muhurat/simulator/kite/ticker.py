"""The ticker: a WebSocket server that admits clients as Kite does and plays them the tape."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Iterable, Mapping
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from picows import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener, ws_create_server

from muhurat.simulator.conductor import Conductor
from muhurat.simulator.faults import Fault, FaultBoard, Kind
from muhurat.simulator.kite.connection import Connection, Record
from muhurat.simulator.kite.login import Sessions
from muhurat.simulator.kite.tape import Tape
from muhurat.simulator.kite.wire import Encoder, Mode, encode_quote
from muhurat.simulator.market.base import Frame, Market, SimInstrument

CONNECTIONS_PER_KEY: Final = 3
ANSWER_LIMIT_S: Final = 2.0
"""Real seconds a client has to confirm that it has read everything; then time goes on without it."""

FAULTS: Final = {
    "drop": Kind("end connections without a close frame", default_for_s=0.0),
    "abort": Kind("reset connections, losing what is under way", default_for_s=0.0),
    "silence": Kind("send nothing at all, not even heartbeats", default_for_s=10.0),
    "heartbeat_only": Kind("send heartbeats but no data", default_for_s=10.0),
    "forbid_403": Kind("refuse new connections as unauthorised", default_for_s=10.0),
    "upgrade_429": Kind("refuse new connections as too many", default_for_s=10.0),
    "slow": Kind("send data late, by `delay_s` desk seconds", default_for_s=10.0),
    "truncated": Kind("cut messages in their last packet", default_count=1),
    "duplicate": Kind("send messages twice", default_count=1),
}

_KEPT_RECORDS: Final = 1000
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")


class Ticker:
    """The WebSocket server and everything its connections share."""

    def __init__(
        self, market: Market, tape: Tape, sessions: Sessions, conductor: Conductor, faults: FaultBoard
    ) -> None:
        self._market = market
        self._tape = tape
        self._sessions = sessions
        self._conductor = conductor
        self._faults = faults
        self._instruments: dict[int, SimInstrument] = {each.token: each for each in market.instruments()}
        self._encoders: dict[int, Encoder] = {}
        self._connections: dict[int, Connection] = {}
        self._records: deque[Record] = deque(maxlen=_KEPT_RECORDS)
        self._numbers = count(1)
        self._refused: dict[int, int] = {}
        self._server: asyncio.Server | None = None
        tape.follow(self._play)
        conductor.add_barrier(self._unread)

    async def start(self, port: int) -> int:
        """Listen on loopback; returns the port, which the system chooses for 0."""
        self._server = await ws_create_server(self._admit, "127.0.0.1", port, enable_auto_pong=False)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """End all connections and stop listening."""
        for connection in list(self._connections.values()):
            connection.break_off(reset=False)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def strike(self, fault: Fault) -> None:
        """Let a fault that has just been asked for hit the connections that exist."""
        if fault.request.fault not in ("drop", "abort"):
            return
        for connection in list(self._connections.values()):
            if fault.left != 0 and fault.concerns(connection.number, None):
                self._break_off(connection, fault)

    def tell(self, content: Mapping[str, Any]) -> None:
        """Send a text frame to every connection: an order update or a broker's notice."""
        for connection in list(self._connections.values()):
            connection.send_text(content)

    def stats(self) -> dict[str, Any]:
        """Counts over all connections there were, each connection's own, and sums by what was subscribed."""
        records = list(self._records)
        return {
            "connections": len(self._connections),
            "packets_sent": sum(record.packets for record in records),
            "packets_acknowledged": sum(record.acknowledged for record in records),
            "frames": sum(record.frames for record in records),
            "heartbeats": sum(record.heartbeats for record in records),
            "texts": sum(record.texts for record in records),
            "withheld": sum(record.withheld for record in records),
            "left_behind": sum(connection.left_behind for connection in self._connections.values()),
            "refused_upgrades": {str(status): times for status, times in self._refused.items()},
            "by_connection": [record.described() for record in records],
            "by_subscription": _by_subscription(records),
        }

    def knows(self, token: int) -> bool:
        return token in self._instruments

    def instrument_count(self) -> int:
        return len(self._instruments)

    def snapshot(self, token: int, mode: Mode) -> bytes:
        quote = self._market.state(token, self._conductor.now_ns)
        return encode_quote(token, self._instruments[token].tradable, quote, mode) if quote.last_price else b""

    def packet(self, token: int, row: int, mode: Mode) -> bytes:
        encoder = self._encoders.get(token)
        if encoder is None:
            encoder = self._encoders[token] = Encoder(self._market.series(token))
        return encoder.packet(row, mode)

    def want(self, tokens: Iterable[int]) -> None:
        self._tape.want(tokens)

    def unwant(self, tokens: Iterable[int]) -> None:
        self._tape.unwant(tokens)

    def opened(self, connection: Connection) -> None:
        self._connections[connection.number] = connection
        self._records.append(connection.record)
        for name in ("drop", "abort"):
            if fault := self._faults.showing(name, connection.number):
                self._break_off(connection, fault)

    def closed(self, connection: Connection) -> None:
        self._connections.pop(connection.number, None)

    def _play(self, frame: Frame) -> None:
        for connection in list(self._connections.values()):
            connection.play(frame)

    def _break_off(self, connection: Connection, fault: Fault) -> None:
        fault.hits += 1
        if fault.left is not None:
            fault.left -= 1
        connection.break_off(reset=fault.request.fault == "abort")

    def _unread(self) -> Awaitable[None] | None:
        asked = [(each, answer) for each in self._connections.values() if (answer := each.ask()) is not None]
        return self._answers(asked) if asked else None

    async def _answers(self, asked: list[tuple[Connection, asyncio.Future[None]]]) -> None:
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                for _, answer in asked:
                    await answer
        except TimeoutError:
            for connection, _ in asked:
                connection.leave_behind()

    def _admit(self, request: WSUpgradeRequest) -> Connection | WSUpgradeResponseWithListener | None:
        target = urlsplit(request.path.decode("latin-1"))
        if target.path not in ("", "/"):
            return None
        query = parse_qs(target.query)
        api_key, access_token = query.get("api_key", [""])[0], query.get("access_token", [""])[0]
        refused = self._refusal(api_key, access_token)
        if refused is not None:
            self._refused[refused] = self._refused.get(refused, 0) + 1
            return _refuse(refused)
        user_agent = request.headers.get("User-Agent", "")
        record = Record(next(self._numbers), api_key, user_agent, self._conductor.now_ns)
        return Connection(record, self, self._faults, self._conductor)

    def _refusal(self, api_key: str, access_token: str) -> int | None:
        if not _PLAIN.fullmatch(api_key) or not _PLAIN.fullmatch(access_token):
            return 400
        if self._faults.take("forbid_403") or not self._sessions.valid(api_key, access_token):
            return 403
        mine = sum(each.record.api_key == api_key for each in self._connections.values())
        if self._faults.take("upgrade_429") or mine >= CONNECTIONS_PER_KEY:
            return 429
        return None


_REFUSALS: Final = {
    400: ("InputException", "Malformed query."),
    403: ("TokenException", "Incorrect `api_key` or `access_token`."),
    429: ("NetworkException", "Too many connections."),
}


def _refuse(status: int) -> WSUpgradeResponseWithListener:
    error_type, message = _REFUSALS[status]
    body = {"status": "error", "message": message, "data": None, "error_type": error_type}
    headers = {"Content-Type": "application/json"}
    response = WSUpgradeResponse.create_error_response(status, msgspec.json.encode(body), headers)
    return WSUpgradeResponseWithListener(response, None)


def _by_subscription(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Sums over connections that subscribed to the same instruments: one feed, however often it reconnected."""
    sums: dict[frozenset[int], dict[str, Any]] = {}
    for record in records:
        if not record.tokens:
            continue
        entry = sums.setdefault(
            frozenset(record.tokens),
            {"tokens": sorted(record.tokens), "connections": [], "packets": 0, "acknowledged": 0, "frames": 0},
        )
        entry["connections"].append(record.connection)
        for name in ("packets", "acknowledged", "frames"):
            entry[name] += getattr(record, name)
    return list(sums.values())
