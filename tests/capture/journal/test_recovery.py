from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muhurat.capture.journal import RECOVERED, ControlRecord, HourPaths, JournalReader, verify_hour
from tests.capture.support import FEED, MS, NINE, abandon, message, open_writer, payloads_in, records_in

PATHS = ("bin", "ctl", "idx")
TEXTS = [b"one", b"", b"three" * 20, b"\x00\x00\x01\x98" * 5, b"five"]


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """A journal whose writer died after five records and two control lines."""
    directory = tmp_path / "crashed"
    writer = open_writer(directory)
    writer.control({"event": "connected"}, NINE)
    for number, text in enumerate(TEXTS):
        writer.append([message(text, number + 1.25)])
        if number == 2:
            writer.control({"event": "gap", "reason": "drop"}, NINE + 4 * MS - 1)
    abandon(writer)
    return directory


def damaged_copies(crashed: Path, suffix: str, folder: Path) -> Iterator[tuple[int, Path]]:
    """The journal with one of its files cut off at every byte."""
    name = f"desk_20250902_0900.{suffix}"
    whole = (crashed / name).read_bytes()
    for size in range(len(whole)):
        copy = folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(crashed, copy)
        (copy / name).write_bytes(whole[:size])
        yield size, copy


def repaired(directory: Path) -> None:
    open_writer(directory).close()
    found = verify_hour(HourPaths(directory, FEED, "20250902_0900"))
    assert found.sound
    assert found.unindexed == 0


def test_a_bin_cut_at_any_byte_keeps_every_complete_record(crashed: Path, tmp_path: Path) -> None:
    ends = [sum(12 + len(text) for text in TEXTS[: n + 1]) for n in range(len(TEXTS))]
    for size, copy in damaged_copies(crashed, "bin", tmp_path):
        repaired(copy)
        assert payloads_in(copy) == TEXTS[: sum(end <= size for end in ends)]
        assert all(not record.flags & RECOVERED for record in records_in(copy))


