"""One consumer of a consumer group on a Redis stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis.exceptions import RedisError, ResponseError

from muhurat.errors import StoreError
from muhurat.stores.base import StreamEntry, StreamId
from muhurat.stores.redis.reading import entry_of, id_of, raw_id
from muhurat.stores.redis.server import Server


class RedisGroup:
    """See `stores.base.StreamGroup`; belongs to one thread."""

    def __init__(self, server: Server, name: str, group: str, consumer: str) -> None:
        self.name = name
        self._server = server
        self._group = group
        self._consumer = consumer
        self._got: StreamId = (0, 0)

    def delivered(self) -> StreamId | None:
        with self._use() as redis:
            groups = redis.xinfo_groups(self.name) if redis.exists(self.name) else []
        last = next((id_of(each["last-delivered-id"]) for each in groups if each["name"].decode() == self._group), None)
        self._got = max(self._got, last or (0, 0))
        return None if last == (0, 0) else last

    def unacknowledged(self, most: int, after: StreamId) -> list[StreamEntry]:
        return self._read(raw_id(after), most, None)

    def read(self, most: int, wait_s: float) -> list[StreamEntry]:
        entries = self._read(">", most, max(1, round(wait_s * 1000)) if wait_s > 0 else None)
        if entries:
            self._got = entries[-1].id
        return entries

    def acknowledge(self, ids: Sequence[StreamId]) -> None:
        if ids:
            with self._use() as redis:
                redis.xack(self.name, self._group, *map(raw_id, ids))

    def shared(self) -> bool:
        with self._use() as redis:
            return len(redis.xinfo_consumers(self.name, self._group)) > 1

    def has(self, entry: StreamId) -> bool:
        with self._use() as redis:
            return bool(redis.xrange(self.name, raw_id(entry), raw_id(entry)))

    def close(self) -> None:
        self._server.client.close()

    def _read(self, after: str, most: int, block_ms: int | None) -> list[StreamEntry]:
        with self._use() as redis:
            try:
                found = self._ask(redis, after, most, block_ms)
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                redis.xgroup_create(self.name, self._group, raw_id(self._got), mkstream=True)
                found = self._ask(redis, after, most, None)
        return [entry_of(raw) for _, entries in found or () for raw in entries]

    def _ask(self, redis: Any, after: str, most: int, block_ms: int | None) -> Any:
        return redis.xreadgroup(self._group, self._consumer, {self.name: after}, count=most, block=block_ms)

    @contextmanager
    def _use(self) -> Iterator[Any]:
        try:
            yield self._server.client
        except RedisError as error:
            raise self._failure(error) from error

    def _failure(self, error: RedisError) -> StoreError:
        if isinstance(error, ResponseError) and "WRONGTYPE" in str(error):
            return StoreError(
                f"the key {self.name} of {self._server.place} is no stream", hint="name one with --stream"
            )
        return self._server.failure(error)
