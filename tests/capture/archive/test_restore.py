"""Bringing hours back: out of bundles and archives, compared, and never over something else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from muhurat.capture.archive import ArchiveError, archive, restore
from muhurat.errors import JournalError
from tests.capture.archive.hours import FEED, MONDAY, OTHER, contents, entries, evening, hour_of, record, rules


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    for feed in (FEED, OTHER):
        record(tmp_path / "raw_ticks", MONDAY, feed=feed)
    archive(rules(tmp_path), evening(MONDAY), MONDAY)
    return tmp_path / "archive" / "daily" / "journal_2025-09-01.tar"


def test_a_bundle_brings_every_hour_back(bundle: Path, tmp_path: Path) -> None:
    before = entries(tmp_path / "raw_ticks")
    shutil.rmtree(tmp_path / "raw_ticks")
    done = restore([bundle], tmp_path / "raw_ticks")
    assert [one.already for one in done] == [False] * 12
    assert entries(tmp_path / "raw_ticks") == before


def test_an_archive_becomes_the_file_it_was_made_of(bundle: Path, tmp_path: Path) -> None:
    nine = hour_of(tmp_path, MONDAY, 9)
    done = restore([nine.zst], tmp_path / "back")
    assert [one.file.name for one in done] == [nine.bin.name, nine.ctl.name, nine.idx.name]
    for path in (nine.bin, nine.ctl, nine.idx):
        assert (tmp_path / "back" / FEED / path.name).read_bytes() == path.read_bytes()


def test_what_is_there_already_and_the_same_is_left_alone(bundle: Path, tmp_path: Path) -> None:
    nine, back = hour_of(tmp_path, MONDAY, 9), tmp_path / "back"
    restore([bundle, nine.zst], back)
    before = contents(back)
    done = restore([bundle, nine.zst], back)
    assert {one.already for one in done} == {True}
    assert contents(back) == before


@pytest.mark.parametrize("suffix", ["bin.zst", "idx", "bin"])
def test_what_is_there_and_differs_is_refused_before_anything_is_written(
    suffix: str, bundle: Path, tmp_path: Path
) -> None:
    back = tmp_path / "back" / FEED
    back.mkdir(parents=True)
    (back / f"desk_20250901_0900.{suffix}").write_bytes(b"other")
    before = contents(tmp_path)
    source = hour_of(tmp_path, MONDAY, 9).zst if suffix == "bin" else bundle
    with pytest.raises(ArchiveError, match=f"0900.{suffix} exists already, and differs") as refused:
        restore([source], tmp_path / "back")
    assert "--to" in refused.value.hint
    assert contents(tmp_path) == before


def test_a_damaged_source_brings_nothing(bundle: Path, tmp_path: Path) -> None:
    content = bytearray(bundle.read_bytes())
    content[-20_000] ^= 1
    bundle.write_bytes(content)
    zst = hour_of(tmp_path, MONDAY, 9).zst
    packed = bytearray(zst.read_bytes())
    packed[20] ^= 1
    zst.write_bytes(packed)
    with pytest.raises(ArchiveError, match="is damaged"):
        restore([bundle], tmp_path / "back")
    with pytest.raises(JournalError, match=r"bin\.zst is damaged: 1 of its zstd frames"):
        restore([zst], tmp_path / "back")
    assert [path for path in (tmp_path / "back").rglob("*") if path.is_file()] == []


def test_anything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").touch()
    with pytest.raises(ArchiveError, match="is no bundle and no archive"):
        restore([tmp_path / "x.zip"], tmp_path / "back")
