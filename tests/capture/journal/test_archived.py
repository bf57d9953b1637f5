"""An hour reads the same from its `.bin.zst` as from its `.bin`: every record, at its position, damage included."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muhurat.capture.archive.compress import compress_hour
from muhurat.capture.feed_recorder import packets_by_header
from muhurat.capture.journal import (
    ControlRecord,
    HourPaths,
    JournalReader,
    Position,
    Record,
    feeds_of,
    hours_of,
    journal_files,
    read_file,
    verify_hour,
)
from muhurat.capture.journal import seekable as module
from muhurat.capture.journal.data import write_part
from muhurat.capture.journal.files import Files
from muhurat.capture.journal.hour_reader import Entry
from muhurat.capture.journal.info import hour_info
from muhurat.capture.journal.offline import read_between, read_entries
from muhurat.capture.recorded_today import recorded_on
from muhurat.errors import JournalError
from tests.capture.support import FEED, HOUR_NS, MS, NINE, message, open_writer, payloads_in

NINE_O_CLOCK = "20250902_0900"


class Unsynced(Files):
    """For many small files: nothing is brought to the disk itself."""

    def sync(self, fd: int) -> None:
        pass

    def replace(self, part: Path, target: Path) -> None:
        part.replace(target)


def archive_all(directory: Path) -> None:
    """Compress every hour and take its raw file away."""
    for paths in journal_files(directory):
        compress_hour(paths, Unsynced())
        paths.bin.unlink()


def read_all(directory: Path, **options: bool) -> tuple[list[Entry], list[tuple[str, int, int]]]:
    with JournalReader(directory, FEED, **options) as reader:
        found = [entry for batch in iter(reader.read, []) for entry in batch]
        return found, reader.damaged


def made(directory: Path) -> HourPaths:
    with open_writer(directory) as writer:
        writer.append([message("one"), message(b"2" * 3_000_000, 1), message("three", 60_000)])
        writer.control({"event": "connected"}, NINE + 60_001 * MS)
        writer.append([message("four", 120_000), (b"ten", NINE + HOUR_NS, 0)])
    return HourPaths(directory, FEED, NINE_O_CLOCK)


PAYLOADS = st.lists(st.binary(max_size=50) | st.integers(0, 400).map(bytes), max_size=12)
ENDS = st.binary(max_size=30)


@settings(deadline=None, max_examples=60)
@given(payloads=PAYLOADS, frame=st.integers(20, 300), end=ENDS, spoilt=st.integers(0, 3000), index=st.booleans())
def test_whatever_a_file_holds_its_archive_reads_the_same(
    payloads: list[bytes],
    frame: int,
    end: bytes,
    spoilt: int,
    index: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Torn and control records, damage, and files without an index included; frames cut anywhere."""
    raw = tmp_path_factory.mktemp("raw")
    with open_writer(raw) as writer:
        for number, payload in enumerate(payloads):
            writer.append([message(payload, number)])
            if number % 3 == 0:
                writer.control({"event": "note", "number": number}, NINE + number * MS)
    paths = HourPaths(raw, FEED, NINE_O_CLOCK)
    content = bytearray(paths.bin.read_bytes() if paths.bin.exists() else b"")
    if spoilt < len(content):
        content[spoilt] ^= 0xA5
    paths.bin.write_bytes(content + end)
    if not index:
        paths.idx.unlink(missing_ok=True)
    packed = raw.with_name(f"{raw.name}-packed")
    shutil.copytree(raw, packed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("muhurat.capture.journal.data.FRAME_BYTES", frame)
        archive_all(packed)

    for with_control in (False, True):
        assert read_all(packed, with_control=with_control) == read_all(raw, with_control=with_control)
    archived = HourPaths(packed, FEED, NINE_O_CLOCK)
    assert list(read_entries(archived)) == list(read_entries(paths))
    proved, proved_raw = verify_hour(archived), verify_hour(paths)
    assert proved.file == "desk_20250902_0900.bin.zst"
    proved.file = proved_raw.file
    assert proved == proved_raw
    assert hour_info(archived) | {"archived": False} == hour_info(paths)


def test_a_position_holds_in_both(tmp_path: Path) -> None:
    paths = made(tmp_path)
    archive_all(tmp_path)
    assert hours_of(tmp_path, FEED) == [NINE_O_CLOCK, "20250902_1000"]
    assert feeds_of(tmp_path) == [FEED]
    for ordinal, expected in ((0, b"one"), (2, b"three"), (3, b"four"), (4, b"ten")):
        with JournalReader(tmp_path, FEED, Position(paths.hour, ordinal)) as reader:
            assert reader.read_records(1)[0].payload == expected


def test_an_hour_that_is_there_twice_counts_once_and_its_raw_file_is_read(tmp_path: Path) -> None:
    paths = made(tmp_path)
    compress_hour(paths)
    assert hours_of(tmp_path, FEED) == [NINE_O_CLOCK, "20250902_1000"]
    assert len(payloads_in(tmp_path)) == 5
    paths.zst.write_bytes(b"spoilt")
    assert len(payloads_in(tmp_path)) == 5
    assert verify_hour(paths).sound


def test_an_archive_that_is_named_is_read_itself(tmp_path: Path) -> None:
    paths = made(tmp_path)
    compress_hour(paths)
    (named,) = journal_files(paths.zst)
    assert verify_hour(named).file == paths.zst.name
    paths.bin.write_bytes(b"")
    assert len(list(read_file(paths.zst))) == 4


def test_the_name_of_a_raw_file_that_is_gone_means_its_archive(tmp_path: Path) -> None:
    paths = made(tmp_path)
    compress_hour(paths)
    paths.bin.unlink()
    assert len(list(read_file(paths.bin))) == 4
    assert len(journal_files(paths.bin)) == 1


def test_an_archive_with_a_name_of_its_own_stands_alone(tmp_path: Path) -> None:
    raw = tmp_path / "anything.bin"
    raw.write_bytes(b"".join(struct.pack("<QI", NINE // MS + n, 3) + b"abc" for n in range(5)))
    compress_hour(journal_files(raw)[0])
    alone = (tmp_path / "anything.bin.zst").rename(tmp_path / "other.bin.zst")
    assert [record.payload for record in read_file(alone)] == [b"abc"] * 5


def test_a_reader_that_stood_still_while_its_hours_were_archived_goes_on_where_it_was(tmp_path: Path) -> None:
    made(tmp_path)
    with JournalReader(tmp_path, FEED, name="decode") as reader:
        assert [record.payload for record in reader.read_records(1)] == [b"one"]
        reader.save()
    archive_all(tmp_path)
    with JournalReader(tmp_path, FEED, name="decode") as reader:
        rest = [record for batch in iter(reader.read_records, []) for record in batch]
    assert [str(record.position) for record in rest] == [*(f"{NINE_O_CLOCK}/{n}" for n in (1, 2, 3)), "20250902_1000/0"]


def test_a_reader_in_the_middle_of_a_raw_file_does_not_notice_that_it_was_removed(tmp_path: Path) -> None:
    made(tmp_path)
    with JournalReader(tmp_path, FEED) as reader:
        assert len(reader.read_records(2)) == 2
        archive_all(tmp_path)
        rest = [record.payload for batch in iter(reader.read_records, []) for record in batch]
    assert rest == [b"three", b"four", b"ten"]


def test_a_minute_is_read_without_what_lies_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = made(tmp_path)
    archive_all(tmp_path)
    read: list[int] = []
    decompressed = module.SeekableBytes._decompressed

    def watched(self: module.SeekableBytes, number: int) -> bytes:
        read.append(number)
        return decompressed(self, number)

    monkeypatch.setattr(module.SeekableBytes, "_decompressed", watched)
    found = list(read_between(paths, NINE + 60_000 * MS, NINE + 120_000 * MS))
    assert [type(entry) for entry in found] == [Record, ControlRecord]
    assert set(read) == {0, 2}, "the first frame tells the byte order, the last has the minute"


def test_damage_in_an_archive_costs_the_records_of_its_frame_and_is_reported(tmp_path: Path) -> None:
    paths = made(tmp_path)
    archive_all(tmp_path)
    spoilt = bytearray(paths.zst.read_bytes())
    spoilt[30] ^= 0xFF
    paths.zst.write_bytes(spoilt)
    found, damaged = read_all(tmp_path)
    assert [entry.payload for entry in found if isinstance(entry, Record)] == [b"three", b"four", b"ten"]
    assert [span[0] for span in damaged] == [NINE_O_CLOCK] * 2
    assert verify_hour(paths).damaged == [(0, 12 + 3 + 12 + 3_000_000)]


def test_a_writer_leaves_archived_hours_as_they_are(tmp_path: Path) -> None:
    paths = made(tmp_path)
    compress_hour(paths)
    compress_hour(HourPaths(tmp_path, FEED, "20250902_1000"))
    HourPaths(tmp_path, FEED, "20250902_1000").bin.unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.glob("desk_*")}
    with open_writer(tmp_path, NINE + 3 * HOUR_NS) as writer:
        assert writer.recovery is None
        writer.append([(b"noon", NINE + 3 * HOUR_NS, 0)])
    after = {path.name: path.read_bytes() for path in tmp_path.glob("desk_*")}
    assert before.items() <= after.items()
    assert payloads_in(tmp_path)[-2:] == [b"ten", b"noon"]


def test_a_message_of_an_archived_hour_brings_the_hour_back(tmp_path: Path) -> None:
    """The clock went back, or the desk was started again within the hour; a reader meanwhile misses nothing."""
    made(tmp_path)
    archive_all(tmp_path)
    ten = HourPaths(tmp_path, FEED, "20250902_1000")
    with JournalReader(tmp_path, FEED, Position(ten.hour)) as reader:
        assert [record.payload for record in reader.read_records()] == [b"ten"]
        with open_writer(tmp_path, NINE) as writer:
            writer.append([(b"later", NINE + 60 * MS, 0)])
            assert writer.doubtful == 1
            assert [record.payload for record in reader.read_records()] == [b"later"]
    assert (ten.bin.exists(), ten.zst.exists()) == (True, False)
    assert [record.payload for record in read_file(ten.bin)] == [b"ten", b"later"]
    assert verify_hour(ten).sound


def test_an_archive_beside_its_raw_file_goes_when_the_hour_is_written_again(tmp_path: Path) -> None:
    made(tmp_path)
    ten = HourPaths(tmp_path, FEED, "20250902_1000")
    compress_hour(ten)
    with open_writer(tmp_path, NINE + HOUR_NS) as writer:
        writer.append([(b"later", NINE + HOUR_NS + MS, 0)])
    assert not ten.zst.exists()
    assert payloads_in(tmp_path)[-2:] == [b"ten", b"later"]


def test_a_day_counts_the_same_from_its_archives(tmp_path: Path) -> None:
    made(tmp_path)
    before = recorded_on("20250902", tmp_path, FEED, packets_by_header)
    archive_all(tmp_path)
    assert before.messages == 5
    assert recorded_on("20250902", tmp_path, FEED, packets_by_header) == before


def test_a_damaged_archive_is_not_written_on(tmp_path: Path) -> None:
    made(tmp_path)
    archive_all(tmp_path)
    ten = HourPaths(tmp_path, FEED, "20250902_1000")
    spoilt = bytearray(ten.zst.read_bytes())
    spoilt[10] ^= 0xFF
    ten.zst.write_bytes(spoilt)
    with open_writer(tmp_path, NINE) as writer, pytest.raises(JournalError, match=r"1000\.bin\.zst is damaged"):
        writer.append([(b"later", NINE, 0)])
    assert ten.zst.read_bytes() == spoilt


def test_a_part_is_no_hour(tmp_path: Path) -> None:
    write_part(tmp_path / "desk_20250902_0900.bin.zst.part", iter([b"x"]), Files())
    assert hours_of(tmp_path, FEED) == []
    assert feeds_of(tmp_path / "nothing") == []
