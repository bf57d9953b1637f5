"""The evening: what is over is compressed, verified, bundled, removed and deleted, once, and in the right order."""

from __future__ import annotations

import json
import tarfile
from datetime import date, timedelta
from pathlib import Path

import pytest

from muhurat.capture.archive import Report, archive, restore
from muhurat.capture.archive.bundle import read_manifest
from muhurat.capture.journal import JournalReader, JournalWriter, Position
from muhurat.capture.journal.files import Files
from muhurat.clock import ManualClock
from tests.capture.archive.hours import (
    FEED,
    MONDAY,
    OTHER,
    at,
    contents,
    entries,
    evening,
    hour_of,
    record,
    rules,
    weekdays,
)
from tests.capture.support import abandon
from tests.jobs.library.small_disk import no_file_larger_than

TUESDAY = MONDAY + timedelta(days=1)


def run(folder: Path, day: date, *, hour: int = 16, **changes: object) -> Report:
    return archive(rules(folder, **changes), evening(day, hour), day)


def did(report: Report, what: str) -> list[str]:
    return [step.file.name for step in report.steps if step.what == what]


def bundles(folder: Path) -> list[str]:
    return sorted(f"{path.parent.name}/{path.stem}" for path in (folder / "archive").glob("*/*.tar"))


def test_an_evening_compresses_the_day_and_keeps_it_raw_until_the_next(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY)
    record(tmp_path / "raw_ticks", MONDAY, feed=OTHER)
    before = entries(tmp_path / "raw_ticks")

    report = run(tmp_path, MONDAY)
    hours = [f"{feed}_20250901_{hour}00.bin.zst" for hour in ("09", "10") for feed in (FEED, OTHER)]
    assert did(report, "compress") == hours
    assert did(report, "bundle") == ["journal_2025-09-01.tar"]
    assert (report.failed, report.waiting, report.unsound, did(report, "remove raw")) == ([], [], [], [])
    told = report.told()
    assert (told["hours"], told["bundles"]) == (4, 1)
    assert told["bytes_before"] > 5 * told["bytes_after"] > 0
    assert hour_of(tmp_path, MONDAY, 9).bin.exists()

    record(tmp_path / "raw_ticks", TUESDAY, (9,))
    report = run(tmp_path, TUESDAY)
    assert did(report, "remove raw") == [name.removesuffix(".zst") for name in hours]
    assert not hour_of(tmp_path, MONDAY, 9).bin.exists()
    assert hour_of(tmp_path, TUESDAY, 9).bin.exists()
    assert [e for e in entries(tmp_path / "raw_ticks") if e.position.hour.startswith("20250901")] == before


def test_doing_it_again_changes_nothing(tmp_path: Path) -> None:
    for day in (MONDAY, TUESDAY):
        record(tmp_path / "raw_ticks", day)
        run(tmp_path, day)
    before = contents(tmp_path)
    report = run(tmp_path, TUESDAY)
    assert (report.steps, report.failed) == ([], [])
    assert contents(tmp_path) == before


def test_leftovers_of_earlier_days_are_taken_along(tmp_path: Path) -> None:
    for day in weekdays(MONDAY, 7):
        record(tmp_path / "raw_ticks", day, (9,))
    report = run(tmp_path, MONDAY + timedelta(days=8))
    assert len(did(report, "compress")) == 7
    assert len(did(report, "remove raw")) == 6
    assert bundles(tmp_path) == [*(f"daily/journal_{day}" for day in weekdays(MONDAY, 7)), "weekly/journal_2025-W36"]


def test_a_dry_run_tells_and_changes_nothing(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY)
    run(tmp_path, MONDAY)
    record(tmp_path / "raw_ticks", TUESDAY, (9,))
    before = contents(tmp_path)
    report = archive(rules(tmp_path), evening(TUESDAY), TUESDAY, dry_run=True)
    assert contents(tmp_path) == before
    assert did(report, "compress") == ["desk_20250902_0900.bin.zst"]
    assert did(report, "bundle") == ["journal_2025-09-02.tar"]
    assert did(report, "remove raw") == ["desk_20250901_0900.bin", "desk_20250901_1000.bin"]
    assert json.dumps(report.told(), default=str)


def test_an_hour_that_is_not_over_or_being_written_waits(tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "raw_ticks" / FEED, FEED, ManualClock(at(MONDAY, 9)), sync_interval_s=None) as writer:
        for hour in (9, 10):
            writer.append([(b"x", at(MONDAY, hour), 0)])
        early = archive(rules(tmp_path), ManualClock(at(MONDAY, 10, 59)), MONDAY)
        assert did(early, "compress") == ["desk_20250901_0900.bin.zst"]
        assert early.waiting == [("desk_20250901_1000.bin", "its hour is not over")]
        quiet = archive(rules(tmp_path), ManualClock(at(MONDAY, 12)), MONDAY)
        assert "still writes it" in quiet.waiting[0][1]
    assert did(archive(rules(tmp_path), ManualClock(at(MONDAY, 12)), MONDAY), "compress") == [
        "desk_20250901_1000.bin.zst"
    ]
    assert [entry.payload for entry in entries(tmp_path / "raw_ticks") if hasattr(entry, "payload")] == [b"x", b"x"]


