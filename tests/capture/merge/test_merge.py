"""What merging does in the cases an operator meets."""

from __future__ import annotations

from pathlib import Path

import pytest

from muhurat.capture.backlog import gap_entry
from muhurat.capture.journal import (
    AFTER_GAP,
    CLOCK_DOUBT,
    ControlRecord,
    HourPaths,
    JournalWriter,
    connection_of,
    verify_hour,
)
from muhurat.capture.journal.files import Files
from muhurat.capture.journal.offline import journal_files, read_entries
from muhurat.capture.merge import Folder, OneFile, merge
from muhurat.clock import ManualClock
from muhurat.errors import JournalError
from muhurat.venues.kite.packets import KitePackets
from tests.capture.merge.support import (
    all_packets,
    frame,
    full,
    index,
    ltp,
    nine,
    packets_of,
    recorded,
    recording,
    records_of,
    united,
)
from tests.capture.support import FEED, HOUR_NS, MS, NINE, FailingFiles, abandon, message, open_writer


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.bin"


def merged(a: Path, b: Path, out: Path) -> list[bytes]:
    united(a, b, out)
    return [packet for _, packet in all_packets(records_of(out))]


def test_frames_grouped_differently_are_one_feed(tmp_path: Path, out: Path) -> None:
    one, two, three, four = (full(token, 7) for token in (1, 2, 3, 4))
    a = recorded(tmp_path / "a", [(0, [one, two]), (10, [three, four])])
    b = recorded(tmp_path / "b", [(3, [one]), (12, [two, three, four])])

    found = united(a, b, out)

    assert out.read_bytes() == a.read_bytes()
    assert (found["packets"], found["both"], found["only_a"], found["only_b"]) == (4, 4, 0, 0)
    assert found["b_later_ms"] == pytest.approx((3 + 12 + 2 + 2) / 4)


