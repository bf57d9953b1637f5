"""The cache on a Redis server: `redis://[:password@]host:port/number`.

A value lies under its own key, as it is, so that `redis-cli GET key` and other people's programs read it. What is known
about it lies beside it in the hash `muhurat:cache:<key>` (`stored_ns`, `ttl_s`), a series in the stream
`muhurat:series:<name>` (`at_ns`, `point`). Only keys with such a hash are the desk's: others on the server are neither
listed nor deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from redis import Redis
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from muhurat.clock import Clock
from muhurat.errors import StoreError
from muhurat.log import redact
from muhurat.stores.base import Cached

ANSWER_TIMEOUT_S: Final = 5
"""A server that says nothing for so long is taken for gone."""

_ABOUT: Final = "muhurat:cache:"
_SERIES: Final = "muhurat:series:"
_BATCH: Final = 500


def open_cache(url: str, *, base: Path, clock: Clock) -> RedisCache:
    """See `stores.registry.open_cache`; nothing of a Redis URL is relative to `base`."""
    return RedisCache(url, clock)


class RedisCache:
    """See `stores.base.Cache`; may be used from several threads."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Connect to the server. Raises `StoreError` when the URL is wrong, or there is no such server."""
        self._clock = clock
        try:
            self._redis: Any = Redis.from_url(
                url, socket_timeout=ANSWER_TIMEOUT_S, socket_connect_timeout=ANSWER_TIMEOUT_S
            )
        except ValueError as error:
            raise StoreError(
                f"{redact(url)!r} is no Redis URL: {redact(str(error))}", hint="write redis://:password@host:6379/0"
            ) from error
        at = self._redis.connection_pool.connection_kwargs
        self._place = f"the Redis server {at.get('host', 'localhost')}:{at.get('port', 6379)}"
        with self._use() as redis:
            redis.ping()

    def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        about = {"stored_ns": self._clock.now_ns(), "ttl_s": "" if ttl_s is None else repr(float(ttl_s))}
        with self._use() as redis, redis.pipeline(transaction=True) as together:
            together.set(key, bytes(value))
            together.hset(_ABOUT + key, mapping=about)
            together.execute()

    def get(self, key: str) -> Cached | None:
        with self._use() as redis, redis.pipeline(transaction=True) as together:
            together.get(key)
            together.hmget(_ABOUT + key, "stored_ns", "ttl_s")
            value, (stored_ns, ttl_s) = together.execute()
        if value is None or stored_ns is None:
            return None
        return Cached(value, int(stored_ns), float(ttl_s) if ttl_s else None)

    def delete(self, prefix: str = "") -> int:
        with self._use() as redis:
            keys, series = self._names(redis, _ABOUT, prefix), self._names(redis, _SERIES, prefix)
            doomed = [name for key in keys for name in (key, _ABOUT + key)] + [_SERIES + name for name in series]
            with redis.pipeline(transaction=True) as together:
                for first in range(0, len(doomed), _BATCH):
                    together.delete(*doomed[first : first + _BATCH])
                together.execute()
        return len(keys) + len(series)

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that hold a value of the desk's, in order."""
        with self._use() as redis:
            return self._names(redis, _ABOUT, prefix)

    def series_names(self, prefix: str = "") -> list[str]:
        with self._use() as redis:
            return self._names(redis, _SERIES, prefix)

    def append(self, series: str, point: bytes, *, keep: int) -> None:
        fields = {"at_ns": self._clock.now_ns(), "point": bytes(point)}
        with self._use() as redis:
            redis.xadd(_SERIES + series, fields, maxlen=keep, approximate=False)

    def series(self, series: str, newest: int | None = None) -> list[tuple[int, bytes]]:
        if newest == 0:
            return []
        with self._use() as redis:
            found = redis.xrevrange(_SERIES + series, count=newest)
        return [(int(fields[b"at_ns"]), fields[b"point"]) for _, fields in reversed(found)]

    def close(self) -> None:
        self._redis.close()

    def _names(self, redis: Any, kind: str, prefix: str) -> list[str]:
        """What comes after `muhurat:…:` in all such keys that go on with the prefix, in order."""
        pattern = _literally(kind + prefix) + "*"
        found = {name.decode("utf-8") for name in redis.scan_iter(match=pattern, count=_BATCH)}
        return sorted(name.removeprefix(kind) for name in found)

    @contextmanager
    def _use(self) -> Iterator[Any]:
        try:
            yield self._redis
        except (RedisError, UnicodeEncodeError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> StoreError:
        told = redact(str(error)) or type(error).__name__
        if isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError):
            return StoreError(
                f"{self._place} refuses the desk: {told}", hint="check the password in the desk file's stores.cache"
            )
        if isinstance(error, RedisConnectionError | RedisTimeoutError):
            return StoreError(
                f"{self._place} cannot be reached: {told}",
                permanent=False,
                hint="start it, or correct stores.cache in the desk file",
            )
        full = isinstance(error, ResponseError) and told.startswith("OOM")
        hint = "raise its maxmemory, or delete what is not needed: `muhurat job run cache_delete`" if full else ""
        return StoreError(f"{self._place} reports an error: {told}", hint=hint)


def _literally(text: str) -> str:
    """The text as a pattern of Redis that matches nothing else."""
    return "".join(f"\\{letter}" if letter in "*?[]\\^-" else letter for letter in text)
