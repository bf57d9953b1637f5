"""The kinds of store by URL scheme: a new one is a new file and one line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from muhurat.clock import Clock
from muhurat.errors import MissingDriver, StoreError

if TYPE_CHECKING:
    from muhurat.stores.base import Cache, ReferenceStore, Stream, StreamGroup, TickStore

TICK_STORES: Final[Mapping[str, str]] = {
    "parquet": "muhurat.stores.parquet",
    "questdb": "muhurat.stores.questdb",
    "questdbs": "muhurat.stores.questdb",
}
"""Scheme to module; the module has `open_tick_store(url, *, base, clock, universe)`."""

REFERENCE_STORES: Final[Mapping[str, str]] = {
    "sqlite": "muhurat.stores.sql.reference",
    "mysql": "muhurat.stores.sql.reference",
}
"""Scheme to module; the module has `open_reference_store(url, *, base)`."""

CACHES: Final[Mapping[str, str]] = {
    "sqlite": "muhurat.stores.sql.cache",
    "redis": "muhurat.stores.redis.cache",
}
"""Scheme to module; the module has `open_cache(url, *, base, clock)`."""

_EXTRAS: Final[Mapping[str, str]] = {"questdbs": "questdb"}
"""The extra of a scheme that is not called as it."""

STREAMS: Final[Mapping[str, str]] = {
    "redis": "muhurat.stores.redis.stream",
}
"""Scheme to module; it has `open_stream(url, name, *, fields, limit_bytes)` and `open_group(url, name, *, group,
consumer)`."""

SCHEMES: Final[Mapping[str, frozenset[str]]] = {
    "ticks": frozenset(TICK_STORES),
    "reference": frozenset(REFERENCE_STORES),
    "cache": frozenset(CACHES),
    "stream": frozenset(STREAMS),
}
"""The schemes that each key of the desk file's section `stores` may use."""


def open_tick_store(url: str, *, base: Path, clock: Clock, universe: Path) -> TickStore:
    """The tick store a desk names, such as `parquet:///./data/ticks`.

    `base` is the desk's folder, where relative paths start; `universe` the folder of its universe files. Nothing heavy
    is imported before. Raises `StoreError` for an unknown scheme, `MissingDriver` when its library is not installed.
    """
    module = _driver(url, TICK_STORES, "tick store")
    return cast("TickStore", module.open_tick_store(url, base=base, clock=clock, universe=universe))


def open_reference_store(url: str, *, base: Path) -> ReferenceStore:
    """The reference store a desk names, such as `sqlite:///./data/reference.db`; its schema is brought up to date.

    Raises like `open_tick_store`, and `StoreError` when the database cannot be reached.
    """
    module = _driver(url, REFERENCE_STORES, "reference store")
    return cast("ReferenceStore", module.open_reference_store(url, base=base))


def open_cache(url: str, *, base: Path, clock: Clock) -> Cache:
    """The cache a desk names, such as `sqlite:///./data/cache.db`. Raises like `open_reference_store`."""
    return cast("Cache", _driver(url, CACHES, "cache").open_cache(url, base=base, clock=clock))


def open_stream(url: str, name: str, *, fields: Sequence[str], limit_bytes: int) -> Stream:
    """The writer's side of a stream, such as `ticks:raw:binary` at `redis://host:6379/0`; nothing is reached yet.

    Every entry has these `fields`, the last one its payload; all together take about `limit_bytes` at most. Raises like
    `open_tick_store`.
    """
    module = _driver(url, STREAMS, "stream")
    return cast("Stream", module.open_stream(url, name, fields=fields, limit_bytes=limit_bytes))


def open_group(url: str, name: str, *, group: str, consumer: str) -> StreamGroup:
    """The reader's side of a stream: one `consumer` of a `group`. Nothing is reached yet. Raises like `open_stream`."""
    module = _driver(url, STREAMS, "stream")
    return cast("StreamGroup", module.open_group(url, name, group=group, consumer=consumer))


def _driver(url: str, known: Mapping[str, str], what: str) -> ModuleType:
    """The module of a URL's scheme; the extra that brings its library is named as the scheme is."""
    scheme = urlsplit(url).scheme
    if scheme not in known:
        raise StoreError(f"no {what} for {scheme or url!r}; known: {', '.join(known)}")
    try:
        return import_module(known[scheme])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("muhurat"):
            raise
        raise MissingDriver(error.name, _EXTRAS.get(scheme, scheme)) from error


def path_of(url: str, base: Path) -> Path:
    """The file or folder of an embedded store: `scheme:///./relative/to/the/desk` or `scheme:////an/absolute/path`.

    As with SQLite's URLs, the first slash after the empty host only ends the host.
    """
    parts = urlsplit(url)
    if parts.netloc or not parts.path.strip("/"):
        raise StoreError(f"{url!r} names no path; write {parts.scheme}:///./relative or {parts.scheme}:////absolute")
    return (base / parts.path[1:]).resolve()
