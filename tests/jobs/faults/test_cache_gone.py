"""Every job that works with the cache, while its Redis server goes away: the entries of before stay, all of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from muhurat.clock import SystemClock
from muhurat.stores.registry import open_cache
from tests.jobs.faults.bench import Bench, entries_of
from tests.jobs.faults.cells import CACHES, GONE
from tests.jobs.faults.relay import Relay
from tests.jobs.faults.table import ROWS, losing
from tests.jobs.faults.test_faults import Record, assert_told, told
from tests.servers.redis import RedisServer

GOES_AT = {
    "download_nse_most_active_scripts": (b"HSET", 1),
    "download_contract_master": (b"HSET", 1),
    "cache_backup": (b"HMGET", 2),
    "cache_delete": (b"\r\nDEL\r\n", 2),
    "store_adapter_info": (b"HSET", 1),
}
"""The command at which the server goes away, and the how-manieth: a write, or for the backup a read after the first."""
MANY = 600
"""More entries than one command deletes."""


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("job", losing(CACHES))
def test_a_cache_that_goes_away_keeps_what_it_had(
    job: str,
    new_bench: Callable[[str], Bench],
    redis_server: RedisServer,
    redis_url: str,
    record_property: Record,
) -> None:
    record_property("cell", f"{job} {GONE}")
    row, bench, arguments = ROWS[job], new_bench(job), (job, *ROWS[job].arguments)
    with closing(Relay(redis_server.port)) as relay:
        relayed = redis_url.replace(f":{redis_server.port}/", f":{relay.port}/")
        bench.use_server("cache", relayed, lambda: _entries(redis_url))
        for step in (*row.before, arguments):
            bench.must(*step)
        _age(redis_url)
        before = bench.state()

        with relay.going_away(*GOES_AT[job]) as gone:
            ended = bench.run(*arguments, hasty=True)

        record_property("said", told(ended))
        assert gone.is_set(), ended
        assert_told(ended, CACHES)
        assert bench.state() == before
        assert bench.unfinished() == []


def _entries(url: str) -> dict[str, Any]:
    with closing(open_cache(url, base=Path(), clock=SystemClock())) as cache:
        return entries_of(cache)


def _age(url: str) -> None:
    """Give every entry another content, so that a write is seen, and add many more."""
    with closing(open_cache(url, base=Path(), clock=SystemClock())) as cache:
        for key in (*cache.keys(""), *(f"many:{number}" for number in range(MANY))):
            cache.set(key, b"of before")
