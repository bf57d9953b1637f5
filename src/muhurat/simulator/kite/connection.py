"""One ticker connection: what it subscribed to, what it was sent, and whether it has read that."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from muhurat.clock import NS_PER_S, ist
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.faults import FaultBoard
from muhurat.simulator.kite.wire import HEARTBEAT, Mode, join, shortened
from muhurat.simulator.market.base import Frame
from muhurat.simulator.market.packets import split

HEARTBEAT_S: Final = 3.0
"""Real seconds; measured on the real ticker, also while data flows."""

RECORDED_ALSO_BEAT_S: Final = 2 * HEARTBEAT_S
"""After a recorded heartbeat ours wait this long for the next recorded one."""

_HEARTBEAT_BELOW: Final = 2
MOST_INSTRUMENTS: Final = 3000
UNREAD_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""A client that lets more than this pile up is cut off."""

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_ETAG: Final = "simulated0000000instruments"[:26]


class Packets(Protocol):
    """Where a connection gets its packets from, each behind its length."""

    def knows(self, token: int) -> bool: ...

    def snapshot(self, token: int, mode: Mode) -> bytes:
        """Empty for an instrument that never had a price."""

    def packet(self, token: int, row: int, mode: Mode) -> bytes: ...

    def want(self, tokens: Iterable[int]) -> None: ...

    def unwant(self, tokens: Iterable[int]) -> None: ...

    def instrument_count(self) -> int: ...

    def opened(self, connection: Connection) -> None: ...

    def closed(self, connection: Connection) -> None: ...


@dataclass(slots=True)
class Record:
    """What became of a connection, kept after it has gone; counts are of what was put on the socket."""

    connection: int
    api_key: str
    user_agent: str
    opened_ns: int
    closed_ns: int | None = None
    packets: int = 0
    acknowledged: int = 0
    frames: int = 0
    heartbeats: int = 0
    texts: int = 0
    withheld: int = 0
    left_behind: int = 0
    tokens: set[int] = field(default_factory=set)

    def described(self) -> dict[str, Any]:
        """The record for the stats, with the number of instruments instead of their tokens."""
        return {**asdict(self), "tokens": len(self.tokens)}


