"""Ticks in Parquet files, asked with SQL through DuckDB: the store that needs no server.

`<directory>/<table>/date=YYYY-MM-DD/hour=HH/part-<feed>-<first seq>-<last seq>.parquet`, by the journal's hours (of
India's time). A part holds every row of its feed between its two seqs, so one part inside the range of another is
superseded: that rule alone makes each replacement of parts atomic, for readers as for a process killed half way.
"""

from __future__ import annotations

from pathlib import Path

from muhurat.clock import Clock
from muhurat.stores.parquet.store import ParquetTickStore
from muhurat.stores.registry import path_of

__all__ = ["ParquetTickStore", "open_tick_store"]


def open_tick_store(url: str, *, base: Path, clock: Clock, universe: Path) -> ParquetTickStore:
    """The store of a URL such as `parquet:///./data/ticks`, relative to the desk's folder `base`."""
    return ParquetTickStore(path_of(url, base), clock, universe=universe)
