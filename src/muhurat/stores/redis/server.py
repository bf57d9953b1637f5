"""A Redis server by its URL, and what its errors mean to the desk."""

from __future__ import annotations

from typing import Any, Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from muhurat.errors import StoreError
from muhurat.log import redact

_REFUSES: Final = (AuthenticationError, AuthorizationError, NoPermissionError)
_AWAY: Final = (RedisConnectionError, RedisTimeoutError)
_FOR_NOW: Final = (OutOfMemoryError, ReadOnlyError, MasterDownError, TryAgainError)


class Server:
    """One server: a client that tries everything once, and its address for messages. Nothing is reached yet."""

    def __init__(self, url: str, *, setting: str, timeout_s: float) -> None:
        """`setting` says where the URL is from, for hints. Raises `StoreError` when the URL is wrong."""
        self._setting = setting
        try:
            self.client: Any = Redis.from_url(
                url,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise StoreError(
                f"{redact(url)!r} is no Redis URL: {redact(str(error))}", hint="write redis://:password@host:6379/0"
            ) from error
        at = self.client.connection_pool.connection_kwargs
        self.place = f"the Redis server {at.get('host', 'localhost')}:{at.get('port', 6379)}"

    def failure(self, error: Exception) -> StoreError:
        """What to raise for an error of the library's: passing ones say so."""
        told = redact(str(error)).rstrip(".") or type(error).__name__
        if isinstance(error, _REFUSES):
            return StoreError(f"{self.place} refuses the desk: {told}", hint=f"check the password in {self._setting}")
        if isinstance(error, _AWAY):
            return StoreError(
                f"{self.place} cannot be reached: {told}",
                permanent=False,
                hint=f"start it, or correct {self._setting}",
            )
        hint = "raise its maxmemory, or delete what is not needed" if isinstance(error, OutOfMemoryError) else ""
        return StoreError(
            f"{self.place} reports an error: {told}", permanent=not isinstance(error, _FOR_NOW), hint=hint
        )
