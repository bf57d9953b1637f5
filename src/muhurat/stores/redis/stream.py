"""Streams on a Redis server, of version 6.2 or later: `redis://[:password@]host:port/number`.

Batches go out by one `send` each, packed here, while the answers to the batch before are still to come: that is three
times as fast as a pipeline of redis-py. Nothing is a transaction. `MAXLEN ~` is not used: it counts entries, not bytes,
and trims by whole nodes; instead the sizes of stretches are remembered, and `XTRIM MINID` cuts exactly behind them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from redis.exceptions import RedisError, ResponseError

from muhurat.errors import StoreError
from muhurat.stores.base import StreamGroup, StreamId, StreamState
from muhurat.stores.redis.group import RedisGroup
from muhurat.stores.redis.reading import entry_of, id_of
from muhurat.stores.redis.server import Server

ANSWER_TIMEOUT_S: Final = 2.0
"""A server that takes nothing, or says nothing, for so long is taken for gone."""

SETTING: Final = "the desk file's stores.stream"

_NODE_BYTES: Final = 4096
_NODE_ENTRIES: Final = 100
_NODE_OVERHEAD: Final = 264
_ENTRY_OVERHEAD: Final = 96
_STRETCHES: Final = 128
_NOT_LATER: Final = "equal or smaller than the target stream top item"


def open_stream(url: str, name: str, *, fields: Sequence[str], limit_bytes: int) -> RedisStream:
    """See `stores.registry.open_stream`."""
    return RedisStream(url, name, fields=fields, limit_bytes=limit_bytes)


def open_group(url: str, name: str, *, group: str, consumer: str) -> StreamGroup:
    """See `stores.registry.open_group`."""
    return RedisGroup(Server(url, setting="--redis", timeout_s=ANSWER_TIMEOUT_S), name, group, consumer)


class _Stretch(NamedTuple):
    """Neighbouring entries, by the last of them, and what they take together."""

    last: StreamId
    bytes: int


class _Batch(NamedTuple):
    """What is under way: how many answers are to come."""

    answers: int


class RedisStream:
    """See `stores.base.Stream`; belongs to one thread."""

    def __init__(self, url: str, name: str, *, fields: Sequence[str], limit_bytes: int) -> None:
        self.name = name
        self.limit_bytes = limit_bytes
        self._server = Server(url, setting=SETTING, timeout_s=ANSWER_TIMEOUT_S)
        self._wire: Any = None
        self._head = _template(name, fields)
        self._under_way: deque[_Batch] = deque()
        self._stretches: deque[_Stretch] = deque()
        self._used = 0

    def look(self) -> StreamState:
        self._hang_up()
        redis = self._server.client
        try:
            self._wire = redis.connection_pool.make_connection()
            self._wire.connect()
            redis.xtrim(self.name, minid="0-1", approximate=False)  # an older server says so here
            if not redis.exists(self.name):
                return StreamState()
            about = redis.xinfo_stream(self.name)
        except RedisError as error:
            raise self._failure(error) from error
        first, newest = about["first-entry"], about["last-entry"]
        return StreamState(
            id_of(first[0]) if first else None,
            entry_of(newest) if newest else None,
            id_of(about["last-generated-id"]),
        )

    def holds(self, entries: Iterable[tuple[StreamId, int]]) -> None:
        self._stretches.clear()
        self._used = 0
        older: StreamId | None = None
        for entry, payload_bytes in entries:
            older = older or (entry[0], entry[1] - 1)
            self._add(entry, self.cost(payload_bytes))
        try:
            size = int(self._server.client.memory_usage(self.name, samples=0) or 0)
            newest = self._server.client.xrevrange(self.name, count=1) if older is None else []
        except RedisError as error:
            raise self._failure(error) from error
        rest = max(0, size - self._used)
        if older is None and newest:
            older = id_of(newest[0][0])
        if rest and older is not None:
            self._stretches.appendleft(_Stretch(older, rest))
            self._used += rest

    def append(self, entries: Sequence[tuple[StreamId, Sequence[bytes]]]) -> None:
        pieces: list[bytes] = []
        head, size = self._head, 0
        for (ms, number), values in entries:
            payload = values[-1]
            place = b"%d-%d" % (ms, number)
            filled = [len(place), place]
            for value in values[:-1]:
                filled.append(len(value))
                filled.append(value)
            filled.append(len(payload))
            pieces.append(head % tuple(filled))
            pieces.append(payload)
            pieces.append(b"\r\n")
            size += _cost(len(payload))
        self._add(entries[-1][0], size)
        trim = self._make_room(entries[0][0])
        try:
            if self._wire is None:
                raise StoreError(f"nobody has looked at the stream {self.name} yet")
            self._wire.send_packed_command([b"".join([*trim, *pieces])], check_health=False)
        except RedisError as error:
            raise self._failure(error) from error
        self._under_way.append(_Batch(len(entries) + len(trim)))

    def settle(self, under_way: int = 0) -> int:
        kept = 0
        try:
            while len(self._under_way) > under_way:
                read = self._wire.read_response
                for _ in range(self._under_way[0].answers):
                    read(True)
                self._under_way.popleft()
                kept += 1
        except RedisError as error:
            raise self._failure(error) from error
        return kept

    def cost(self, payload_bytes: int) -> int:
        return _cost(payload_bytes)

    def used_bytes(self) -> int:
        return self._used

    def close(self) -> None:
        self._hang_up()
        self._server.client.close()

    def _add(self, entry: StreamId, size: int) -> None:
        """Take account of one more entry; neighbours join as long as they take little together."""
        last = self._stretches[-1] if self._stretches else None
        if last is not None and last.bytes + size <= self.limit_bytes // _STRETCHES:
            self._stretches[-1] = _Stretch(entry, last.bytes + size)
        else:
            self._stretches.append(_Stretch(entry, size))
        self._used += size

    def _make_room(self, first: StreamId) -> list[bytes]:
        """The command that takes away the oldest stretches beyond the limit, if there are any; none from `first` on."""
        gone: StreamId | None = None
        while self._used > self.limit_bytes and self._stretches[0].last < first:
            stretch = self._stretches.popleft()
            self._used -= stretch.bytes
            gone = stretch.last
        if gone is None:
            return []
        return [_packed(b"XTRIM", self.name.encode(), b"MINID", b"=", b"%d-%d" % (gone[0], gone[1] + 1))]

    def _hang_up(self) -> None:
        self._under_way.clear()
        if self._wire is not None:
            self._wire.disconnect()
            self._wire = None
        self._server.client.connection_pool.disconnect()

    def _failure(self, error: RedisError) -> StoreError:
        self._hang_up()
        told = str(error)
        if isinstance(error, ResponseError) and _NOT_LATER in told:
            return StoreError(f"the stream {self.name} holds a later entry already", permanent=False)
        if isinstance(error, ResponseError) and "syntax error" in told:
            return StoreError(f"{self._server.place} cannot trim by ID", hint="streams need Redis 6.2 or later")
        if isinstance(error, ResponseError) and "WRONGTYPE" in told:
            hint = f"delete the key, or name another stream under feeds.<name>.publish: redis-cli DEL {self.name}"
            return StoreError(f"the key {self.name} of {self._server.place} is no stream", hint=hint)
        return self._server.failure(error)


@lru_cache(maxsize=4096)
def _cost(payload_bytes: int) -> int:
    """What Redis takes for an entry: its share of a node of small entries, or a node of its own.

    Nodes of a stream hold up to 4,096 bytes or 100 entries, or one entry that is larger; memory is handed out in
    classes of size, four to a power of two.
    """
    size = payload_bytes + _ENTRY_OVERHEAD
    together = max(1, min(_NODE_ENTRIES, _NODE_BYTES // size))
    node = max(_NODE_BYTES, together * size) if together > 1 else size
    step = max(16, (1 << (node - 1).bit_length()) // 8)
    return (-(-node // step) * step + _NODE_OVERHEAD) // together + 1


def _template(name: str, fields: Sequence[str]) -> bytes:
    """An `XADD` up to its last value: `%` fills in (length, value) of the ID and all values but the last, whose length
    ends it."""
    fixed = _bulks(b"XADD", name.encode()).replace(b"%", b"%%")
    named = [_bulks(field.encode()).replace(b"%", b"%%") for field in fields]
    filled = b"".join(field + b"$%d\r\n%b\r\n" for field in named[:-1])
    return b"*%d\r\n" % (3 + 2 * len(fields)) + fixed + b"$%d\r\n%b\r\n" + filled + named[-1] + b"$%d\r\n"


def _packed(*parts: bytes) -> bytes:
    """A command as Redis reads it."""
    return b"*%d\r\n" % len(parts) + _bulks(*parts)


def _bulks(*parts: bytes) -> bytes:
    return b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
