from __future__ import annotations

from muhurat.capture.backlog import Backlog, Note, gap_entry
from muhurat.capture.journal import AFTER_GAP
from tests.capture.support import MS, NINE, message


def test_what_waits_comes_out_in_order_and_in_parts() -> None:
    backlog = Backlog(1_000_000)
    items = [message("one"), Note({"event": "connected"}, NINE), message(b"2" * 5000, 1), message("three", 2)]
    backlog.add(items)

    assert backlog.first(1000) == items[:2]
    backlog.done(2)
    assert backlog.first(1000) == items[2:3]
    backlog.done(1)
    assert backlog.first(1000) == items[3:]
    assert (len(backlog), backlog.records) == (1, 1)
    backlog.done(1)
    assert (len(backlog), backlog.records, backlog.bytes, backlog.dropped_records) == (0, 0, 0, 0)


def test_beyond_the_bound_the_oldest_go_and_a_gap_stands_in_their_place() -> None:
    backlog = Backlog(4000)
    backlog.add([message(bytes([n]) * 800, n) for n in range(10)])

    assert backlog.bytes <= 4000
    assert (backlog.dropped_records, backlog.records) == (6, 4)
    first = backlog.first(100_000)
    assert first[0] == Note(gap_entry(NINE, NINE + 6 * MS, "the disk refused", records=6, bytes=4800), NINE + 6 * MS)
    assert first[1] == message(bytes([6]) * 800, 6, AFTER_GAP)
    assert first[2:] == [message(bytes([n]) * 800, n) for n in (7, 8, 9)]


def test_a_gap_that_has_to_be_given_up_is_told_by_the_gap_in_its_place() -> None:
    backlog = Backlog(2000)
    backlog.add([Note(gap_entry(NINE - 5000 * MS, NINE, "the recorder was down"), NINE)])
    backlog.add([message(bytes([n]) * 800, n, AFTER_GAP * (n == 0)) for n in range(5)])

    first = backlog.first(100_000)

    told = gap_entry(NINE - 5000 * MS, NINE + 3 * MS, "the disk refused", records=3, bytes=2400)
    assert first[0] == Note(told, NINE + 3 * MS)
    assert first[1] == message(bytes([3]) * 800, 3, AFTER_GAP)


def test_a_loss_is_told_once() -> None:
    backlog = Backlog(2000)
    backlog.add([message(b"x" * 800, n) for n in range(4)])
    told = backlog.first(100_000)
    backlog.done(len(told))

    backlog.add([message("later", 9)])

    assert backlog.first(100_000) == [message("later", 9)]


def test_a_gap_entry_says_when_how_long_and_why() -> None:
    assert gap_entry(NINE, NINE + 2500 * MS, "disconnected") == {
        "event": "gap",
        "from": "2025-09-02T09:00:00.000+05:30",
        "to": "2025-09-02T09:00:02.500+05:30",
        "from_ns": NINE,
        "to_ns": NINE + 2500 * MS,
        "seconds": 2.5,
        "reason": "disconnected",
    }
