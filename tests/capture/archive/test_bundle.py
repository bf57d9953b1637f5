"""Bundles: a plain tar with a manifest first, verified after writing; weeks and months are made of days as they are."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from datetime import date, timedelta
from pathlib import Path

import pytest

from muhurat import __version__
from muhurat.capture.archive import ArchiveError, archive
from muhurat.capture.archive import bundle as module
from muhurat.capture.archive.bundle import (
    BundledFile,
    Manifest,
    check_bundle,
    of_bundle,
    of_file,
    read_manifest,
    write_bundle,
)
from muhurat.capture.archive.periods import last_day, period_of
from tests.capture.archive.hours import FEED, MONDAY, evening, record, rules, weekdays


def daily(folder: Path) -> Path:
    record(folder / "raw_ticks", MONDAY)
    archive(rules(folder), evening(MONDAY), MONDAY)
    return folder / "archive" / "daily" / "journal_2025-09-01.tar"


def test_the_manifest_comes_first_and_says_what_is_in_it(tmp_path: Path) -> None:
    path = daily(tmp_path)
    with tarfile.open(path) as tar:
        names = tar.getnames()
        stream = tar.extractfile(names[0])
        assert stream
        told = json.loads(stream.read())
    assert names[0] == "manifest.json"
    assert {key: told[key] for key in ("kind", "period", "made_at")} == {
        "kind": "daily",
        "period": "2025-09-01",
        "made_at": "2025-09-01T16:00:00+05:30",
    }
    assert [file["name"] for file in told["files"]] == names[1:]
    assert names[1:4] == [f"desk/desk_20250901_0900.{suffix}" for suffix in ("bin.zst", "ctl", "idx")]
    for file in told["files"]:
        content = (tmp_path / "raw_ticks" / file["name"]).read_bytes()
        assert (file["size"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    nine, _ = told["hours"]
    raw = tmp_path / "raw_ticks/desk/desk_20250901_0900.bin"
    assert (nine["feed"], nine["hour"], nine["records"], nine["bytes"]) == (
        FEED,
        "20250901_0900",
        3,
        raw.stat().st_size,
    )
    assert nine["first"] == nine["last"] == "2025-09-01T09:00:00.000+05:30"
    assert [gap["reason"] for gap in nine["gaps"]] == ["drop"]
    assert (nine["torn_bytes"], nine["damaged"], nine["versions"]["muhurat"]) == (0, [], __version__)


def test_a_bundle_is_read_back_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = daily(tmp_path)
    before = path.read_bytes()
    manifest = read_manifest(path)
    openers = {name: of_bundle(path, name) for name in manifest.names()}
    openers[manifest.names()[0]] = lambda: io.BytesIO(b"x" * manifest.files[0].size)
    with pytest.raises(ArchiveError, match="is not what its manifest says"):
        write_bundle(path, manifest, openers)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_a_source_that_is_too_short_makes_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"abc")
    manifest = Manifest("daily", "2025-09-01", "", [BundledFile("desk/short", "", 2000)], [])
    with pytest.raises(ArchiveError, match=r"x\.tar"):
        write_bundle(tmp_path / "x.tar", manifest, {"desk/short": of_file(tmp_path / "short")})
    assert not (tmp_path / "x.tar").exists()


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2 // 512 * 512]


def flipped(content: bytes) -> bytes:
    at = content.index(b"\x28\xb5\x2f\xfd") + 100
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def nothing(_: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [cut, flipped, nothing, bytes.upper])
def test_a_damaged_bundle_is_found_out(damage: object, tmp_path: Path) -> None:
    path = daily(tmp_path)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ArchiveError, match=r"journal_2025-09-01\.tar is damaged") as refused:
        check_bundle(path)
    assert "move it away" in refused.value.hint


@pytest.mark.parametrize("name", ["../desk/x", "/desk/x", "desk", "desk/../x", "desk/.x", "a/b/c"])
def test_a_bundle_that_names_files_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    manifest = Manifest("daily", "2025-09-01", "", [BundledFile(name, "", 0)], [])
    with pytest.raises(ArchiveError, match="names a file"):
        write_bundle(tmp_path / "x.tar", manifest, {name: of_file(tmp_path / "x")})


def test_a_week_is_made_of_its_days_in_small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in weekdays(MONDAY, 5):
        record(tmp_path / "raw_ticks", day, (9,))
        archive(rules(tmp_path, kinds=("daily",)), evening(day), day)
    largest = 0
    read = tarfile.ExFileObject.read

    def watched(self: tarfile.ExFileObject, size: int = -1) -> bytes:
        nonlocal largest
        piece = read(self, size)
        largest = max(largest, len(piece))
        return piece

    monkeypatch.setattr(tarfile.ExFileObject, "read", watched)
    monkeypatch.setattr(module, "_PIECE", 1000)
    monkeypatch.setattr("muhurat.capture.archive.shelf.verified", None)  # nothing is decompressed
    following = MONDAY + timedelta(days=7)
    report = archive(rules(tmp_path), evening(following), following)
    assert (report.failed, [step.file.name for step in report.steps if step.what == "bundle"]) == (
        [],
        ["journal_2025-W36.tar"],
    )
    week = check_bundle(tmp_path / "archive/weekly/journal_2025-W36.tar")
    assert [hour.hour for hour in week.hours] == [f"{day:%Y%m%d}_0900" for day in weekdays(MONDAY, 5)]
    assert largest < 20_000


@pytest.mark.parametrize(
    ("day", "weekly", "sunday", "monthly", "last"),
    [
        (date(2025, 9, 1), "2025-W36", date(2025, 9, 7), "2025-09", date(2025, 9, 30)),
        (date(2024, 12, 30), "2025-W01", date(2025, 1, 5), "2024-12", date(2024, 12, 31)),
        (date(2024, 2, 29), "2024-W09", date(2024, 3, 3), "2024-02", date(2024, 2, 29)),
    ],
)
def test_periods_begin_on_mondays_and_firsts(day: date, weekly: str, sunday: date, monthly: str, last: date) -> None:
    assert (period_of("daily", day), last_day("daily", str(day))) == (str(day), day)
    assert (period_of("weekly", day), last_day("weekly", weekly)) == (weekly, sunday)
    assert (period_of("monthly", day), last_day("monthly", monthly)) == (monthly, last)
