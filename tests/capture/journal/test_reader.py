from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from muhurat.capture.journal import (
    ControlRecord,
    JournalReader,
    JournalWriter,
    Position,
    Record,
    saved_position,
    saved_positions,
)
from muhurat.clock import SystemClock
from muhurat.errors import JournalError
from tests.capture.support import FEED, HOUR_NS, NINE, abandon, message, open_writer, payloads_in


def texts(entries: list[Record] | list[Record | ControlRecord]) -> list[str]:
    return [entry.payload.decode() for entry in entries if isinstance(entry, Record)]


def test_a_reader_follows_what_is_being_written_over_the_hour(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path, FEED)
    assert reader.read() == []

    with open_writer(tmp_path) as writer:
        writer.append([message("one")])
        assert texts(reader.read()) == ["one"]
        assert reader.read() == []
        writer.append([message("two"), (b"ten", NINE + HOUR_NS, 0)])
        assert texts(reader.read()) == ["two"]
        assert texts(reader.read()) == ["ten"]
        writer.append([(b"thirteen", NINE + 4 * HOUR_NS, 0)])
        assert texts(reader.read()) == ["thirteen"]

    assert str(reader.position) == "20250902_1300/1"


def test_reading_goes_on_exactly_where_a_position_says(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        for number in range(10):
            writer.append([message(f"{number}", number)])
            writer.control({"event": f"after {number}"})

    for start in range(10):
        with JournalReader(tmp_path, FEED, Position("20250902_0900", start)) as reader:
            assert texts(reader.read()) == [f"{n}" for n in range(start, 10)]
        with JournalReader(tmp_path, FEED, Position("20250902_0900", start), with_control=True) as reader:
            first = reader.read()[0]
            assert isinstance(first, ControlRecord) == (start > 0)
            assert first.position.ordinal == start


def test_read_gives_no_more_than_asked_for(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([message(f"{n}", n) for n in range(10)])

    with JournalReader(tmp_path, FEED) as reader:
        assert texts(reader.read(3)) == ["0", "1", "2"]
        assert reader.position == Position("20250902_0900", 3)


def test_large_records_come_in_portions_and_none_is_missed(tmp_path: Path) -> None:
    payloads = [bytes([n]) * 3_000_000 for n in range(9)] + [b"x" * 20_000_000, b"small"]
    with open_writer(tmp_path) as writer:
        writer.append([message(payload, n) for n, payload in enumerate(payloads)])

    assert payloads_in(tmp_path) == payloads


def test_a_start_before_the_first_hour_begins_with_it(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([message("one")])

    with JournalReader(tmp_path, FEED, Position("20250901_0000")) as reader:
        assert texts(reader.read()) == ["one"]


def test_a_start_in_an_hour_that_is_gone_is_an_error_not_a_silent_leap(tmp_path: Path) -> None:
    with open_writer(tmp_path, NINE + HOUR_NS) as writer:
        writer.append([(b"ten", NINE + HOUR_NS, 0)])

    with (
        JournalReader(tmp_path, FEED, Position("20250902_0900", 5)) as reader,
        pytest.raises(JournalError, match="20250902_0900/5 of desk is gone"),
    ):
        reader.read()


def test_a_named_reader_goes_on_where_it_saved_its_place(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([message("one"), message("two"), message("three")])

    with JournalReader(tmp_path, FEED, name="decode") as reader:
        reader.read(2)
        reader.save()
        reader.read()
    with JournalReader(tmp_path, FEED, name="decode") as reader:
        assert texts(reader.read()) == ["three"]

    assert saved_position(tmp_path, "decode") == Position("20250902_0900", 2)
    assert saved_positions(tmp_path) == {"decode": Position("20250902_0900", 2)}
    assert saved_position(tmp_path, "nobody") is None


def test_a_reader_without_a_name_has_nowhere_to_save(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="without a name"):
        JournalReader(tmp_path, FEED).save()


def test_a_name_that_is_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot name a reader"):
        JournalReader(tmp_path, FEED, name="../x")


def test_the_writer_wakes_a_waiting_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muhurat.capture.journal.reader.POLL_S", 30.0)
    with JournalReader(tmp_path, FEED, name="waiting") as reader:
        writer = JournalWriter(tmp_path, FEED, SystemClock())
        writer.append([message("one")])
        assert reader.wait(1)
        reader.read()

        later = threading.Timer(0.05, writer.append, [[message("two")]])
        later.start()
        assert reader.wait(20)
        assert texts(reader.read()) == ["two"]
        later.join()
        writer.close()


def test_a_reader_without_a_bell_finds_records_by_polling(tmp_path: Path) -> None:
    with JournalReader(tmp_path, FEED) as reader, open_writer(tmp_path) as writer:
        assert not reader.wait(0)
        writer.append([message("one")])
        assert reader.wait(5)


def test_a_dead_reader_with_a_full_bell_never_stops_the_writer(tmp_path: Path) -> None:
    with JournalReader(tmp_path, FEED, name="asleep"):
        writer = open_writer(tmp_path)
        for number in range(2000):
            writer.append([message(f"{number}", number)])
    writer.append([message("after the reader has gone", 3000)])
    writer.close()

    assert len(payloads_in(tmp_path)) == 2001


def test_the_bell_works_in_a_folder_whose_name_is_too_long_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    with open_writer(deep) as writer, JournalReader(deep, FEED, name="n" * 64) as reader:
        writer.append([message("one")])
        assert reader.wait(1)


def test_nothing_is_read_twice_or_missed_while_a_writer_is_at_work(tmp_path: Path) -> None:
    wanted = [f"{n}" for n in range(3000)]

    def write() -> None:
        with open_writer(tmp_path) as writer:
            for first in range(0, len(wanted), 7):
                writer.append([message(text, (first + n) * 3000) for n, text in enumerate(wanted[first : first + 7])])

    writing = threading.Thread(target=write)
    seen: list[str] = []
    with JournalReader(tmp_path, FEED, name="busy") as reader:
        writing.start()
        deadline = time.monotonic() + 30
        while len(seen) < len(wanted) and time.monotonic() < deadline:
            reader.wait(0.05)
            seen += texts(reader.read(100))
        writing.join()

    assert seen == wanted


def test_damaged_bytes_are_passed_over_and_reported(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([message(text * 10, n) for n, text in enumerate("abc")])
    path = tmp_path / "desk_20250902_0900.bin"
    data = bytearray(path.read_bytes())
    data[22 + 15] ^= 0xFF  # in the second payload
    path.write_bytes(data)

    with JournalReader(tmp_path, FEED) as reader:
        assert [(r.position.ordinal, r.payload[:1]) for r in reader.read_records()] == [(0, b"a"), (2, b"c")]
        assert reader.damaged == [("20250902_0900", 22, 44)]


def test_records_a_dead_writer_did_not_index_are_read_once_a_newer_hour_exists(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.append([message("one"), message("two", 5)])
    abandon(writer)
    (tmp_path / "desk_20250902_0900.idx").write_bytes((tmp_path / "desk_20250902_0900.idx").read_bytes()[:32])
    (tmp_path / "desk_20250902_1000.bin").write_bytes(b"")

    assert payloads_in(tmp_path) == [b"one", b"two"]


def test_a_position_survives_being_written_down() -> None:
    position = Position("20250902_0900", 17)

    assert Position.parse(str(position)) == position
    assert Position("20250902_0900", 5) < position < Position("20250902_1000")
    with pytest.raises(JournalError, match="no journal position"):
        Position.parse("20250902/5")


def test_seq_holds_hour_ordinal_and_packet() -> None:
    seq = Position("20250902_0900", 17).seq(3)

    assert seq & 0xFFF == 3
    assert seq >> 12 & 0xFFFF_FFFF == 17
    assert seq >> 44 == NINE // HOUR_NS
    assert Position("20250902_1000").seq() > Position("20250902_0900", 2**32 - 1).seq(4095)