def test_an_hour_whose_writer_died_is_repaired_and_closed_first(tmp_path: Path) -> None:
    folder = tmp_path / "raw_ticks" / FEED
    writer = JournalWriter(folder, FEED, ManualClock(at(MONDAY, 9)), sync_interval_s=None)
    writer.append([(b"whole", at(MONDAY, 9), 0)])
    abandon(writer)
    paths = hour_of(tmp_path, MONDAY, 9)
    with paths.bin.open("ab") as file:
        file.write(b"torn")
    report = run(tmp_path, MONDAY)
    assert (did(report, "compress"), report.unsound) == (["desk_20250901_0900.bin.zst"], [])
    assert b'"closed"' in paths.ctl.read_bytes()
    with tarfile.open(tmp_path / "archive/daily/journal_2025-09-01.tar") as tar:
        assert "desk/desk_20250901_0900.bin.torn-1" in tar.getnames()


def test_a_damaged_hour_is_archived_as_it_is_and_told_of(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY, (9,))
    paths = hour_of(tmp_path, MONDAY, 9)
    spoilt = bytearray(paths.bin.read_bytes())
    spoilt[100] ^= 1
    paths.bin.write_bytes(spoilt)
    report = run(tmp_path, MONDAY)
    assert (report.unsound, report.failed) == (["desk_20250901_0900.bin"], [])
    (hour,) = read_manifest(tmp_path / "archive/daily/journal_2025-09-01.tar").hours
    assert (hour.records, len(hour.damaged)) == (2, 1)


def test_an_hour_that_fails_is_named_and_stops_no_other(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY, (9, 10, 11))

    class Refusing(Files):
        def replace(self, part: Path, target: Path) -> None:
            if "_1000." in target.name:
                raise OSError(5, "Input/output error")
            super().replace(part, target)

    report = archive(rules(tmp_path), evening(MONDAY), MONDAY, files=Refusing())
    assert [(name, str(error)[-18:]) for name, error in report.failed] == [
        ("desk_20250901_1000.bin", "Input/output error")
    ]
    assert len(did(report, "compress")) == 2
    again = run(tmp_path, MONDAY)
    assert (did(again, "compress"), did(again, "bundle")) == (
        ["desk_20250901_1000.bin.zst"],
        ["journal_2025-09-01.tar"],
    )
    assert len(read_manifest(tmp_path / "archive/daily/journal_2025-09-01.tar").hours) == 3


def test_a_raw_file_waits_for_its_readers_and_for_none_longer_than_a_day(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY, (14, 15))
    folder = tmp_path / "raw_ticks" / FEED
    with JournalReader(folder, FEED, name="decode") as reader:
        reader.save(Position("20250901_1500", 2))
        report = run(tmp_path, MONDAY, hot_days=0)
        assert did(report, "remove raw") == ["desk_20250901_1400.bin"]
        assert report.waiting == [("desk_20250901_1500.bin", "reader decode is at 20250901_1500/2")]
        assert did(run(tmp_path, TUESDAY, hour=15, hot_days=0), "remove raw") == []
        reader.save(Position("20250901_1500", 3))
        assert did(run(tmp_path, TUESDAY, hour=15, hot_days=0), "remove raw") == ["desk_20250901_1500.bin"]
    record(tmp_path / "raw_ticks", TUESDAY, (14,))
    run(tmp_path, TUESDAY, hour=15, hot_days=0)
    assert hour_of(tmp_path, TUESDAY, 14).bin.exists()
    run(tmp_path, TUESDAY + timedelta(days=1), hour=15, hot_days=0)
    assert not hour_of(tmp_path, TUESDAY, 14).bin.exists()


def test_a_raw_file_that_no_longer_is_what_was_archived_stays(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY, (9,))
    run(tmp_path, MONDAY)
    paths = hour_of(tmp_path, MONDAY, 9)
    paths.bin.write_bytes(paths.bin.read_bytes() + b"more")
    report = run(tmp_path, TUESDAY)
    assert [name for name, _ in report.failed] == ["desk_20250901_0900.bin"]
    assert paths.bin.exists()


def test_weeks_and_months_take_over_from_days_and_nothing_is_ever_held_by_none(tmp_path: Path) -> None:
    held = set()
    for day in weekdays(MONDAY, 24):
        record(tmp_path / "raw_ticks", day, (9,))
        report = run(tmp_path, day)
        assert report.failed == []
        there = {name for path in (tmp_path / "archive").glob("*/*.tar") for name in read_manifest(path).names()}
        assert held <= there
        held = there
    assert bundles(tmp_path) == [
        "daily/journal_2025-09-29",
        "daily/journal_2025-09-30",
        "daily/journal_2025-10-01",
        "daily/journal_2025-10-02",
        "monthly/journal_2025-09",
        "weekly/journal_2025-W36",
        "weekly/journal_2025-W37",
        "weekly/journal_2025-W38",
        "weekly/journal_2025-W39",
    ]
    assert len(read_manifest(tmp_path / "archive/monthly/journal_2025-09.tar").hours) == 22


