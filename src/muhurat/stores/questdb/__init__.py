"""Ticks in QuestDB, for desks that have outgrown one machine's files; `pip install 'muhurat[questdb]'`.

Rows go in by the official client over HTTP, one request per table and flush, and are known by `(timestamp, feed, seq)`,
so that any stretch of a journal may be inserted again. Queries are in QuestDB's own dialect.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from muhurat.clock import Clock
from muhurat.config import read_dotenv
from muhurat.errors import MissingDriver
from muhurat.log import register_secret
from muhurat.stores.questdb.address import address_of
from muhurat.stores.questdb.store import QuestDbTickStore

__all__ = ["QuestDbTickStore", "open_tick_store"]


def open_tick_store(url: str, *, base: Path, clock: Clock, universe: Path) -> QuestDbTickStore:
    """The store of `questdb://user:password@host:9000`; at port 443, and with `questdbs://`, over TLS.

    What the URL leaves out, `questdb://` all of it, comes from QUESTDB_HOST, QUESTDB_PORT, QUESTDB_USER and
    QUESTDB_PASSWORD in the environment or in the `.env` of the desk's folder `base`.
    """
    if find_spec("pandas") is None:
        raise MissingDriver("pandas", "questdb")
    address = address_of(url, {**read_dotenv(base / ".env"), **os.environ})
    register_secret(address.password)
    return QuestDbTickStore(address, clock, universe=universe, locks=universe.parent)