class Connection(WSListener):
    """Speaks Kite's ticker protocol with one client."""

    def __init__(self, record: Record, packets: Packets, faults: FaultBoard, conductor: Conductor) -> None:
        self.record = record
        self.number = record.connection
        self.left_behind = False
        self._packets = packets
        self._faults = faults
        self._conductor = conductor
        self._transport: WSTransport | None = None
        self._modes: dict[int, Mode] = {}
        self._unknown: set[int] = set()
        self._unread = False
        self._ping = 0
        self._answer: asyncio.Future[None] | None = None
        self._packets_at_ping = 0
        self._delayed_until_ns = 0
        self._heartbeat: asyncio.TimerHandle | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._packets.opened(self)
        count = self._packets.instrument_count()
        self.send_text({"type": "instruments_meta", "data": {"count": count, "etag": _ETAG}})
        now = ist(self._conductor.now_ns).isoformat(timespec="seconds")
        self.send_text({"type": "app_code", "timestamp": now})
        self._beat_in(HEARTBEAT_S)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        match frame.msg_type:
            case WSMsgType.TEXT:
                self._obey(frame.get_payload_as_bytes())
            case WSMsgType.PONG:
                self._answered(frame.get_payload_as_bytes())
            case WSMsgType.PING if not self._faults.showing("silence", self.number):
                transport.send_pong(frame.get_payload_as_bytes())
            case WSMsgType.CLOSE:
                transport.send_close(frame.get_close_code(), frame.get_close_message())
                transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self._release()
        self.record.closed_ns = self._conductor.now_ns
        self._packets.unwant(self._modes)
        self._packets.closed(self)

    def play(self, frame: Frame) -> None:
        """Send the packets of a frame that this client subscribed to, as one message."""
        if frame.message is not None:
            self._play_again(frame.message)
            return
        modes, packet = self._modes, self._packets.packet
        wanted = [
            packet(token, row, mode)
            for token, row in zip(frame.tokens, frame.rows, strict=True)
            if (mode := modes.get(token)) is not None
        ]
        if wanted:
            self._send_packets(wanted)

    def send_text(self, content: Mapping[str, Any]) -> None:
        """Send one JSON text frame."""
        if self._faults.showing("silence", self.number):
            return
        if self._put(WSMsgType.TEXT, msgspec.json.encode(content)):
            self.record.texts += 1

    def ask(self) -> asyncio.Future[None] | None:
        """Ask the client to confirm that it has read everything; None when there is nothing to confirm.

        A client left behind is not asked again until it has answered the last time.
        """
        if not self._unread or self._answer is not None or self._transport is None:
            return None
        self._unread = False
        self._ping += 1
        self._packets_at_ping = self.record.packets
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.send_ping(self._ping.to_bytes(8, "big"))
        return self._answer

    def leave_behind(self) -> None:
        """Go on without this client until it answers."""
        if self._answer is not None:
            self.left_behind = True
            self.record.left_behind += 1

    def break_off(self, *, reset: bool) -> None:
        """End the connection without a close frame, after what was sent or, with `reset`, at once."""
        transport = self._transport
        if transport is None:
            return
        if reset:
            peer = transport.underlying_transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.disconnect(graceful=not reset)

    def _answered(self, payload: bytes) -> None:
        if self._answer is not None and int.from_bytes(payload, "big") == self._ping:
            self.record.acknowledged = self._packets_at_ping
            self._release()

    def _release(self) -> None:
        answer, self._answer = self._answer, None
        self.left_behind = False
        if answer is not None and not answer.done():
            answer.set_result(None)

    def _obey(self, payload: bytes) -> None:
        try:
            order = msgspec.json.decode(payload, type=_Order)
            match order.a:
                case "subscribe":
                    self._subscribe(msgspec.convert(order.v, list[int]))
                case "unsubscribe":
                    self._unsubscribe(msgspec.convert(order.v, list[int]))
                case "mode":
                    self._set_mode(*msgspec.convert(order.v, tuple[Mode, list[int]]))
                case unknown:
                    self._complain(f"Invalid action {unknown}")
        except msgspec.MsgspecError as error:
            self._complain(f"Invalid message: {error}")

    def _subscribe(self, tokens: list[int]) -> None:
        held = len(self._modes) + len(self._unknown)
        asked = sum(token not in self._modes and token not in self._unknown for token in tokens)
        if held + asked > MOST_INSTRUMENTS:
            self._complain(f"You can not subscribe to more than {MOST_INSTRUMENTS} instruments on one connection.")
            return
        distinct = dict.fromkeys(tokens)
        known = [token for token in distinct if self._packets.knows(token)]
        self._unknown.update(distinct.keys() - known)
        fresh = [token for token in known if token not in self._modes]
        self._modes.update(dict.fromkeys(fresh, Mode.QUOTE))
        self.record.tokens.update(fresh)
        self._packets.want(fresh)
        self._send_snapshots(known)

    def _unsubscribe(self, tokens: list[int]) -> None:
        gone = [token for token in dict.fromkeys(tokens) if self._modes.pop(token, None) is not None]
        self._unknown.difference_update(tokens)
        self._packets.unwant(gone)

    def _set_mode(self, mode: Mode, tokens: list[int]) -> None:
        changed = [token for token in dict.fromkeys(tokens) if self._modes.get(token, mode) is not mode]
        self._modes.update(dict.fromkeys(changed, mode))
        self._send_snapshots(changed)

    def _complain(self, text: str) -> None:
        self.send_text({"type": "error", "data": text})

    def _send_snapshots(self, tokens: list[int]) -> None:
        snapshots = [self._packets.snapshot(token, self._modes[token]) for token in tokens]
        known = [snapshot for snapshot in snapshots if snapshot]
        if known:
            self._send_packets(known)

    def _play_again(self, message: bytes) -> None:
        """Send a recorded message as it was; to a client that carries less, what it carries of it."""
        if len(message) < _HEARTBEAT_BELOW:
            self._send_heartbeat(message, RECORDED_ALSO_BEAT_S)
            return
        sent, modes = list(split(message)), self._modes
        wanted = [shortened(packet, modes[token]) for token, packet in sent if token in modes]
        if wanted == [shortened(packet, Mode.FULL) for _, packet in sent]:
            self._send_packets(wanted, message)
        elif wanted:
            self._send_packets(wanted)

    def _send_packets(self, packets: list[bytes], message: bytes | None = None) -> None:
        """Send packets as one message, or as the `message` that they came in."""
        whole = join(packets) if message is None else message
        if self._faults or self._delayed_until_ns > self._conductor.now_ns:
            self._send_faultily(packets, whole)
        else:
            self._send_message(whole, len(packets))

    def _send_faultily(self, packets: list[bytes], message: bytes) -> None:
        faults, number = self._faults, self.number
        if faults.take("silence", number) or faults.take("heartbeat_only", number):
            self.record.withheld += len(packets)
            return
        complete = len(packets)
        if packets and faults.take("truncated", number):
            message, complete = message[: -len(packets[-1]) // 2], complete - 1
        for _ in range(2 if faults.take("duplicate", number) else 1):
            self._send_in_turn(message, complete)

    def _send_in_turn(self, message: bytes, packets: int) -> None:
        """Send now, or after the delay of the fault `slow`, but never before what is already waiting."""
        slow = self._faults.take("slow", self.number)
        now_ns = self._conductor.now_ns
        due_ns = now_ns if slow is None else now_ns + round(slow.request.delay_s * NS_PER_S)
        self._delayed_until_ns = max(due_ns, self._delayed_until_ns)
        if self._delayed_until_ns > now_ns:
            self._conductor.call_at(self._delayed_until_ns, lambda: self._send_message(message, packets))
        else:
            self._send_message(message, packets)

    def _send_message(self, message: bytes, packets: int) -> None:
        if self._put(WSMsgType.BINARY, message):
            self.record.packets += packets
            self.record.frames += 1

    def _beat(self) -> None:
        self._send_heartbeat(HEARTBEAT, HEARTBEAT_S)

    def _send_heartbeat(self, heartbeat: bytes, next_in_s: float) -> None:
        self._beat_in(next_in_s)
        if not self._faults.showing("silence", self.number) and self._put(WSMsgType.BINARY, heartbeat):
            self.record.heartbeats += 1

    def _beat_in(self, seconds: float) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self._heartbeat = asyncio.get_running_loop().call_later(seconds, self._beat)

    def _put(self, kind: WSMsgType, payload: bytes) -> bool:
        transport = self._transport
        if transport is None:
            return False
        if self.left_behind and transport.underlying_transport.get_write_buffer_size() > UNREAD_LIMIT_BYTES:
            self.break_off(reset=True)
            return False
        transport.send(kind, payload)
        self._unread = True
        return True


class _Order(msgspec.Struct):
    """A client's text frame: an action and its value."""

    a: str
    v: Any
