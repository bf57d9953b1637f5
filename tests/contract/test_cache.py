"""What every cache promises, tried on SQLite and on a real Redis."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muhurat.clock import ManualClock
from muhurat.errors import StoreError
from muhurat.stores.base import Cache
from muhurat.stores.registry import open_cache
from tests.servers.redis import RedisServer

NINE = 1_763_609_400_000_000_000
KINDS = ["sqlite", pytest.param("redis", marks=pytest.mark.servers)]


@dataclass(frozen=True)
class Place:
    url: str
    base: Path

    def open(self, clock: ManualClock) -> Cache:
        return open_cache(self.url, base=self.base, clock=clock)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    url = "sqlite:///./data/cache.db" if request.param == "sqlite" else request.getfixturevalue("redis_url")
    return Place(url, tmp_path)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NINE)


@pytest.fixture
def cache(place: Place, clock: ManualClock) -> Iterator[Cache]:
    opened = place.open(clock)
    yield opened
    opened.close()


def test_a_value_is_kept_with_its_age(cache: Cache, clock: ManualClock) -> None:
    cache.set("nse:gainers", b"SYMBOL\r\n", ttl_s=300)
    clock.advance(200)
    found = cache.get("nse:gainers")
    assert found is not None
    assert (found.value, found.stored_ns, found.ttl_s) == (b"SYMBOL\r\n", NINE, 300.0)
    assert not found.stale(clock.now_ns())
    clock.advance(101)
    still = cache.get("nse:gainers")
    assert still == found
    assert still.stale(clock.now_ns())


def test_a_value_without_a_time_to_live_is_never_stale(cache: Cache, clock: ManualClock) -> None:
    cache.set("contract.gz", b"\x1f\x8b")
    clock.advance(10**7)
    found = cache.get("contract.gz")
    assert found is not None
    assert (found.ttl_s, found.stale(clock.now_ns())) == (None, False)


def test_setting_again_replaces_value_time_and_time_to_live(cache: Cache, clock: ManualClock) -> None:
    cache.set("a", b"1", ttl_s=5)
    clock.advance(60)
    cache.set("a", b"2")
    found = cache.get("a")
    assert found is not None
    assert (found.value, found.stored_ns, found.ttl_s) == (b"2", NINE + 60 * 10**9, None)


def test_what_was_never_put_there_is_none(cache: Cache) -> None:
    assert cache.get("nothing") is None
    assert cache.series("nothing") == []
    assert cache.keys() == []


def test_keys_are_listed_and_deleted_by_their_beginning(cache: Cache) -> None:
    for key in ("nse:a", "nse:b", "NSE:c", "nse*", "n?e:d", "ns[e]:e", "other\\f"):
        cache.set(key, b"1")
    assert cache.keys("nse") == ["nse*", "nse:a", "nse:b"]
    assert cache.keys("nse*") == ["nse*"]
    assert cache.keys("n?") == ["n?e:d"]
    assert cache.delete("ns[") == 1
    assert cache.delete("nse:") == 2
    assert cache.keys() == ["NSE:c", "n?e:d", "nse*", "other\\f"]
    assert cache.delete() == 4
    assert cache.keys() == []


def test_a_series_keeps_the_newest_points_with_their_times(cache: Cache, clock: ManualClock) -> None:
    for number in range(7):
        cache.append("cpu:mysqld", b"%d" % number, keep=5)
        clock.advance(5)
    points = cache.series("cpu:mysqld")
    assert points == [(NINE + number * 5 * 10**9, b"%d" % number) for number in range(2, 7)]
    assert cache.series("cpu:mysqld", newest=2) == points[-2:]
    assert cache.series("cpu:mysqld", newest=0) == []
    assert cache.series("cpu") == []


def test_series_are_deleted_with_the_keys_that_begin_so(cache: Cache) -> None:
    cache.set("cpu:total", b"1")
    for name in ("cpu:mysqld", "cpu:nginx", "disk"):
        cache.append(name, b"1", keep=5)
        cache.append(name, b"2", keep=5)
    assert cache.delete("cpu:") == 3
    assert (cache.keys(), cache.series("cpu:mysqld"), len(cache.series("disk"))) == ([], [], 2)


def test_a_key_may_name_a_value_and_a_series(cache: Cache) -> None:
    cache.set("same", b"value")
    cache.append("same", b"point", keep=3)
    found = cache.get("same")
    assert found is not None
    assert (found.value, [point for _, point in cache.series("same")]) == (b"value", [b"point"])


def test_another_process_finds_what_was_put_there(place: Place, clock: ManualClock, cache: Cache) -> None:
    other = place.open(clock)
    cache.set("a", b"1")
    cache.append("s", b"1", keep=3)
    other.append("s", b"2", keep=3)
    assert other.get("a") is not None
    assert [point for _, point in cache.series("s")] == [b"1", b"2"]
    other.close()


def test_points_of_several_processes_are_all_kept(place: Place, cache: Cache) -> None:
    code = (
        "from pathlib import Path\nfrom muhurat.clock import SystemClock\n"
        "from muhurat.stores.registry import open_cache\n"
        f"cache = open_cache({place.url!r}, base=Path({str(place.base)!r}), clock=SystemClock())\n"
        "for number in range(60):\n"
        "    cache.append('s', b'%d' % number, keep=1000)\n"
        "    cache.set('k%d' % number, b'v')\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]
    for writer in writers:
        assert writer.communicate(timeout=60)[1] == b""
    assert sorted(point for _, point in cache.series("s")) == sorted([b"%d" % n for n in range(60)] * 3)
    assert len(cache.keys()) == 60


KEYS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=30)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(KEYS, st.binary(max_size=200), st.lists(st.binary(max_size=20), max_size=5))
def test_any_key_and_bytes_survive(cache: Cache, key: str, value: bytes, points: list[bytes]) -> None:
    cache.delete()
    cache.set(key, value)
    for point in points:
        cache.append(key, point, keep=100)
    found = cache.get(key)
    assert found is not None
    assert (found.value, cache.keys(key)) == (value, [key])
    assert [point for _, point in cache.series(key)] == points


@pytest.mark.servers
class TestRedis:
    """What only a Redis server can show."""

    def test_the_raw_value_lies_under_its_own_name(
        self, redis_server: RedisServer, redis_url: str, tmp_path: Path
    ) -> None:
        cache = open_cache(redis_url, base=tmp_path, clock=ManualClock(NINE))
        cache.set("nse:gainers", b"SYMBOL\r\n", ttl_s=300)
        cache.append("monitor:mysqld", b'{"cpu": 1}', keep=10)
        with redis_server.client() as plain:
            assert plain.get("nse:gainers") == b"SYMBOL\r\n"
            assert plain.hgetall("muhurat:cache:nse:gainers") == {b"stored_ns": b"%d" % NINE, b"ttl_s": b"300.0"}
            ((_, fields),) = plain.xrange("muhurat:series:monitor:mysqld")
            assert fields == {b"at_ns": b"%d" % NINE, b"point": b'{"cpu": 1}'}
        cache.close()

    def test_other_peoples_keys_are_neither_listed_nor_deleted(
        self, redis_server: RedisServer, redis_url: str, tmp_path: Path
    ) -> None:
        cache = open_cache(redis_url, base=tmp_path, clock=ManualClock(NINE))
        with redis_server.client() as plain:
            plain.set("theirs", "1")
            cache.set("ours", b"1")
            assert (cache.keys(), cache.get("theirs")) == (["ours"], None)
            assert cache.delete() == 1
            assert plain.keys() == [b"theirs"]
        cache.close()

    def test_a_server_that_is_away_is_named_and_found_again(
        self, redis_server: RedisServer, redis_url: str, tmp_path: Path
    ) -> None:
        cache = open_cache(redis_url, base=tmp_path, clock=ManualClock(NINE))
        with redis_server.stopped():
            for ask in (lambda: cache.set("a", b"1"), lambda: cache.series("s"), cache.keys):
                with pytest.raises(StoreError, match=f"127.0.0.1:{redis_server.port} cannot be reached") as caught:
                    ask()
                assert not caught.value.permanent
                assert "start it" in caught.value.hint
        cache.set("a", b"1")
        assert cache.keys() == ["a"]
        cache.close()

    def test_a_wrong_password_is_told_and_not_shown(self, redis_server: RedisServer, tmp_path: Path) -> None:
        redis_server.start()
        wrong = f"redis://:not-the-word@127.0.0.1:{redis_server.port}/0"
        for url in (wrong, wrong.replace(":not-the-word@", "")):
            with pytest.raises(StoreError, match="refuses the desk") as caught:
                open_cache(url, base=tmp_path, clock=ManualClock())
            assert caught.value.permanent
            assert "not-the-word" not in str(caught.value)


def test_a_cache_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_text("something else, long enough to be looked at" * 20)
    with pytest.raises(StoreError, match=r"the cache .*cache\.db is damaged, or no database"):
        open_cache("sqlite:///./cache.db", base=tmp_path, clock=ManualClock())


def test_a_url_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no Redis URL") as caught:
        open_cache("redis://:secret@host:port/x", base=tmp_path, clock=ManualClock())
    assert "secret" not in str(caught.value)
