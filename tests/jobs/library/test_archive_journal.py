from __future__ import annotations

import os
from datetime import date, time, timedelta
from pathlib import Path

import pytest

from muhurat.capture.archive import Rules
from muhurat.jobs.base import JobError, NotYet
from muhurat.jobs.library.archive_journal import ArchiveJournalOptions, run
from tests.capture.archive.hours import OTHER, contents, hour_of, record, rules
from tests.jobs.library.small_disk import small_disk
from tests.jobs.library.tools import TUESDAY, DeskTools, tools_in

OPTIONS = ArchiveJournalOptions()


@pytest.fixture
def evening(tmp_path: Path) -> DeskTools:
    """A desk after the close of a day that it recorded."""
    record(tmp_path / "raw_ticks", TUESDAY)
    return desk_of(tmp_path, TUESDAY)


def desk_of(folder: Path, day: date) -> DeskTools:
    with tools_in(folder, day=day, at=time(16, 10)) as tools:
        tools.put(Rules, rules(folder, log_days=7))
        return tools


def test_a_day_is_compressed_and_bundled_and_a_second_run_changes_nothing(evening: DeskTools, tmp_path: Path) -> None:
    done = run(OPTIONS, evening)
    assert done.rows == 2
    assert done.note.startswith("hours compressed: 2, 2,")
    assert [path.name for path in done.files] == [
        *(f"desk_20260922_{hour}00.bin.zst" for hour in ("09", "10")),
        "journal_2026-09-22.tar",
    ]
    assert done.facts["any_count"] is True
    assert done.facts["bytes_before"] > done.facts["bytes_after"] > 0
    assert evening.shown[0] == (0, 2, "compressing desk_20260922_0900.bin")

    before = contents(tmp_path)
    again = run(OPTIONS, evening)
    assert (again.rows, again.files) == (0, ())
    assert contents(tmp_path) == before


def test_the_next_evening_removes_the_raw_files_of_the_day_before(evening: DeskTools, tmp_path: Path) -> None:
    run(OPTIONS, evening)
    done = run(OPTIONS, desk_of(tmp_path, TUESDAY + timedelta(days=1)))
    assert done.facts["files_removed"] == 2
    assert not hour_of(tmp_path, TUESDAY, 9).bin.exists()


def test_a_dry_run_says_what_would_be_done(evening: DeskTools, tmp_path: Path) -> None:
    before = contents(tmp_path)
    done = run(ArchiveJournalOptions(dry_run=True), evening)
    assert done.note.startswith("would be: hours compressed: 2,")
    assert contents(tmp_path) == before


def test_an_hour_that_fails_is_named_and_the_others_are_done(evening: DeskTools, tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", TUESDAY, feed=OTHER)
    spoilt = hour_of(tmp_path, TUESDAY, 9)
    spoilt.zst.write_bytes(b"spoilt")
    with pytest.raises(JobError, match=r"journal_2026-09-22\.tar: .*0900\.bin\.zst is damaged") as failed:
        run(OPTIONS, evening)
    assert failed.value.permanent
    assert "journal restore" in failed.value.hint
    assert hour_of(tmp_path, TUESDAY, 10).zst.exists()
    assert hour_of(tmp_path, TUESDAY, 10, OTHER).zst.exists()


def test_a_full_disk_is_tried_again_later(tmp_path: Path) -> None:
    with small_disk(tmp_path / "raw_ticks", kilobytes=4400) as disk:
        record(tmp_path / "raw_ticks", TUESDAY)
        left = os.statvfs(disk)
        (disk / "filler").write_bytes(bytes(left.f_bavail * left.f_frsize))
        with pytest.raises(NotYet, match=r"no room for desk_20260922_0900\.bin\.zst in .*desk") as failed:
            run(OPTIONS, desk_of(tmp_path, TUESDAY))
        assert "free space" in failed.value.hint
        assert not list(disk.rglob("*.part"))


def test_what_is_not_sound_or_waits_is_in_the_note(evening: DeskTools, tmp_path: Path) -> None:
    nine = hour_of(tmp_path, TUESDAY, 9).bin
    nine.write_bytes(nine.read_bytes()[:100] + b"?" + nine.read_bytes()[101:])
    record(tmp_path / "raw_ticks", TUESDAY, (16,), feed=OTHER)
    note = run(OPTIONS, evening).note
    assert "not sound: desk_20260922_0900.bin" in note
    assert "waiting: 1 (other_20260922_1600.bin: its hour is not over)" in note


def test_old_logs_go(evening: DeskTools, tmp_path: Path) -> None:
    logs = evening.logs_dir
    for days in (6, 7):
        day = TUESDAY - timedelta(days=days)
        (logs / "jobs" / str(day)).mkdir(parents=True)
        (logs / "jobs" / str(day) / "x.1.log").write_text("said")
    done = run(OPTIONS, evening)
    assert done.facts["removed"] == [str(logs / "jobs" / str(TUESDAY - timedelta(days=7)))]
    assert [path.name for path in (logs / "jobs").iterdir()] == [str(TUESDAY - timedelta(days=6))]
