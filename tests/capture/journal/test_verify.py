from __future__ import annotations

from pathlib import Path

import pytest

from muhurat.capture.journal import HourPaths, Verification, journal_files, summary, verify_hour
from muhurat.errors import JournalError
from tests.capture.support import FEED, HOUR_NS, MS, NINE, abandon, message, open_writer


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    with open_writer(tmp_path) as writer:
        writer.append([message(f"payload {n}", n) for n in range(5)])  # records of 21 bytes
        writer.control({"event": "gap", "from": "a", "to": "b", "reason": "drop"}, NINE + 5 * MS)
        writer.append([message(f"payload {n}", n) for n in range(5, 10)])
    return tmp_path


def verified(journal: Path) -> Verification:
    return verify_hour(HourPaths(journal, FEED, "20250902_0900"))


def change(journal: Path, at: int, suffix: str = "bin") -> None:
    path = journal / f"desk_20250902_0900.{suffix}"
    data = bytearray(path.read_bytes())
    data[at] ^= 0x5A
    path.write_bytes(data)


def test_a_whole_hour_is_sound(journal: Path) -> None:
    found = verified(journal)

    assert found.sound
    assert (found.records, found.bytes, found.torn_bytes, found.damaged) == (10, 210, 0, [])
    assert found.gaps == [{"from": "a", "to": "b", "reason": "drop"}]
    assert (found.first_ts_ns, found.last_ts_ns) == (NINE, NINE + 9 * MS)
    assert found.closed
    assert not found.live


@pytest.mark.parametrize("at", range(21))
def test_any_changed_byte_of_a_record_is_located(at: int, journal: Path) -> None:
    change(journal, 3 * 21 + at)

    found = verified(journal)

    assert not found.sound
    assert found.damaged == [(63, 84)]
    assert found.records == 9


def test_a_torn_tail_is_counted(journal: Path) -> None:
    path = journal / "desk_20250902_0900.bin"
    path.write_bytes(path.read_bytes() + b"torn")

    found = verified(journal)

    assert (found.torn_bytes, found.records, found.sound) == (4, 10, False)


def test_an_end_that_is_missing_is_damage(journal: Path) -> None:
    path = journal / "desk_20250902_0900.bin"
    path.write_bytes(path.read_bytes()[:-42])

    found = verified(journal)

    assert (found.records, found.damaged, found.torn_bytes) == (8, [(168, 210)], 0)


def test_an_end_that_is_missing_with_its_index_is_damage_too_since_the_hour_was_closed(journal: Path) -> None:
    path = journal / "desk_20250902_0900.bin"
    path.write_bytes(path.read_bytes()[:-42])
    (journal / "desk_20250902_0900.idx").unlink()

    found = verified(journal)

    assert not found.indexed
    assert (found.records, found.damaged) == (8, [(168, 210)])


def test_a_changed_control_line_is_counted(journal: Path) -> None:
    change(journal, 0, "ctl")

    assert verified(journal).damaged_lines == 1
    assert not verified(journal).sound


def test_records_that_a_dead_writer_did_not_index_are_complete_all_the_same(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.append([message("one"), message("two")])
    abandon(writer)
    index = tmp_path / "desk_20250902_0900.idx"
    index.write_bytes(index.read_bytes()[:32])

    found = verified(tmp_path)

    assert (found.records, found.unindexed, found.sound) == (2, 1, True)


def test_a_journal_being_written_is_sound(tmp_path: Path) -> None:
    with open_writer(tmp_path) as writer:
        writer.append([message("one")])
        with (tmp_path / "desk_20250902_0900.bin").open("ab") as unfinished:
            unfinished.write(b"half")

        found = verified(tmp_path)

        assert (found.live, found.records, found.sound) == (True, 1, True)


def test_a_folder_is_verified_hour_by_hour(journal: Path) -> None:
    with open_writer(journal, NINE + HOUR_NS) as writer:
        writer.append([(b"ten", NINE + HOUR_NS, 0)])
    change(journal, 30)

    document = summary(verify_hour(paths) for paths in journal_files(journal.parent / journal.name))

    assert (document["records"], document["bytes"], document["torn_bytes"]) == (10, 204, 0)
    assert document["damaged"] == [[21, 42]]
    assert [file["file"] for file in document["files"]] == ["desk_20250902_0900.bin", "desk_20250902_1000.bin"]
    assert not document["sound"]


def test_a_path_without_journals_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal at"):
        journal_files(tmp_path)
