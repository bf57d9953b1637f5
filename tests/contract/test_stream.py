"""What every stream promises, tried on a real Redis."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muhurat.errors import StoreError
from muhurat.stores.base import Stream, StreamEntry, StreamGroup, StreamId, StreamState
from muhurat.stores.redis.stream import _cost
from muhurat.stores.registry import open_group, open_stream
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.servers
NAME = "a stream, 100 % ours"
FIELDS = ("what", "data")
MB = 1_000_000


@pytest.fixture
def stream(redis_url: str) -> Stream:
    return open_stream(redis_url, NAME, fields=FIELDS, limit_bytes=MB)


@pytest.fixture
def group(redis_url: str) -> StreamGroup:
    return open_group(redis_url, NAME, group="desk", consumer="host")


def entries(count: int, size: int = 10, first: int = 0) -> list[tuple[StreamId, tuple[bytes, bytes]]]:
    chance = random.Random(first)
    return [((7, number), (b"%d" % number, chance.randbytes(size))) for number in range(first, first + count)]


def fill(stream: Stream, batch: list[tuple[StreamId, tuple[bytes, bytes]]]) -> None:
    stream.append(batch)
    stream.settle()


def test_entries_come_back_with_their_ids_and_fields(stream: Stream, group: StreamGroup) -> None:
    assert stream.look() == StreamState()
    given_in = [((7, 0), (b"", b"\r\n$5\r\n%d")), ((7, 1), (b"%", b"")), ((8, 0), (b"w", bytes(range(256)) * 500))]
    fill(stream, given_in)
    read = [StreamEntry(entry, dict(zip(FIELDS, values, strict=True))) for entry, values in given_in]
    assert group.read(10, 0) == read
    assert stream.look() == StreamState((7, 0), read[-1], (8, 0))


def test_batches_are_under_way_until_they_are_settled(stream: Stream) -> None:
    stream.look()
    for number in range(5):
        stream.append(entries(3, first=3 * number))
    assert stream.settle(2) == 3
    assert stream.settle() == 2
    assert stream.settle() == 0


def test_an_entry_that_is_there_already_is_refused_and_the_state_tells_how_far_one_is(stream: Stream) -> None:
    stream.look()
    fill(stream, entries(5))
    stream.append(entries(5, first=3))
    with pytest.raises(StoreError, match="holds a later entry already") as caught:
        stream.settle()
    assert not caught.value.permanent
    assert stream.look().last_id == (7, 7)


@pytest.mark.parametrize("size", [100, 1000, 3000, 5000, 70_000])
def test_the_oldest_make_room_by_what_they_really_take(stream: Stream, redis_server: RedisServer, size: int) -> None:
    stream.look()
    batch = 1 + 50_000 // size
    for number in range(30):
        fill(stream, entries(batch, size, number * batch))
    with redis_server.client() as redis:
        real = int(redis.memory_usage(NAME, samples=0) or 0)
    assert real <= 1.02 * stream.used_bytes()
    assert stream.used_bytes() <= stream.limit_bytes + 200_000
    assert real > 0.5 * stream.limit_bytes


def test_a_new_writer_makes_room_among_what_is_there(stream: Stream, redis_url: str, redis_server: RedisServer) -> None:
    stream.look()
    fill(stream, entries(90, 10_000))
    later = open_stream(redis_url, NAME, fields=FIELDS, limit_bytes=MB)
    state = later.look()
    assert state.first_id == (7, 0)
    later.holds([((7, number), 10_000) for number in range(40, 90)])  # it knows nothing of the first forty
    assert later.used_bytes() == pytest.approx(stream.used_bytes(), rel=0.1)
    fill(later, entries(20, 10_000, first=90))
    with redis_server.client() as redis:
        assert redis.xinfo_stream(NAME)["recorded-first-entry-id"] == b"7-40"


def test_nobody_appends_before_looking(stream: Stream) -> None:
    with pytest.raises(StoreError, match="nobody has looked"):
        stream.append(entries(1))


def test_a_server_that_is_away_may_come_back(stream: Stream, group: StreamGroup, redis_server: RedisServer) -> None:
    stream.look()
    fill(stream, entries(1))
    with redis_server.stopped():
        for attempt in (stream.look, lambda: group.read(1, 0), lambda: group.acknowledge([(7, 0)])):
            with pytest.raises(StoreError, match="cannot be reached") as caught:
                attempt()
            assert not caught.value.permanent
    assert stream.look() == StreamState()
    assert group.read(1, 0) == []


def test_a_wrong_url_is_refused_at_once() -> None:
    with pytest.raises(StoreError, match="is no Redis URL"):
        open_stream("redis://host:port/0", NAME, fields=FIELDS, limit_bytes=MB)
    with pytest.raises(StoreError, match="no stream for 'nats'; known: redis"):
        open_group("nats://host", NAME, group="g", consumer="c")


def test_a_group_hands_each_entry_to_one_consumer_and_remembers_it(
    stream: Stream, group: StreamGroup, redis_url: str
) -> None:
    stream.look()
    assert group.delivered() is None
    fill(stream, entries(5))
    other = open_group(redis_url, NAME, group="desk", consumer="other")
    assert [entry.id for entry in group.read(3, 0)] == [(7, 0), (7, 1), (7, 2)]
    assert [entry.id for entry in other.read(3, 0)] == [(7, 3), (7, 4)]
    assert group.delivered() == (7, 4)
    group.acknowledge([(7, 0)])
    assert [entry.id for entry in group.unacknowledged(9, (0, 0))] == [(7, 1), (7, 2)]
    assert [entry.id for entry in group.unacknowledged(9, (7, 1))] == [(7, 2)]
    assert group.shared()
    assert group.has((7, 3))
    assert not group.has((7, 5))


def test_what_was_cut_off_before_it_was_acknowledged_has_no_fields(
    stream: Stream, group: StreamGroup, redis_server: RedisServer
) -> None:
    stream.look()
    fill(stream, entries(2))
    group.read(9, 0)
    with redis_server.client() as redis:
        redis.xtrim(NAME, maxlen=1, approximate=False)
    assert [bool(entry.fields) for entry in group.unacknowledged(9, (0, 0))] == [False, True]


@given(st.integers(0, 10_000_000))
def test_a_larger_payload_never_takes_much_less(size: int) -> None:
    assert _cost(size) > size
    assert _cost(size) <= 1.3 * size + 4600