def test_what_a_missed_comes_between_its_records_under_bs_time_and_connection(tmp_path: Path, out: Path) -> None:
    a = recorded(tmp_path / "a", [(0, [full(1, 1), full(2, 1)]), (1000, [full(1, 2)]), (3000, [full(1, 4)])])
    b = recorded(
        tmp_path / "b", [(5, [full(1, 1)]), (1005, [full(2, 1), full(1, 2), full(2, 2)]), (2005, [full(1, 3)])]
    )

    found = united(a, b, out)

    told = [((r.ts_recv_ns - NINE) // MS, connection_of(r.flags), packets_of(r.payload)) for r in records_of(out)]
    assert told == [
        (0, 1, [full(1, 1), full(2, 1)]),
        (1000, 1, [full(1, 2)]),
        (1005, 0x8001, [full(2, 2)]),
        (2005, 0x8001, [full(1, 3)]),
        (3000, 1, [full(1, 4)]),
    ]
    assert found["a"]["missed"]["instruments"] == {"1": 1, "2": 1}
    assert found["b"]["missed"]["instruments"] == {"1": 1}
    assert found["a"]["missed"]["spans"] == [
        {"from": "2025-09-02T09:00:01.005+05:30", "to": "2025-09-02T09:00:02.005+05:30", "packets": 2}
    ]


def test_a_packet_that_one_socket_brought_twice_stays_twice(tmp_path: Path, out: Path) -> None:
    once, twice = [(0, [full(1, 1)])], [(0, [full(1, 1)]), (200, [full(1, 1)])]
    assert merged(recorded(tmp_path / "1", once), recorded(tmp_path / "2", twice), out) == [full(1, 1)] * 2
    out.unlink()
    out.with_suffix(".idx").unlink()
    out.with_suffix(".ctl").unlink()
    assert merged(recorded(tmp_path / "3", twice), recorded(tmp_path / "4", twice), out) == [full(1, 1)] * 2


def test_prices_that_repeat_are_told_apart_by_order_and_time(tmp_path: Path, out: Path) -> None:
    """Mode ltp: A misses the third price, B the fifth; the same prices come again half a minute later."""
    prices = [100, 105, 100, 105, 105, 100]
    sent = [(1000 * at, [ltp(1, price)]) for at, price in enumerate(prices)]
    again = [(30_000 + ms, packets) for ms, packets in sent]
    a = recorded(tmp_path / "a", [*sent[:2], *sent[3:], *again])
    b = recorded(tmp_path / "b", [*sent[:4], *sent[5:], *again])

    assert merged(a, b, out) == [ltp(1, price) for price in prices * 2]


def test_equal_bytes_far_apart_are_two_packets(tmp_path: Path, out: Path) -> None:
    a, b = (recorded(tmp_path / name, [(ms, [ltp(1, 100)])]) for name, ms in (("a", 0), ("b", 5_001)))
    assert len(merged(a, b, out)) == 2

    found = united(a, b, tmp_path / "wide.bin", window_s=6)
    assert (found["both"], found["window_s"]) == (1, 6.0)


def test_a_record_is_cut_only_where_order_demands_it(tmp_path: Path, out: Path) -> None:
    a = recorded(tmp_path / "a", [(0, [full(1, 1), full(2, 1), full(1, 3)])])
    b = recorded(tmp_path / "b", [(0, [full(1, 1)]), (1, [full(1, 2), full(2, 1)]), (2, [full(1, 3)])])

    united(a, b, out)

    assert [packets_of(record.payload) for record in records_of(out)] == [
        [full(1, 1)],
        [full(1, 2)],
        [full(2, 1), full(1, 3)],
    ]


def test_index_packets_of_both_lengths_and_mixed_frames_are_taken_apart(tmp_path: Path, out: Path) -> None:
    long, short, option, quote = index(265, 1), index(273, 2, 28), full(513, 3), bytes([0, 0, 9, 1]) + bytes(40)
    a = recorded(tmp_path / "a", [(0, [long, option]), (1, [quote])])
    b = recorded(tmp_path / "b", [(0, [short, long]), (1, [quote, option])])

    found = united(a, b, out)

    assert (found["both"], found["only_b"], found["whole_messages"]) == (3, 1, 0)
    assert sorted(p for _, p in all_packets(records_of(out))) == sorted([long, option, quote, short])


def test_heartbeats_are_kept_once_and_counted_apart(tmp_path: Path, out: Path) -> None:
    a = recording(tmp_path / "a", [(ms, b"\0") for ms in range(0, 30_000, 3_000) if not 9_000 < ms < 20_000])
    b = recording(tmp_path / "b", [(ms + 700, b"\0") for ms in range(0, 30_000, 3_000)])

    found = united(nine(a), nine(b), out)

    assert (found["packets"], found["heartbeats"], found["records"]) == (0, 10, 10)
    assert found["a"]["missed"] == {"packets": 0, "instruments": {}, "spans": []}


def test_what_cannot_be_taken_apart_stays_whole_and_is_counted(tmp_path: Path, out: Path) -> None:
    short, odd = frame([full(1, 1), full(2, 1)])[:-5], frame([b"x" * 20])
    empty, trailing = b"\0\0", frame([full(1, 2)]) + b"?"
    a = recording(tmp_path / "a", [(0, short), (1, odd), (2, b'{"e": "Binance"}')])
    b = recording(tmp_path / "b", [(0, short), (1, empty), (2, trailing), (3, b'{"e": "Binance"}')])

    found = united(nine(a), nine(b), out)

    assert sorted(record.payload for record in records_of(out)) == sorted(
        [short, odd, empty, trailing, b'{"e": "Binance"}']
    )
    assert (found["packets"], found["whole_messages"], found["both"]) == (5, 5, 2)


def test_control_lines_of_both_are_kept_and_marked_and_a_gap_the_other_filled_is_none(
    tmp_path: Path, out: Path
) -> None:
    for name, gaps in (("a", [(10, 20), (50, 60)]), ("b", [(55, 58)])):
        with JournalWriter(tmp_path / name, FEED, ManualClock(NINE), sync_interval_s=None) as writer:
            writer.control({"event": "connected", "connection": 1}, NINE)
            for second in range(100):
                gap = next((gap for gap in gaps if gap[0] < second <= gap[1]), None)
                if gap and second == gap[1]:
                    span = (NINE + gap[0] * 1000 * MS, NINE + gap[1] * 1000 * MS)
                    writer.control(gap_entry(*span, "abort"), NINE + second * 1000 * MS)
                if not gap or second == gap[1]:
                    writer.append([message(frame([full(1, second)]), second * 1000, AFTER_GAP if gap else 0)])

    united(*(nine(tmp_path / name) for name in ("a", "b")), out)

    verified = verify_hour(HourPaths.alone(out, "20250902_0900"))
    assert verified.sound
    assert [gap["seconds"] for gap in verified.gaps] == [3, 10]
    entries = list(read_entries(HourPaths.alone(out, "20250902_0900")))
    lines = [entry.entry for entry in entries if isinstance(entry, ControlRecord)]
    assert [(line["event"], line.get("side")) for line in lines] == [
        ("merged", None),
        ("connected", "a"),
        ("connected", "b"),
        ("gap_filled", "a"),
        ("gap", "b"),
        ("gap", "a"),
        ("closed", None),
    ]
    flagged = [(r.ts_recv_ns - NINE) // MS // 1000 for r in records_of(out) if r.flags & AFTER_GAP]
    assert flagged == [58, 60]


def test_a_torn_tail_and_damage_are_left_out_and_told_of(tmp_path: Path, out: Path) -> None:
    frames = [(1000 * second, [full(1, second)]) for second in range(5)]
    a, b = recorded(tmp_path / "a", frames), recorded(tmp_path / "b", frames)
    a.write_bytes(a.read_bytes() + b"torn")
    whole = b.read_bytes()
    size = len(whole) // 5
    b.write_bytes(whole[: size + 100] + b"\xff" + whole[size + 101 :])

    found = united(a, b, out)

    assert (found["packets"], found["only_a"]) == (5, 1)
    assert (found["a"]["torn_bytes"], found["b"]["damaged"]) == (4, [[b.name, size, 2 * size]])
    assert verify_hour(HourPaths.alone(out, "20250902_0900")).sound


def test_a_recording_that_stopped_without_a_last_word_is_read_to_its_end(tmp_path: Path, out: Path) -> None:
    writer = open_writer(tmp_path / "a")
    writer.append([message(frame([full(1, 1)]), 0)])
    abandon(writer)
    path = nine(tmp_path / "a")
    unindexed = frame([full(1, 2)])
    with path.open("ab") as file:
        file.write((NINE // MS + 1).to_bytes(8, "big") + len(unindexed).to_bytes(4, "big") + unindexed)
    b = recorded(tmp_path / "b", [(0, [full(1, 1)])])

    assert merged(b, path, out) == [full(1, 1), full(1, 2)]


def test_files_without_index_in_either_byte_order_can_be_merged(tmp_path: Path, out: Path) -> None:
    a = recorded(tmp_path / "a", [(0, [full(1, 1)]), (1000, [full(1, 2)])])
    b = tmp_path / "theirs_20250902_0900.bin"
    for ms, value in ((0, 1), (500, 5)):
        payload = frame([full(1, value)])
        with b.open("ab") as file:
            file.write((NINE // MS + ms).to_bytes(8, "little") + len(payload).to_bytes(4, "little") + payload)

    assert merged(a, b, out) == [full(1, 1), full(1, 5), full(1, 2)]


def test_a_slow_clock_on_one_side_leaves_the_order_right_and_the_doubt_marked(tmp_path: Path, out: Path) -> None:
    a = recorded(tmp_path / "a", [(4_000 + 1000 * at, [full(1, at)]) for at in range(5) if at != 2])
    b = recorded(tmp_path / "b", [(1000 * at, [full(1, at)]) for at in range(5)])

    assert merged(a, b, out) == [full(1, at) for at in range(5)]
    assert [bool(r.flags & CLOCK_DOUBT) for r in records_of(out)] == [False, False, True, False, False]


def test_folders_are_merged_hour_by_hour_across_their_edges(tmp_path: Path) -> None:
    """A got the packet just before ten, B just after: it is one packet, in the hour of A."""
    ten_ms = HOUR_NS // MS
    a = recording(tmp_path / "a", [(0, frame([full(1, 1)])), (ten_ms - 5, frame([full(1, 2)]))])
    b = recording(tmp_path / "b", [(1, frame([full(1, 1)])), (ten_ms + 5, frame([full(1, 2), full(2, 2)]))])
    for folder in (a, b):
        with JournalWriter(folder, FEED, ManualClock(NINE + HOUR_NS), sync_interval_s=None) as writer:
            writer.append([(frame([full(1, 3)]), NINE + HOUR_NS + 1000 * MS, 0)])

    found = merge(journal_files(a), journal_files(b), Folder(tmp_path / "out", FEED), KitePackets()).told({})

    assert (found["packets"], found["both"], found["only_b"]) == (4, 3, 1)
    hours = journal_files(tmp_path / "out")
    assert [paths.hour for paths in hours] == ["20250902_0900", "20250902_1000"]
    assert [len(records_of(paths.bin)) for paths in hours] == [2, 2]
    assert all(verify_hour(paths).sound and verify_hour(paths).closed for paths in hours)


def test_nothing_is_overwritten(tmp_path: Path, out: Path) -> None:
    a = recorded(tmp_path / "a", [(0, [full(1, 1)])])
    united(a, a, out)
    before = out.read_bytes()

    with pytest.raises(JournalError, match="is there already"):
        united(a, a, out)
    with pytest.raises(JournalError, match="is there already"):
        Folder(a.parent, FEED)
    with pytest.raises(JournalError, match="no name for a merged file"):
        OneFile(tmp_path / "out.txt")
    assert out.read_bytes() == before


def test_a_disk_that_refuses_at_any_step_leaves_nothing_half_written(tmp_path: Path, out: Path) -> None:
    a = recorded(tmp_path / "a", [(1000 * at, [full(1, at)]) for at in range(3)])
    b = recorded(tmp_path / "b", [(1000 * at, [full(2, at)]) for at in range(3)])
    steps = FailingFiles(1 << 30)
    united(a, b, tmp_path / "whole.bin", files=steps)
    assert steps.operations >= 9

    for number in range(1, steps.operations + 1):
        with pytest.raises(JournalError, match="cannot be written"):
            united(a, b, out, files=FailingFiles(number))
        assert not list(tmp_path.glob("out*"))
    united(a, b, out, files=FailingFiles(steps.operations + 1))
    assert verify_hour(HourPaths.alone(out, "20250902_0900")).sound


def test_an_hour_written_earlier_by_a_merge_that_died_is_begun_anew(tmp_path: Path, out: Path) -> None:
    a = recorded(tmp_path / "a", [(0, [full(1, 1)])])
    out.with_name("out.bin.merging").write_bytes(b"half")

    united(a, a, out, files=Files())

    assert out.read_bytes() == a.read_bytes()
    assert not list(tmp_path.glob("*.merging"))
