"""On another host, with no journal: the same records from the stream, and every loss told."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from muhurat.capture.follower import Follower, StoreSink
from muhurat.capture.journal import Record
from muhurat.capture.stream_records import id_of
from muhurat.capture.token_names import DayNames, names_of
from muhurat.clock import ManualClock
from muhurat.errors import StoreError
from muhurat.stores.parquet import ParquetTickStore
from muhurat.stores.registry import open_group
from muhurat.venues.kite.decode import decode_message
from tests.capture.streams import STREAM, Recording, payloads
from tests.capture.support import FEED, HOUR_NS, MS, NINE
from tests.capture.test_decode_service import expected_rows, kept_rows, messages
from tests.servers.processes import wait_until
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.servers


class Kept:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.kept = 0
        self.broken: StoreError | None = None

    def take(self, feed: str, records: Sequence[Record]) -> None:
        assert feed == FEED
        assert len({record.position.hour for record in records}) == 1
        self.records += records

    def keep(self) -> None:
        if self.broken:
            raise self.broken
        self.kept = len(self.records)


class Other:
    """A follower on another host."""

    def __init__(self, url: str, consumer: str = "host") -> None:
        self.sink = Kept()
        self.told: list[str] = []
        self.clock = ManualClock(NINE)
        self.group = open_group(url, STREAM, group="desk", consumer=consumer)
        self.follower = Follower(self.group, self.sink, self.clock, self.told.append)

    def follow(self) -> list[Record]:
        """Everything that is there now."""
        before = len(self.sink.records)
        self.follower.run(threading.Event(), once=True)
        return self.sink.records[before:]


@pytest.fixture
def recording(tmp_path: Path, redis_url: str) -> Iterator[Recording]:
    made = Recording(tmp_path, redis_url)
    yield made
    made.close()


def test_a_follower_has_the_records_of_the_journal(recording: Recording) -> None:
    other = Other(recording.url)
    recording.record(*payloads(1000), flags=3 << 16 | 1)
    recording.record(*payloads(10), at_ns=NINE + HOUR_NS)
    recording.publish()
    assert other.follow() == recording.recorded()
    recording.record(b"more", at_ns=NINE + 2 * HOUR_NS)
    recording.publish()
    assert other.follow() == recording.recorded()[-1:]
    assert (other.told, other.follower.gaps, other.follower.records) == ([], [], 1011)


def test_who_comes_again_goes_on_with_what_was_not_acknowledged(recording: Recording) -> None:
    recording.record(*payloads(300))
    recording.publish()
    first = Other(recording.url)
    first.follower.step(0)
    assert (len(first.sink.records), first.sink.kept) == (128, 0)
    again = Other(recording.url)
    assert again.follow() == recording.recorded()
    assert again.told == []
    assert Other(recording.url).follow() == []


def test_nothing_is_acknowledged_before_it_is_kept(recording: Recording) -> None:
    recording.record(*payloads(5))
    recording.publish()
    other = Other(recording.url)
    other.sink.broken = StoreError("the disk is full", permanent=False)
    with pytest.raises(StoreError, match="the disk is full"):
        other.follow()
    assert recording.redis.xpending(STREAM, "desk")["pending"] == 5
    other.sink.broken = None
    other.follower.step(0)
    assert recording.redis.xpending(STREAM, "desk")["pending"] == 0


def test_two_of_a_group_share_the_records_without_a_false_alarm(recording: Recording) -> None:
    recording.record(*payloads(1000))
    recording.publish()
    one, two = Other(recording.url, "one"), Other(recording.url, "two")
    for _ in range(5):
        one.follower.step(0)
        two.follower.step(0)
    both = sorted([*one.sink.records, *two.sink.records], key=lambda record: record.position)
    assert both == recording.recorded()
    assert min(len(one.sink.records), len(two.sink.records)) > 300
    assert one.told + two.told == []


def test_what_was_trimmed_before_it_was_read_is_a_gap(recording: Recording) -> None:
    recording.record(*payloads(100))
    recording.publish()
    other = Other(recording.url)
    other.follow()
    recording.record(*payloads(100), at_ns=NINE + 1000 * MS)
    recording.publish()
    trim(recording, ordinal=150)
    assert other.follow() == recording.recorded()[150:]
    assert other.told == ["gap before 20250902_0900/150: 50 records behind 20250902_0900/99, no longer in the stream"]


def test_a_loss_while_nobody_followed_is_told_to_the_next(recording: Recording) -> None:
    recording.record(*payloads(10))
    recording.publish()
    Other(recording.url).follow()
    recording.record(*payloads(10), at_ns=NINE + 1000 * MS)
    recording.publish()
    trim(recording, ordinal=15)
    again = Other(recording.url)
    again.follow()
    assert [gap.records for gap in again.follower.gaps] == [5]


def test_a_loss_at_the_end_of_an_hour_is_told(recording: Recording) -> None:
    recording.record(*payloads(10))
    recording.publish()
    other = Other(recording.url)
    other.follow()
    recording.record(*payloads(10), at_ns=NINE + 1000 * MS)
    recording.record(*payloads(10), at_ns=NINE + HOUR_NS)
    recording.publish()
    recording.redis.xtrim(STREAM, minid=str((NINE + HOUR_NS) // MS), approximate=False)
    assert other.follow() == recording.recorded()[20:]
    assert other.told == ["gap before 20250902_1000/0: 10 records behind 20250902_0900/9, no longer in the stream"]


def test_entries_trimmed_while_they_were_handed_over_are_a_gap(recording: Recording) -> None:
    recording.record(*payloads(20))
    recording.publish()
    Other(recording.url).follower.step(0)
    trim(recording, ordinal=12)
    again = Other(recording.url)
    assert again.follow() == recording.recorded()[12:]
    assert [(gap.records, str(gap.until)) for gap in again.follower.gaps] == [(12, "20250902_0900/11")]
    assert recording.redis.xpending(STREAM, "desk")["pending"] == 0


def test_a_lost_entry_in_a_shared_group_is_told(recording: Recording) -> None:
    recording.record(*payloads(10))
    recording.publish()
    one, two = Other(recording.url, "one"), Other(recording.url, "two")
    one.follow()
    two.follow()
    recording.record(*payloads(10), at_ns=NINE + 1000 * MS)
    recording.publish()
    trim(recording, ordinal=15)
    one.follow()
    assert [gap.records for gap in one.follower.gaps] == [5]


def test_a_line_that_breaks_after_entries_were_handed_over_costs_none(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.record(*payloads(10))
    recording.publish()
    other = Other(recording.url)
    other.follow()
    recording.record(*payloads(10), at_ns=NINE + 1000 * MS)
    recording.publish()
    trim(recording, ordinal=12)

    def broken() -> bool:
        raise StoreError("the line broke", permanent=False)

    with monkeypatch.context() as patched:
        patched.setattr(other.group, "shared", broken)
        with pytest.raises(StoreError, match="the line broke"):
            other.follower.step(0)
    assert other.follow() == recording.recorded()[12:]
    assert [gap.records for gap in other.follower.gaps] == [2]


def test_a_redis_that_lost_everything_is_followed_on_without_a_gap(
    recording: Recording, redis_server: RedisServer
) -> None:
    recording.record(*payloads(10))
    recording.publish()
    other = Other(recording.url)
    assert len(other.follow()) == 10
    with redis_server.stopped(), pytest.raises(StoreError, match="cannot be reached"):
        other.follow()
    recording.record(*payloads(10), at_ns=NINE + 1000 * MS)
    recording.publish()
    assert other.follow() == recording.recorded()[10:]
    assert other.follower.gaps == []


def test_a_follower_may_be_there_first_and_wait(recording: Recording) -> None:
    other = Other(recording.url)
    stop = threading.Event()
    thread = threading.Thread(target=other.follower.run, args=(stop,))
    thread.start()
    wait_until(lambda: bool(other.told), "a word, for its name may be misspelt")
    recording.record(*payloads(10))
    recording.publish()
    wait_until(lambda: len(other.sink.records) == 10, "the last record")
    stop.set()
    thread.join(10)
    assert other.sink.kept == 10
    assert other.sink.records == recording.recorded()
    assert recording.redis.xpending(STREAM, "desk")["pending"] == 0
    assert other.told == ["nothing has been published to this stream yet"]


def test_entries_of_others_are_passed_over_with_one_word(recording: Recording) -> None:
    recording.redis.xadd(STREAM, {"data": b"theirs"}, id="5-1")
    recording.redis.xadd(STREAM, {"data": b"theirs"}, id="5-2")
    other = Other(recording.url)
    assert other.follow() == []
    assert other.follower.foreign == 2
    assert len(other.told) == 1
    assert "5-1 is no record of ours" in other.told[0]


def test_the_tick_store_is_that_of_the_journal(recording: Recording, tmp_path: Path) -> None:
    chance = random.Random(3)
    for hour in range(2):
        recording.record(*messages(300, chance), at_ns=NINE + hour * HOUR_NS)
    recording.publish()
    with ParquetTickStore(tmp_path / "ticks", recording.clock, universe=tmp_path / "universe") as store:
        sink = StoreSink(store, decode_message, DayNames({}))
        group = open_group(recording.url, STREAM, group="desk", consumer="host")
        Follower(group, sink, recording.clock, print).run(threading.Event(), once=True)
        assert kept_rows(store) == expected_rows(recording.journal)


def test_a_universe_file_names_the_ticks(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"instruments": {"INFY": {"token": 408065}}}')
    assert list(names_of(path).symbols) == ["INFY"]


def muhurat(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "muhurat", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_command_prints_what_journal_decode_prints(recording: Recording, tmp_path: Path) -> None:
    chance = random.Random(4)
    for hour in range(2):
        recording.record(*messages(40, chance), at_ns=NINE + hour * HOUR_NS)
    recording.publish()
    universe = tmp_path / "universe.json"
    universe.write_text('{"instruments": {"INFY": {"token": 5}, "TCS": {"token": 7}}}')
    decoded = muhurat(tmp_path, "journal", "decode", "raw_ticks", "--json", "--universe", str(universe))
    asked = ("capture", "follow", "--redis", recording.url, "--feed", FEED, "--once")
    followed = muhurat(tmp_path, *asked, "--json", "--universe", str(universe))
    assert lines(decoded.stdout) == lines(followed.stdout)
    assert len(lines(followed.stdout)) > 200
    assert followed.stderr == "80 records, 0 gaps, 0 entries of others\n"

    again = muhurat(tmp_path, *asked, "--group", "second", "--store", "parquet:///./copy")
    assert (again.returncode, again.stderr) == (0, "80 records, 0 gaps, 0 entries of others\n")
    with ParquetTickStore(tmp_path / "copy", recording.clock, universe=tmp_path / "u") as store:
        assert kept_rows(store) == expected_rows(recording.journal)

    twice = muhurat(tmp_path, *asked, "--stream", "x")
    assert (twice.returncode, "give one of them" in twice.stderr) == (2, True)


def delivered(recording: Recording) -> int:
    """How many entries the group was ever handed."""
    return int(recording.redis.xinfo_groups(STREAM)[0]["entries-read"] or 0)


@pytest.mark.slow
def test_killed_while_it_keeps_ticks_it_neither_loses_nor_doubles_one(recording: Recording, tmp_path: Path) -> None:
    chance, moments = random.Random(8), random.Random(9)
    asked = ("capture", "follow", "--redis", recording.url, "--feed", FEED, "--store", "parquet:///./copy")
    handed_over = 0
    recording.redis.xgroup_create(STREAM, "muhurat", "0", mkstream=True)
    for number in range(2):
        recording.record(*messages(2000, chance), at_ns=NINE + number * 10_000 * MS)
        recording.publish()
        process = subprocess.Popen([sys.executable, "-m", "muhurat", *asked], cwd=tmp_path)
        wait_until(lambda: delivered(recording) > handed_over, "the first entries")  # noqa: B023
        time.sleep(moments.random() * 0.2)
        process.kill()
        process.wait()
        handed_over = delivered(recording)
    last = muhurat(tmp_path, *asked, "--once")
    assert (last.returncode, "0 gaps" in last.stderr) == (0, True)
    with ParquetTickStore(tmp_path / "copy", recording.clock, universe=tmp_path / "u") as store:
        assert kept_rows(store) == expected_rows(recording.journal)
    assert recording.redis.xpending(STREAM, "muhurat")["pending"] == 0


def trim(recording: Recording, *, ordinal: int) -> None:
    """Take away what is older than a record of nine o'clock."""
    first = next(r.position for r in recording.recorded() if r.position.ordinal == ordinal)
    ms, number = id_of(first)
    recording.redis.xtrim(STREAM, minid=f"{ms}-{number}", approximate=False)