def test_what_is_old_enough_is_deleted_and_only_what_a_bundle_holds(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY, (9, 10))
    run(tmp_path, MONDAY)
    run(tmp_path, TUESDAY)
    paths = hour_of(tmp_path, MONDAY, 9)
    last = MONDAY + timedelta(days=89)
    run(tmp_path, last)
    assert paths.zst.exists()
    paths.ctl.write_bytes(paths.ctl.read_bytes()[::-1])  # not what the bundle holds, although as long

    report = run(tmp_path, last + timedelta(days=1))
    assert report.waiting == [("desk_20250901_0900.bin.zst", "no bundle holds it")]
    ten = hour_of(tmp_path, MONDAY, 10)
    assert sorted(did(report, "delete")) == sorted([ten.zst.name, ten.idx.name, ten.ctl.name])
    assert paths.zst.exists()
    assert not ten.idx.exists()
    assert bundles(tmp_path) == ["monthly/journal_2025-09", "weekly/journal_2025-W36"]

    assert did(run(tmp_path, last + timedelta(days=7)), "delete bundle") == ["journal_2025-W36.tar"]
    assert bundles(tmp_path) == ["monthly/journal_2025-09"]


def test_without_bundles_age_alone_deletes(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY, (9,))
    run(tmp_path, MONDAY, kinds=())
    report = run(tmp_path, MONDAY + timedelta(days=1), kinds=(), archive_days=2)
    assert did(report, "delete") == []
    report = run(tmp_path, MONDAY + timedelta(days=2), kinds=(), archive_days=2)
    assert len(did(report, "delete")) == 3
    assert not (tmp_path / "archive").exists()


def test_a_date_in_the_future_does_not_make_anything_older(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY, (9,))
    report = archive(rules(tmp_path, kinds=()), evening(MONDAY), MONDAY + timedelta(days=365))
    assert [step.what for step in report.steps] == ["compress"]


def test_a_damaged_bundle_is_named_and_neither_counted_on_nor_written_over(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY, (9,))
    run(tmp_path, MONDAY)
    bundle = tmp_path / "archive/daily/journal_2025-09-01.tar"
    bundle.write_bytes(b"spoilt")
    report = run(tmp_path, MONDAY)
    assert [(name, "is damaged" in str(error)) for name, error in report.failed] == [(bundle.name, True)]
    assert bundle.read_bytes() == b"spoilt"
    bundle.unlink()
    assert did(run(tmp_path, MONDAY), "bundle") == [bundle.name]


def test_a_disk_without_room_for_a_bundle_is_told_and_the_next_run_makes_it(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY, (9,))
    with no_file_larger_than(8_000):
        report = run(tmp_path, MONDAY)
    ((name, error),) = report.failed
    assert (name, error.permanent) == ("journal_2025-09-01.tar", False)
    assert str(error).startswith("no room for journal_2025-09-01.tar in ")
    assert list((tmp_path / "archive" / "daily").iterdir()) == []
    assert did(run(tmp_path, MONDAY), "bundle") == [name]


def test_an_hour_recorded_after_its_days_bundle_was_made_is_added_to_it(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY, (9,))
    run(tmp_path, MONDAY, hour=12)
    record(tmp_path / "raw_ticks", MONDAY, (20,), feed=OTHER)
    run(tmp_path, TUESDAY)
    found = read_manifest(tmp_path / "archive/daily/journal_2025-09-01.tar")
    assert [(hour.feed, hour.hour) for hour in found.hours] == [(FEED, "20250901_0900"), (OTHER, "20250901_2000")]


def test_an_hour_that_is_nowhere_is_named_until_it_was_brought_back(tmp_path: Path) -> None:
    record(tmp_path / "raw_ticks", MONDAY, (9, 10))
    run(tmp_path, MONDAY, hot_days=0)
    nine = hour_of(tmp_path, MONDAY, 9)
    nine.zst.unlink()
    ((name, error),) = run(tmp_path, MONDAY).failed
    assert name == nine.bin.name
    assert "knows of records" in str(error)
    restore([tmp_path / "archive/daily/journal_2025-09-01.tar"], tmp_path / "raw_ticks")
    assert run(tmp_path, MONDAY).failed == []


@pytest.mark.parametrize("folder", ["nothing", "empty"])
def test_a_desk_that_recorded_nothing_has_nothing_to_archive(folder: str, tmp_path: Path) -> None:
    (tmp_path / "empty" / "raw_ticks").mkdir(parents=True)
    assert run(tmp_path / folder, MONDAY).told()["steps"] == []
