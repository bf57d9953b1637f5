"""The kinds of tick store by URL scheme: a new one is a new file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from muhurat.clock import Clock
from muhurat.errors import MissingDriver, StoreError

if TYPE_CHECKING:
    from muhurat.stores.base import TickStore

TICK_STORES: Final[Mapping[str, str]] = {
    "parquet": "muhurat.stores.parquet",
}
"""Scheme to module; the module has `open_tick_store(url, *, base, clock, universe)`."""


def open_tick_store(url: str, *, base: Path, clock: Clock, universe: Path) -> TickStore:
    """The tick store a desk names, such as `parquet:///./data/ticks`.

    `base` is the desk's folder, where relative paths start; `universe` the folder of its universe files. Nothing heavy
    is imported before. Raises `StoreError` for an unknown scheme, `MissingDriver` when its library is not installed.
    """
    scheme = urlsplit(url).scheme
    if scheme not in TICK_STORES:
        raise StoreError(f"no tick store for {scheme or url!r}; known: {', '.join(TICK_STORES)}")
    module = _driver(scheme)
    return cast("TickStore", module.open_tick_store(url, base=base, clock=clock, universe=universe))


def _driver(scheme: str) -> ModuleType:
    """The module of a scheme; the extra that brings its library is named as the scheme is."""
    try:
        return import_module(TICK_STORES[scheme])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("muhurat"):
            raise
        raise MissingDriver(error.name, scheme) from error


def path_of(url: str, base: Path) -> Path:
    """The file or folder of an embedded store: `scheme:///./relative/to/the/desk` or `scheme:////an/absolute/path`.

    As with SQLite's URLs, the first slash after the empty host only ends the host.
    """
    parts = urlsplit(url)
    if parts.netloc or not parts.path.strip("/"):
        raise StoreError(f"{url!r} names no path; write {parts.scheme}:///./relative or {parts.scheme}:////absolute")
    return (base / parts.path[1:]).resolve()
