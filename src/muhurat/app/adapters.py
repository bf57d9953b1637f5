"""How each thing the desk talks to is asked for its state, for the job `store_adapter_info`."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from muhurat.app.desk import kite_rest, tick_store
from muhurat.app.parts import cache, reference_store
from muhurat.clock import Clock, SystemClock
from muhurat.config import Desk
from muhurat.errors import SessionExpired
from muhurat.jobs.adapters import Adapter, Adapters
from muhurat.log import redact

_CONNECT_S: Final = 5.0
_PORTS: Final = {"https": 443, "http": 80, "wss": 443, "ws": 80, "smtp": 25, "smtps": 465, "ftp": 21}


def adapters(desk: Desk, clock: Clock) -> Adapters:
    """Everything the desk file names, and the exchanges' public hosts."""
    return Adapters((*_stores(desk, clock), *_venues(desk, clock), *_channels(desk)))


def _stores(desk: Desk, clock: Clock) -> Iterator[Adapter]:
    where = desk.stores
    yield Adapter("reference", "store", redact(where.reference), partial(_reference, desk, clock))
    yield Adapter("cache", "store", redact(where.cache), partial(_cache, desk, clock))
    yield Adapter("ticks", "store", redact(where.ticks), partial(_ticks, desk, clock))


def _venues(desk: Desk, clock: Clock) -> Iterator[Adapter]:
    venues = desk.venues
    if venues.kite is not None:
        yield Adapter("kite", "venue", venues.kite.root, partial(_kite, desk, clock))
        yield _reached("kite_ticker", "venue", venues.kite.ticker)
    for name, url in (
        ("nse", venues.nse.www),
        ("nse_archives", venues.nse.archives),
        ("niftyindices", venues.nse.indices),
        ("connect2nse", venues.nse.extranet),
        ("bse", venues.bse.www),
    ):
        yield _reached(name, "venue", url)


def _channels(desk: Desk) -> Iterator[Adapter]:
    if desk.notify.email is not None:
        yield _reached("email", "channel", desk.notify.email.smtp)


def _reached(name: str, kind: Any, url: str) -> Adapter:
    """Reachable means that it takes a connection; nobody's rate limit is touched."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)
    return Adapter(name, kind, f"{parts.scheme}://{host}:{port}", partial(_connect, host, port))


def _connect(host: str, port: int) -> Mapping[str, Any]:
    with socket.create_connection((host, port), timeout=_CONNECT_S):
        return {}


def _reference(desk: Desk, clock: Clock) -> Mapping[str, Any]:
    with closing(reference_store(desk, clock)) as store:
        held = {table: store.count(table) for table in store.tables()}
    return {"version": _version(desk, desk.stores.reference), "holds": held}


def _cache(desk: Desk, clock: Clock) -> Mapping[str, Any]:
    with closing(cache(desk, clock)) as store:
        held = {"keys": len(store.keys("")), "series": len(store.series_names(""))}
    return {"version": _version(desk, desk.stores.cache), "holds": held}


def _ticks(desk: Desk, clock: Clock) -> Mapping[str, Any]:
    with tick_store(desk, clock) as store:
        held = store.coverage()
    rows: dict[str, int] = {}
    for each in held:
        rows[each.table] = rows.get(each.table, 0) + each.rows
    return {"version": _version(desk, desk.stores.ticks), "holds": rows}


def _kite(desk: Desk, clock: Clock) -> Mapping[str, Any]:
    """Kite answers `SessionExpired` too; that is a reachable venue without a session."""
    try:
        profile = kite_rest(desk, clock).profile()
    except SessionExpired as error:
        return {"session": "expired", "detail": str(error), "hint": error.hint}
    return {"session": "valid", "user_id": profile.user_id, "exchanges": list(profile.exchanges)}


def _version(desk: Desk, url: str) -> str:
    """What a store is, and of which version; empty for a kind that nobody can ask."""
    ask = _VERSIONS.get(urlsplit(url).scheme)
    return ask(desk, url) if ask else ""


def _sqlite_version(desk: Desk, url: str) -> str:
    import sqlite3

    return f"SQLite {sqlite3.sqlite_version}"


def _mysql_version(desk: Desk, url: str) -> str:
    from muhurat.stores.sql.engine import open_engine, reading

    with reading(open_engine(url, desk.folder)) as connection:
        return str(connection.exec_driver_sql("SELECT VERSION()").scalar())


def _redis_version(desk: Desk, url: str) -> str:
    from redis import Redis

    client: Any = Redis.from_url(url, socket_timeout=_CONNECT_S, socket_connect_timeout=_CONNECT_S)
    with closing(client):
        return f"Redis {client.info('server')['redis_version']}"


def _parquet_version(desk: Desk, url: str) -> str:
    import duckdb

    return f"DuckDB {duckdb.__version__}"


def _questdb_version(desk: Desk, url: str) -> str:
    with tick_store(desk, SystemClock()) as store:
        ((version,),) = store.query("SELECT build()")
    return str(version).removeprefix("Build Information: ").partition(",")[0]


_VERSIONS: Final[Mapping[str, Callable[[Desk, str], str]]] = {
    "sqlite": _sqlite_version,
    "mysql": _mysql_version,
    "parquet": _parquet_version,
    "questdb": _questdb_version,
    "questdbs": _questdb_version,
    "redis": _redis_version,
}