def test_an_index_cut_at_any_byte_loses_no_record_only_the_precision_of_times(crashed: Path, tmp_path: Path) -> None:
    for size, copy in damaged_copies(crashed, "idx", tmp_path):
        repaired(copy)
        records = records_in(copy)
        assert [record.payload for record in records] == TEXTS
        for number, record in enumerate(records):
            exact = NINE + (number + 1) * MS + MS // 4
            assert record.ts_recv_ns == (exact // MS * MS if record.flags & RECOVERED else exact)
        rows_left = size // 32
        data_rows = rows_left - (rows_left > 0) - (rows_left > 4)
        assert [bool(record.flags & RECOVERED) for record in records] == [n >= data_rows for n in range(len(TEXTS))]


def test_control_lines_cut_at_any_byte_lose_no_record_and_no_time(crashed: Path, tmp_path: Path) -> None:
    for _, copy in damaged_copies(crashed, "ctl", tmp_path):
        repaired(copy)
        records = records_in(copy)
        assert [record.payload for record in records] == TEXTS
        assert not any(record.flags & RECOVERED for record in records)


def test_control_entries_come_back_in_their_place_when_the_index_is_lost(crashed: Path) -> None:
    (crashed / "desk_20250902_0900.idx").write_bytes(b"")

    open_writer(crashed).close()

    with JournalReader(crashed, FEED, with_control=True) as reader:
        entries = reader.read()
    told = [e.entry["event"] if isinstance(e, ControlRecord) else e.payload for e in entries]
    assert told == ["connected", *TEXTS[:3], "gap", *TEXTS[3:], "recovered", "closed"]


def test_a_torn_tail_is_kept_aside_and_reported(crashed: Path) -> None:
    path = crashed / "desk_20250902_0900.bin"
    torn = struct.pack(">QI", NINE // MS + 9, 500) + b"half of it"
    path.write_bytes(path.read_bytes() + torn)

    writer = open_writer(crashed)
    recovery = writer.recovery
    writer.close()

    assert (crashed / "desk_20250902_0900.bin.torn-1").read_bytes() == torn
    assert recovery
    assert (recovery.repaired, recovery.torn_bytes, recovery.recovered_records) == (True, len(torn), 0)
    lines = [json.loads(line) for line in (crashed / "desk_20250902_0900.ctl").read_bytes().splitlines()]
    told = next(line for line in lines if line["event"] == "recovered")
    assert (told["torn_bytes"], told["torn_files"]) == (len(torn), ["desk_20250902_0900.bin.torn-1"])


def test_a_second_torn_tail_does_not_replace_the_first(crashed: Path) -> None:
    path = crashed / "desk_20250902_0900.bin"
    for torn in (b"first", b"second"):
        path.write_bytes(path.read_bytes() + torn)
        open_writer(crashed).close()

    assert (crashed / "desk_20250902_0900.bin.torn-1").read_bytes() == b"first"
    assert (crashed / "desk_20250902_0900.bin.torn-2").read_bytes() == b"second"


def test_zeros_that_a_power_cut_left_at_the_end_are_no_records(crashed: Path) -> None:
    path = crashed / "desk_20250902_0900.bin"
    whole = path.read_bytes()
    path.write_bytes(whole[:-16] + bytes(16))

    repaired(crashed)

    assert payloads_in(crashed) == TEXTS[:-1]


def test_damage_before_unindexed_records_is_passed_over_not_cut(crashed: Path) -> None:
    path = crashed / "desk_20250902_0900.bin"
    size = path.stat().st_size
    later = struct.pack(">QI", NINE // MS + 50, 5) + b"later"
    path.write_bytes(path.read_bytes() + b"\xff" * 33 + later + later)

    writer = open_writer(crashed)
    assert writer.recovery
    assert writer.recovery.damaged == ((size, size + 33),)
    writer.close()

    assert payloads_in(crashed) == [*TEXTS, b"later", b"later"]
    assert verify_hour(HourPaths(crashed, FEED, "20250902_0900")).damaged == [(size, size + 33)]


def test_repairing_what_is_whole_changes_nothing(crashed: Path) -> None:
    open_writer(crashed).close()
    before = {path.name: path.read_bytes() for path in crashed.glob("desk_2*")}

    writer = open_writer(crashed)

    assert writer.recovery
    assert not writer.recovery.repaired
    assert {path.name: path.read_bytes() for path in crashed.glob("desk_2*")} == before
    abandon(writer)


@given(cuts=st.fixed_dictionaries({suffix: st.floats(0, 1) for suffix in PATHS}))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_combination_of_cuts_leaves_a_beginning_of_complete_records(
    cuts: dict[str, float], crashed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = tmp_path_factory.mktemp("cut") / "copy"
    shutil.copytree(crashed, copy)
    for suffix, share in cuts.items():
        path = copy / f"desk_20250902_0900.{suffix}"
        path.write_bytes(path.read_bytes()[: round(share * path.stat().st_size)])
    size = (copy / "desk_20250902_0900.bin").stat().st_size
    complete = sum(sum(12 + len(text) for text in TEXTS[: n + 1]) <= size for n in range(len(TEXTS)))

    repaired(copy)

    assert payloads_in(copy) == TEXTS[:complete]


def test_a_reader_that_follows_stays_in_place_when_the_index_is_repaired_under_it(crashed: Path) -> None:
    control = crashed / "desk_20250902_0900.ctl"
    with JournalReader(crashed, FEED) as reader:
        assert [record.payload for record in reader.read_records()] == TEXTS
        control.write_bytes(b"")  # the row of every control line now points beyond its file

        with open_writer(crashed) as writer:
            writer.append([message("six", 10), message("seven", 11)])

        assert [record.payload for record in reader.read_records()] == [b"six", b"seven"]
        assert reader.position.ordinal == 7
