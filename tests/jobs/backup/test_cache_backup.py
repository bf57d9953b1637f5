"""The cache in one file and back, on SQLite and on a real Redis; emptied only behind a backup of the day."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from muhurat.clock import ManualClock
from muhurat.jobs.backup.base import BackupError
from muhurat.jobs.backup.cached import check, play
from muhurat.jobs.backup.restoring import chunks, verified
from muhurat.jobs.base import JobError, Outcome
from muhurat.jobs.library import cache_backup, cache_delete
from muhurat.stores.base import Cache
from muhurat.stores.registry import open_cache
from tests.jobs.library.tools import DeskTools, tools_in

Content = tuple[dict[str, tuple[bytes, int, float | None]], dict[str, list[tuple[int, bytes]]]]


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.servers)])
def tools(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DeskTools]:
    url = "sqlite:///./data/cache.db" if request.param == "sqlite" else request.getfixturevalue("redis_url")
    with tools_in(tmp_path) as made:
        cache = open_cache(url, base=tmp_path, clock=made.clock)
        made.put(Cache, cache)
        cache.set("master:contract", b"\x1f\x8b\x00 gzip \xff", ttl_s=60)
        made.clock.advance(5)
        cache.set("gainers:☂", b"")
        for number in range(3):
            made.clock.advance(5)
            cache.append("monitor:redis", b"%d" % number, keep=2)
        yield made


def content(cache: Cache) -> Content:
    held = {key: cache.get(key) for key in cache.keys("")}
    values = {key: (found.value, found.stored_ns, found.ttl_s) for key, found in held.items() if found}
    return values, {name: cache.series(name) for name in cache.series_names("")}


def backup(tools: DeskTools) -> Outcome:
    return cache_backup.run(cache_backup.CacheBackupOptions(), tools)


def delete(tools: DeskTools, prefix: str = "") -> Outcome:
    return cache_delete.run(cache_delete.CacheDeleteOptions(prefix=prefix), tools)


def test_keys_and_series_come_back_with_their_ages(tools: DeskTools, tmp_path: Path) -> None:
    before = content(tools.get(Cache))
    done = backup(tools)
    assert done.facts["keys"] == 2
    assert done.facts["series"] == 1
    manifest = verified(done.files[0])
    check(chunks(manifest))
    past = ManualClock()
    fresh = open_cache("sqlite:///./fresh.db", base=tmp_path, clock=past)
    assert play(chunks(manifest), fresh, past) == {"keys": 2, "series": 1}
    assert content(fresh) == before
    fresh.close()


def test_a_delete_needs_todays_backup(tools: DeskTools) -> None:
    cache = tools.get(Cache)
    with pytest.raises(JobError, match="no verified backup of cache") as caught:
        delete(tools)
    assert "cache_backup" in caught.value.hint
    backup(tools)
    assert delete(tools, "gainers:").facts["deleted"] == 1
    assert cache.keys("") == ["master:contract"]
    assert delete(tools).facts["deleted"] == 2
    assert content(cache) == ({}, {})


def test_yesterdays_backup_does_not_count(tools: DeskTools) -> None:
    backup(tools)
    tools.business_date += timedelta(days=1)
    with pytest.raises(JobError, match="no verified backup"):
        delete(tools)


def test_a_cut_backup_is_noticed(tools: DeskTools) -> None:
    lines = gzip.decompress(backup(tools).files[0].read_bytes()).splitlines(keepends=True)
    for broken in (lines[:-1], lines[1:], [*lines[:1], *lines[2:]], [*lines, b'{"key"']):
        with pytest.raises(BackupError, match="no whole backup"):
            check(iter(broken))
    check(iter(lines))
