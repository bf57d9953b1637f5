"""Every operation on files fails once, then for a while, then until the end (SQLite's way of testing)."""

from __future__ import annotations

import errno
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from muhurat.capture.journal import AppendFailed, HourPaths, JournalWriter, hours_of, verify_hour
from muhurat.capture.journal.writer import Message
from tests.capture.support import FEED, HOUR_NS, NINE, FailingFiles, abandon, message, open_writer, payloads_in

BATCHES: list[list[Message]] = [
    [message("first", 0), message("second", 1)],
    [message(b"large" * 1000, 2), message(b"larger" * 2000, 3)],
    [message("third", 4), (b"of the next hour", NINE + HOUR_NS, 0), (b"and another", NINE + HOUR_NS + 1, 0)],
    [(b"last", NINE + HOUR_NS + 2, 0)],
]
ALL = [payload for batch in BATCHES for payload, _, _ in batch]
FAULTS = [errno.ENOSPC, errno.EIO, None]


def open_patiently(directory: Path, files: FailingFiles) -> JournalWriter:
    for _ in range(100):
        with suppress(AppendFailed):
            return open_writer(directory, files=files)
    raise AssertionError("the disk has been well for long, and the journal still does not open")


def write_patiently(writer: JournalWriter) -> None:
    """Give again what was refused, as the recorder does."""
    for batch in BATCHES:
        rest = batch
        for _ in range(100):
            try:
                writer.append(rest)
            except AppendFailed as error:
                rest = rest[error.accepted :]
                continue
            break
        else:
            raise AssertionError("the disk has been well for long, and the journal still refuses")


def check_sound(directory: Path) -> None:
    for hour in hours_of(directory, FEED):
        found = verify_hour(HourPaths(directory, FEED, hour))
        assert (found.torn_bytes, found.damaged, found.damaged_lines, found.unindexed) == (0, [], 0, 0)


@pytest.mark.parametrize("length", [1, 2, 3, 7])
@pytest.mark.parametrize("error", FAULTS)
def test_whatever_operation_fails_nothing_is_lost_doubled_or_torn(
    length: int, error: int | None, tmp_path: Path
) -> None:
    for number in count(1):
        directory = tmp_path / str(number)
        directory.mkdir()
        files = FailingFiles(number, number + length - 1, error)

        writer = open_patiently(directory, files)
        write_patiently(writer)
        finished = not files.failed
        files.first = 1 << 30
        writer.close()

        assert payloads_in(directory) == ALL
        check_sound(directory)
        if finished:
            break


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_never_recovers_leaves_a_readable_beginning(error: int, tmp_path: Path) -> None:
    for number in count(1):
        directory = tmp_path / str(number)
        directory.mkdir()
        files = FailingFiles(number, 1 << 30, error)
        acknowledged = 0

        try:
            writer = open_writer(directory, files=files)
        except AppendFailed:
            continue
        for batch in BATCHES:
            try:
                writer.append(batch)
                acknowledged += len(batch)
            except AppendFailed as refused:
                acknowledged += refused.accepted
                break
        abandon(writer)
        open_writer(directory).close()

        read = payloads_in(directory)
        assert read == ALL[: len(read)]
        assert len(read) >= acknowledged
        check_sound(directory)
        if not files.failed:
            break


@pytest.mark.parametrize("error", FAULTS)
def test_whatever_operation_of_the_repair_fails_the_next_one_succeeds(error: int | None, tmp_path: Path) -> None:
    for number in count(1):
        directory = tmp_path / str(number)
        directory.mkdir()
        writer = open_writer(directory)
        writer.append(BATCHES[0])
        writer.control({"event": "connected"}, NINE)
        writer.append(BATCHES[1])
        abandon(writer)
        for path in directory.glob("desk_*.*"):
            path.write_bytes(path.read_bytes()[:-5])

        files = FailingFiles(number, error=error)
        with open_patiently(directory, files):
            pass

        assert payloads_in(directory) == ALL[:3]
        check_sound(directory)
        if not files.failed:
            break


def test_the_refusal_says_what_to_do_and_when_to_try_again(tmp_path: Path) -> None:
    files = FailingFiles(1 << 30)
    writer = open_writer(tmp_path, files=files)
    writer.append([message("one")])
    files.first = files.operations + 1
    files.last = 1 << 30

    with pytest.raises(AppendFailed, match=r"20250902_0900 cannot be written: No space left") as refused:
        writer.append([message("two")])

    assert not refused.value.permanent
    assert refused.value.retry_after_s
    assert "free space" in refused.value.hint
    files.first = 1 << 30
    writer.append([message("two")])
    writer.close()
    assert payloads_in(tmp_path) == [b"one", b"two"]


def test_a_folder_that_cannot_be_made_is_a_disk_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"a file where a folder belongs")

    with pytest.raises(AppendFailed, match="the journal of desk cannot be written: Not a directory"):
        open_writer(tmp_path / "data" / "desk")


def test_a_control_line_that_was_refused_leaves_no_trace(tmp_path: Path) -> None:
    files = FailingFiles(1 << 30)
    writer = open_writer(tmp_path, files=files)
    writer.append([message("one")])
    files.first = files.last = files.operations + 2  # the line is out, its row is refused

    with pytest.raises(AppendFailed):
        writer.control({"event": "refused"}, NINE)
    writer.control({"event": "accepted"}, NINE)
    writer.close()

    assert b"refused" not in (tmp_path / "desk_20250902_0900.ctl").read_bytes()
    check_sound(tmp_path)
