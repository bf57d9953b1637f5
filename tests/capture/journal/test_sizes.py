"""How much of a journal is left, and how long its records are, without reading them."""

from __future__ import annotations

from pathlib import Path

from muhurat.capture.journal import JournalReader, Position
from muhurat.capture.journal.sizes import record_sizes
from tests.capture.support import FEED, HOUR_NS, MS, NINE, message, open_writer, records_in


def recorded(folder: Path) -> None:
    """Three hours with control lines between the records; the second one has lost its index."""
    with open_writer(folder) as writer:
        for hour in range(3):
            for size in range(5):
                writer.append([(b"x" * size, NINE + hour * HOUR_NS + size * MS, 0)])
                writer.control({"event": "note"}, NINE + hour * HOUR_NS + size * MS)
    (folder / f"{FEED}_20250902_1000.idx").unlink()


def test_every_record_has_its_place_and_length(tmp_path: Path) -> None:
    recorded(tmp_path)
    expected = [(record.position, len(record.payload)) for record in records_in(tmp_path)]
    assert list(record_sizes(tmp_path, FEED, Position("20250902_0900"))) == expected
    assert list(record_sizes(tmp_path, FEED, Position("20250902_0900", 3))) == expected[3:]
    assert list(record_sizes(tmp_path, FEED, Position("20250902_1000", 3))) == expected[8:]
    assert list(record_sizes(tmp_path, FEED, Position("20250903_1000"))) == []


def test_a_reader_knows_how_much_it_has_not_read(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer, JournalReader(tmp_path, FEED) as reader:
        assert reader.behind() == (0, 0)
        writer.append([message("one"), message("two"), message("three")])
        assert reader.behind() == (3, 47)
        reader.read_records(1)
        assert reader.behind() == (2, 32)
        writer.append([(b"ten", NINE + HOUR_NS, 0)])
        assert reader.behind() == (4, 47)  # with the line that closed the first hour
        while reader.read_records():
            pass
        assert reader.behind() == (0, 0)


def test_who_starts_in_the_middle_knows_it_after_the_first_read(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([message("one"), message("two"), message("three"), message("four")])
        with JournalReader(tmp_path, FEED, Position("20250902_0900", 2)) as reader:
            assert reader.behind() == (4, 63)
            reader.read_records(1)
            assert reader.behind() == (1, 16)
