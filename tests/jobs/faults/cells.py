"""The faults, and what a cell of the table is: a trial, or the reason why the fault cannot happen to the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.jobs.faults.strikes import Strike, nothing

FAULTS: Final = {
    "missing": "404",
    "forbidden": "403",
    "html": "200 with HTML",
    "truncated": "truncated",
    "wrong_date": "wrong date",
    "changed_column": "changed column",
    "empty": "empty file",
    "hang": "hang",
    "drip": "slow drip",
    "disk_full": "disk full",
    "database_gone": "database gone",
}
"""The faults, in the table's order, and what they are called there."""

SLOW: Final = ("hang", "drip")
GONE: Final = "database_gone"


@dataclass(frozen=True, slots=True)
class Trial:
    """One cell that is tried: what is done to the job, and what its error has to say (a regular expression).

    `arguments` replace the row's and `overlay` is laid over its desk, both with `{silent}` for a port on which nobody
    speaks. A `humble` one needs a process that is bound by the modes of files. What lies below `lives` may change.
    """

    strike: Strike
    says: str
    arguments: tuple[str, ...] | None = None
    overlay: Mapping[str, Any] = field(default_factory=dict)
    humble: bool = False
    codes: tuple[int, ...] = (1, 75)
    lives: str = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One job: its cells by fault (a text is the reason why there is no trial), and its desk.

    `before` runs first, `again` between the good run and the faults. `talks` are keys of the cache in which the job
    says how it failed; `keeps` the files (a regular expression) that a failed run leaves for the next one.
    """

    cells: Mapping[str, Trial | str]
    arguments: tuple[str, ...] = ()
    before: tuple[tuple[str, ...], ...] = ()
    again: tuple[tuple[str, ...], ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    desk: Mapping[str, Any] = field(default_factory=dict)
    talks: frozenset[str] = frozenset()
    keeps: str = "-"


LOADS: Final = Trial(nothing, r"cannot be reached, or went away|Lost connection")
"""The database server dies while the job's transaction holds rows."""
DUMPS: Final = Trial(nothing, r"Lost connection")
"""The database server goes away in the middle of the dump."""
CACHES: Final = Trial(nothing, r"the Redis server 127.0.0.1:\d+ cannot be reached")
"""The cache is on a Redis server, which goes away in the middle of the job's work with it."""
ON_SERVERS: Final = (LOADS, DUMPS, CACHES)
"""Tried against real servers: test_database_gone.py, test_cache_gone.py."""

NOTHING_FETCHED = "it fetches nothing"
NO_FORMAT = "it copies bytes and knows no format; whoever reads the copy judges it"
NO_TABLE = "it writes no table of a database"
NO_DATE = "what is asked for is of this moment, and carries no date"

OPEN_DAY: Final = ("day",)
"""Not a job: `muhurat day run bod`, which opens the day."""
REGISTRY: Final = {"jobs": {"registry": "process.json"}}
PROCESSES: Final = {
    "process.json": b"""{"processes": [{"title": "Copy files", "process_type": "BOD", "order": 1, "is_active": false,
 "application_path": "builtin:copy_files_src_dst", "parameter": {"source": "x", "destination": ["y"]}}],
 "process_monitor": [{"title": "Tests", "process": "pytest"}]}
"""
}
