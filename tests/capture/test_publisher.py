"""From a journal into a stream on a real Redis: everything, once, bounded in bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from muhurat.capture.journal import Position, saved_position
from muhurat.capture.publisher import READER
from muhurat.capture.stream_records import id_of, position_of, record_of
from muhurat.errors import StoreError
from tests.capture.streams import MB, STREAM, Recording, payloads
from tests.capture.support import FEED, HOUR_NS, MS, NINE
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.servers
DAY_NS = timedelta(days=1) // timedelta(microseconds=1) * 1000


@pytest.fixture
def recording(tmp_path: Path, redis_url: str) -> Iterator[Recording]:
    made = Recording(tmp_path, redis_url)
    yield made
    made.close()


def test_every_record_is_in_the_stream_as_it_is_in_the_journal(recording: Recording) -> None:
    recording.record(*payloads(1000), flags=2 << 16)
    recording.record(*payloads(300, size=60_000), at_ns=NINE + 5000 * MS)
    recording.record(*payloads(10), at_ns=NINE + HOUR_NS)
    recording.limit_bytes = 64 * MB
    gauges = recording.publish()
    assert recording.published() == recording.recorded()
    assert (gauges["published_records"], gauges["behind_records"], gauges["lag_s"]) == (1310, 0, 0)
    assert gauges["published_bytes"] == sum(len(record.payload) for record in recording.recorded())
    assert saved_position(recording.journal, READER) == Position("20250902_1000", 10)


def test_an_hours_first_entry_names_the_record_before_it(recording: Recording) -> None:
    for hour in range(3):
        recording.record(*payloads(4), at_ns=NINE + hour * HOUR_NS)
        recording.publish()
    told = [entry.fields["prev"].decode() for entry in recording.entries()]
    assert told == ["", "", "", "", "20250902_0900/3", "", "", "", "20250902_1000/3", "", "", ""]


def test_a_later_publisher_goes_on_behind_what_the_stream_has(recording: Recording) -> None:
    recording.record(*payloads(50))
    recording.publish()
    recording.record(*payloads(50), at_ns=NINE + 100 * MS)
    (recording.journal / "readers" / f"{READER}.json").unlink()
    assert recording.publish()["published_records"] == 50
    assert recording.published() == recording.recorded()


def test_a_stream_begins_with_the_newest_day(recording: Recording) -> None:
    recording.record(*payloads(5))
    recording.record(*payloads(5), at_ns=NINE + DAY_NS)
    recording.record(*payloads(5), at_ns=NINE + DAY_NS + HOUR_NS)
    recording.publish()
    assert recording.published() == recording.recorded()[5:]


def test_a_redis_that_lost_everything_gets_the_day_again(recording: Recording) -> None:
    recording.record(*payloads(50))
    with recording.publisher() as publisher:
        while publisher.step():
            pass
        recording.redis.flushall()
        recording.record(*payloads(50), at_ns=NINE + 100 * MS)
        while publisher.step():
            pass
        assert len(recording.published()) == 50  # the server was not away, so nobody looked
    recording.redis.delete(STREAM)
    recording.record(b"last", at_ns=NINE + 200 * MS)
    recording.publish()
    assert recording.published() == recording.recorded()


def test_yesterdays_stream_goes_on_when_its_hours_are_gone(recording: Recording) -> None:
    recording.record(*payloads(5))
    recording.publish()
    recording.record(*payloads(5), at_ns=NINE + DAY_NS)
    for path in recording.journal.glob(f"{FEED}_20250902_*"):
        path.unlink()
    recording.publish()
    assert [record.position.hour for record in recording.published()] == ["20250902_0900"] * 5 + ["20250903_0900"] * 5


@pytest.mark.parametrize("size", [200, 3_000, 59_522])
def test_the_stream_stays_below_its_limit(recording: Recording, size: int) -> None:
    recording.limit_bytes = 4 * MB
    chance = random.Random(2)
    seen = []
    for number in range(12):
        recording.record(
            *(chance.randbytes(size) for _ in range(1 + 2 * MB // size)), at_ns=NINE + number * 60_000 * MS
        )
        recording.publish()
        seen.append(recording.redis.memory_usage(STREAM, samples=0))
    assert max(seen) <= 1.05 * recording.limit_bytes
    assert min(seen[3:]) >= 0.75 * recording.limit_bytes
    kept = recording.published()
    assert kept == recording.recorded()[-len(kept) :]


def test_entries_whose_hours_are_gone_make_room_too(recording: Recording) -> None:
    recording.limit_bytes = 2 * MB
    for number in range(20):
        recording.redis.xadd(STREAM, {"data": b"x" * 100_000}, id=f"{(NINE - DAY_NS) // MS}-{number}")
    recording.record(*payloads(100, size=20_000))
    recording.publish()
    kept = [record_of(entry).record for entry in recording.entries()[-80:]]
    assert kept == recording.recorded()[-80:]
    assert recording.redis.memory_usage(STREAM, samples=0) <= 1.05 * recording.limit_bytes


def test_who_is_too_far_behind_goes_on_with_what_the_stream_would_still_hold(recording: Recording) -> None:
    recording.limit_bytes = 2 * MB
    recording.record(b"first")
    recording.publish()
    recording.record(*payloads(4000, size=1000), at_ns=NINE + MS)
    recording.record(*payloads(1000, size=1000), at_ns=NINE + HOUR_NS)
    gauges = recording.publish()
    recorded, kept = recording.recorded(), recording.published()
    assert kept[0].payload == b"first"
    assert kept[1:] == recorded[-len(kept) + 1 :]
    assert gauges["dropped_records"] == len(recorded) - len(kept)
    assert gauges["dropped_bytes"] == sum(len(record.payload) for record in recorded[1 : -len(kept) + 1])
    assert gauges["published_records"] + gauges["dropped_records"] == len(recorded) - 1


def test_a_first_start_leaves_nothing_out(recording: Recording) -> None:
    recording.limit_bytes = 1 * MB
    recording.record(*payloads(3000, size=1000))
    gauges = recording.publish()
    assert gauges["dropped_records"] == 0
    assert 0 < gauges["published_records"] < 1500


def test_another_recordings_stream_is_left_alone_with_a_word_what_to_do(recording: Recording) -> None:
    recording.record(*payloads(5))
    for last in ((id_of(Position("20250902_1000", 4))), (NINE // MS, 5), (NINE // MS + 1, 0)):
        recording.redis.delete(STREAM)
        recording.redis.xadd(STREAM, {"data": b"theirs"}, id=f"{last[0]}-{last[1]}")
        with pytest.raises(StoreError, match="is no record of this journal of desk") as caught:
            recording.publish()
        assert caught.value.permanent
        assert "redis-cli DEL ticks:raw:desk" in caught.value.hint
        assert len(recording.entries()) == 1


def test_a_rehearsal_of_the_same_hour_is_told_from_the_day_itself(recording: Recording, tmp_path: Path) -> None:
    rehearsed = Recording(tmp_path / "rehearsal", recording.url)
    rehearsed.record(*payloads(3, seed=7))
    rehearsed.publish()
    rehearsed.close()
    recording.record(*payloads(5))
    with pytest.raises(StoreError, match="perhaps a rehearsal's"):
        recording.publish()


def test_a_key_that_is_no_stream_is_named(recording: Recording) -> None:
    recording.record(b"x")
    recording.redis.set(STREAM, "something else")
    with pytest.raises(StoreError, match=r"the key ticks:raw:desk of .* is no stream") as caught:
        recording.publish()
    assert caught.value.permanent


def test_a_wrong_password_ends_the_service(recording: Recording) -> None:
    recording.record(b"x")
    recording.url = recording.url.replace(":a-redis", ":not-a-redis")
    with pytest.raises(StoreError, match="refuses the desk") as caught:
        recording.publish()
    assert caught.value.permanent
    assert "stores.stream" in caught.value.hint


def test_a_stream_made_by_a_waiting_follower_is_taken_for_new(recording: Recording) -> None:
    recording.redis.xgroup_create(STREAM, "desk", "0", mkstream=True)
    recording.record(*payloads(5))
    recording.publish()
    assert recording.published() == recording.recorded()


def test_before_anything_is_recorded_it_waits(recording: Recording) -> None:
    with recording.publisher() as publisher:
        assert not publisher.step()
        assert publisher.gauges()["state"] == "waiting for the first record"
        recording.record(b"x")
        recording.clock.advance(1)
        assert publisher.step()
        publisher.step()
    assert recording.published() == recording.recorded()


def test_a_redis_that_is_full_or_away_is_tried_again(recording: Recording, redis_server: RedisServer) -> None:
    with recording.publisher() as publisher:
        recording.record(*payloads(20))
        while publisher.step():
            pass
        recording.redis.config_set("maxmemory", 1)
        try:
            recording.record(*payloads(20), at_ns=NINE + 100 * MS)
            while publisher.step():
                pass
        finally:
            recording.redis.config_set("maxmemory", 0)
        assert "20 records wait in the journal" in publisher.detail()
        assert "maxmemory" in publisher.detail()
        assert publisher.gauges()["state"] == "away"
        with redis_server.stopped():
            for _ in range(3):
                recording.clock.advance(10)
                assert not publisher.step()
            assert "cannot be reached" in publisher.detail()
            recording.record(*payloads(20), at_ns=NINE + 200 * MS)
            assert publisher.gauges()["behind_records"] == 40
        recording.clock.advance(10)
        while publisher.step():
            pass
        assert publisher.gauges()["state"] == "connected"
    assert recording.published() == recording.recorded()  # the server came back empty and got all of it


def test_the_lag_is_the_age_of_the_newest_entry(recording: Recording) -> None:
    with recording.publisher() as publisher:
        recording.record(b"x")
        while publisher.step():
            pass
        recording.record(b"y", at_ns=NINE + 10_000 * MS)
        recording.clock.set(NINE + 12_000 * MS)
        assert publisher.gauges()["lag_s"] == 12
        while publisher.step():
            pass
        assert publisher.gauges()["lag_s"] == 0


def test_ids_are_places_in_the_journal(recording: Recording) -> None:
    recording.record(*payloads(3))
    recording.publish()
    assert [position_of(entry.id) for entry in recording.entries()] == [r.position for r in recording.recorded()]
