from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muhurat.capture.journal import (
    CLOCK_DOUBT,
    CONTROL,
    ControlRecord,
    HourPaths,
    JournalReader,
    JournalWriter,
    Record,
    connection_flags,
    connection_of,
    hour_name,
    hour_start_ns,
    hours_of,
    verify_hour,
)
from muhurat.capture.journal.files import IOV_MAX
from muhurat.clock import ManualClock, SystemClock
from muhurat.errors import JournalError
from tests.capture.support import FEED, HOUR_NS, MS, NINE, abandon, message, open_writer, payloads_in, records_in

messages = st.tuples(st.binary(max_size=300), st.integers(NINE, NINE + 3 * HOUR_NS), st.sampled_from((0, 1, 1 << 16)))


@given(batches=st.lists(st.lists(messages, max_size=8), max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_batches_reads_back_byte_for_byte(
    batches: list[list[tuple[bytes, int, int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("journal")

    with open_writer(directory) as writer:
        for batch in batches:
            writer.append(batch)

    written = [entry for batch in batches for entry in batch]
    read = records_in(directory)
    assert [(r.payload, r.ts_recv_ns) for r in read] == [(payload, ts_ns) for payload, ts_ns, _ in written]
    assert [r.flags & ~CLOCK_DOUBT for r in read] == [flags for _, _, flags in written]
    assert [r.position for r in read] == sorted(r.position for r in read)


def test_a_record_is_its_time_in_milliseconds_its_length_and_its_payload(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([message(b"\x00\x01payload", 1234.567), message(b"", 2000)])

    first = struct.pack(">QI", NINE // MS + 1234, 9) + b"\x00\x01payload"
    second = struct.pack(">QI", NINE // MS + 2000, 0)
    assert (tmp_path / "desk_20250902_0900.bin").read_bytes() == first + second


def test_the_index_has_a_row_of_32_bytes_for_each_record_and_each_control_line(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([message("one", 0.5, connection_flags(3))])
        writer.control({"event": "connected"}, NINE + MS)
        writer.append([message("two", 2)])

    rows = list(struct.iter_unpack("<QQIIII", (tmp_path / "desk_20250902_0900.idx").read_bytes()))
    lines = (tmp_path / "desk_20250902_0900.ctl").read_bytes().splitlines(keepends=True)
    assert rows[0] == (0, NINE + 500_000, 0, zlib.crc32(b"one"), 3, connection_flags(3))
    assert rows[1] == (0, NINE + MS, 0, zlib.crc32(lines[0]), len(lines[0]), CONTROL)
    assert rows[2] == (15, NINE + 2 * MS, 0, zlib.crc32(b"two"), 3, 0)
    assert rows[3][0] == len(lines[0])
    assert len(rows) == 4
    assert connection_of(rows[0][5]) == 3


def test_the_hour_changes_exactly_with_the_time_of_reception(tmp_path: Path) -> None:
    last_of_nine = (b"nine", NINE + HOUR_NS - 1, 0)
    first_of_ten = (b"ten", NINE + HOUR_NS, 0)

    with open_writer(tmp_path) as writer:
        writer.append([last_of_nine, first_of_ten])

    assert [(str(r.position), r.payload) for r in records_in(tmp_path)] == [
        ("20250902_0900/0", b"nine"),
        ("20250902_1000/0", b"ten"),
    ]


def test_a_feed_that_never_sleeps_turns_its_file_over_on_the_hour_midnight_included(tmp_path: Path) -> None:
    edges = [NINE + number * HOUR_NS for number in range(1, 27)]
    around = [edge + step for edge in edges for step in (-MS, -1, 0, 1, MS)]

    with open_writer(tmp_path) as writer:
        for ts_ns in around:
            writer.append([(b"%d" % ts_ns, ts_ns, 0)])

    read = records_in(tmp_path)
    assert [record.payload for record in read] == [b"%d" % ts_ns for ts_ns in around]
    assert [record.position.hour for record in read] == [hour_name(ts_ns) for ts_ns in around]
    hours = hours_of(tmp_path, FEED)
    assert (hours[0], hours[15], hours[-1]) == ("20250902_0900", "20250903_0000", "20250903_1100")
    for hour in hours:
        first, *_, last = (record.ts_recv_ns for record in read if record.position.hour == hour)
        assert hour_start_ns(hour) <= first <= last < hour_start_ns(hour) + HOUR_NS
        assert verify_hour(HourPaths(tmp_path, FEED, hour)).closed


def test_a_clock_that_goes_back_over_the_hour_by_a_millisecond_leaves_the_record_in_the_newer_one(
    tmp_path: Path,
) -> None:
    edge = NINE + HOUR_NS

    with open_writer(tmp_path) as writer:
        writer.append([(b"before", edge - MS, 0), (b"after", edge, 0), (b"back", edge - MS, 0), (b"on", edge + MS, 0)])

    told = [(record.position.hour[-4:], record.payload, record.flags) for record in records_in(tmp_path)]
    assert told == [
        ("0900", b"before", 0),
        ("1000", b"after", 0),
        ("1000", b"back", CLOCK_DOUBT),
        ("1000", b"on", 0),
    ]


def test_a_finished_hour_ends_with_a_line_that_counts_it(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([message("a"), message("bc"), (b"next hour", NINE + HOUR_NS, 0)])

    closed = json.loads((tmp_path / "desk_20250902_0900.ctl").read_bytes().splitlines()[-1])
    assert (closed["event"], closed["bytes"], closed["records"]) == ("closed", 27, 2)


def test_a_clock_that_had_gone_back_is_doubted_by_the_next_writer_too(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([message("late", 5000), message("early", 1000)])
    with open_writer(tmp_path) as writer:
        writer.append([message("still early", 3000), message("in order", 5000)])

    assert [bool(r.flags & CLOCK_DOUBT) for r in records_in(tmp_path)] == [False, True, True, False]


def test_names_of_hours_never_go_back_when_the_clock_does(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([(b"ten", NINE + HOUR_NS, 0)])
        writer.append([(b"nine again", NINE + 5, 0), (b"still", NINE + 6, 0)])
        writer.append([(b"ten again", NINE + HOUR_NS + 1, 0)])
        doubtful = writer.doubtful

    read = records_in(tmp_path)
    assert hours_of(tmp_path, FEED) == ["20250902_1000"]
    assert [bool(r.flags & CLOCK_DOUBT) for r in read] == [False, True, True, False]
    assert [r.ts_recv_ns for r in read] == [NINE + HOUR_NS, NINE + 5, NINE + 6, NINE + HOUR_NS + 1]
    assert doubtful == 2


def test_a_writer_opened_with_a_clock_that_went_back_goes_on_in_the_newest_hour(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([(b"ten", NINE + HOUR_NS, 0)])

    with open_writer(tmp_path, NINE) as writer:
        writer.append([(b"nine", NINE, 0)])

    assert [str(r.position) for r in records_in(tmp_path)] == ["20250902_1000/0", "20250902_1000/1"]


def test_a_restart_in_the_same_hour_appends(tmp_path: Path) -> None:
    for text in ("one", "two", "three"):
        with open_writer(tmp_path) as writer:
            writer.append([message(text)])

    assert payloads_in(tmp_path) == [b"one", b"two", b"three"]
    assert hours_of(tmp_path, FEED) == ["20250902_0900"]


def test_a_restart_in_a_later_hour_closes_the_one_that_was_left_open(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.append([message("one")])
    abandon(writer)
    open_writer(tmp_path, NINE + 2 * HOUR_NS).close()

    assert b'"event":"closed"' in (tmp_path / "desk_20250902_0900.ctl").read_bytes()
    assert hours_of(tmp_path, FEED) == ["20250902_0900"]


def test_batches_beyond_what_one_system_call_takes_are_written_whole(tmp_path: Path) -> None:
    large = [message(bytes([n % 256]) * 5000, n) for n in range(IOV_MAX)]
    small = [message(f"{n}", n) for n in range(5 * IOV_MAX)]

    with open_writer(tmp_path) as writer:
        writer.append(large)
        writer.append(small)

    assert payloads_in(tmp_path) == [payload for payload, _, _ in large + small]


def test_a_second_writer_is_refused_and_told_who_holds_the_feed(tmp_path: Path) -> None:
    with (
        open_writer(tmp_path),
        pytest.raises(JournalError, match=f"desk is being written by process {os.getpid()}"),
    ):
        open_writer(tmp_path)

    open_writer(tmp_path).close()


HOLDER = """
import sys
from pathlib import Path
from muhurat.capture.journal import JournalWriter
from muhurat.clock import SystemClock

writer = JournalWriter(Path(sys.argv[1]), "desk", SystemClock())
print("held", flush=True)
input()
"""


def test_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLDER,
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(JournalError, match=str(holder.pid)):
        open_writer(tmp_path)

    holder.kill()
    holder.wait()

    open_writer(tmp_path).close()


FORKER = """
import os, sys
from pathlib import Path
from muhurat.capture.journal import JournalWriter
from muhurat.clock import SystemClock

writer = JournalWriter(Path(sys.argv[1]), "desk", SystemClock())
child = os.fork()
if child == 0:
    print(os.getpid(), flush=True)
    sys.stdin.read()
else:
    os.waitpid(child, 0)
"""


def test_the_lock_dies_with_its_holder_although_a_forked_child_lives_on(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", FORKER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout
    assert holder.stdin
    child = int(holder.stdout.readline())
    with pytest.raises(JournalError, match=str(holder.pid)):
        open_writer(tmp_path)

    holder.kill()
    holder.wait()

    os.kill(child, 0)  # it lives
    open_writer(tmp_path).close()
    holder.stdin.close()
    holder.stdout.close()


def test_writers_of_different_feeds_share_a_folder(tmp_path: Path) -> None:
    with (
        JournalWriter(tmp_path, "a", ManualClock(NINE)) as first,
        JournalWriter(tmp_path, "a_b", ManualClock(NINE)) as second,
    ):
        first.append([message("of a")])
        second.append([message("of a_b")])

    assert [r.payload for r in JournalReader(tmp_path, "a").read_records()] == [b"of a"]
    assert [r.payload for r in JournalReader(tmp_path, "a_b").read_records()] == [b"of a_b"]


def test_a_feed_name_that_is_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot name a feed"):
        JournalWriter(tmp_path, "../desk", ManualClock(NINE))


def test_control_entries_stand_between_the_records_where_they_happened(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.control({"event": "connected"}, NINE)
        writer.append([message("one", 1)])
        writer.control({"event": "gap", "reason": "दूर"}, NINE + 2 * MS)
        writer.append([message("two", 3)])

    with JournalReader(tmp_path, FEED, with_control=True) as reader:
        entries = reader.read()
    told = [e.payload if isinstance(e, Record) else e.entry["event"] for e in entries]
    assert told == ["connected", b"one", "gap", b"two", "closed"]
    gap = entries[2]
    assert isinstance(gap, ControlRecord)
    assert gap.entry == {
        "at": "2025-09-02T09:00:00.002+05:30",
        "ts_recv_ns": NINE + 2 * MS,
        "event": "gap",
        "reason": "दूर",
    }
    assert gap.position == entries[3].position


def test_a_message_too_long_for_the_journal_is_refused_by_name(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer, pytest.raises(JournalError, match="too long for the journal"):
        writer.append([message(b"\0" * (64 * 1024 * 1024 + 1))])


def test_a_closed_writer_takes_nothing_more(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.close()
    writer.close()

    with pytest.raises(JournalError, match="has been closed"):
        writer.append([message("late")])


def test_the_disk_is_synchronised_in_the_background_and_files_are_closed_there(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, FEED, SystemClock(), sync_interval_s=0.01)
    now_ns = SystemClock().now_ns()

    for hour in range(5):
        writer.append([(b"x", now_ns + hour * HOUR_NS, 0)])
        time.sleep(0.03)
    writer.close()

    assert writer.sync_error is None
    assert len(hours_of(tmp_path, FEED)) == 5
    open_files = [path.resolve() for path in Path("/proc/self/fd").iterdir()]
    assert not [path for path in open_files if path.is_relative_to(tmp_path)]
