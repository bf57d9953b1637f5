from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from muhurat.capture.journal import HourPaths
from muhurat.clock import ENVIRONMENT_VARIABLE, ClockPage, ist_ns
from tests.capture.archive.hours import FEED, MONDAY, OTHER, record
from tests.capture.support import HOUR_NS, NINE, message, open_writer
from tests.cli.test_journal import TOKEN, full_packet, index_packet, kite_message, printed, ran

EVENING = ist_ns(MONDAY, time(16, 0))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desk of two feeds on the evening of a Monday that it recorded."""
    feed = {"venue": "kite", "universe": "sensex_atm"}
    content: dict[str, Any] = {
        "desk": {"name": "x"},
        "venues": {"kite": {}},
        "feeds": {FEED: feed, OTHER: feed},
        "data_retention": {"hot_storage_days": 0},
    }
    (tmp_path / "desk.yaml").write_text(yaml.safe_dump(content))
    for name in (FEED, OTHER):
        record(tmp_path / "data" / "raw_ticks", MONDAY, feed=name)
    ClockPage.create(tmp_path / "clock", EVENING)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "clock"))
    return tmp_path / "desk.yaml"


def hour(desk: Path, feed: str, name: str = "20250901_0900") -> HourPaths:
    return HourPaths(desk.parent / "data" / "raw_ticks" / feed, feed, name)


def test_a_desk_archives_all_its_feeds_and_says_what_it_did(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("journal", "archive", "--desk", desk, "--dry-run", "--json") == 0
    told = printed(capsys)
    assert (told["dry_run"], told["hours"]) == (True, 4)
    assert not hour(desk, FEED).zst.exists()

    assert ran("journal", "archive", "--desk", desk, "--json") == 0
    told = printed(capsys)
    assert (told["date"], told["dry_run"], told["hours"], told["files_removed"]) == ("2025-09-01", False, 4, 4)
    assert [step["what"] for step in told["steps"]] == ["compress"] * 4 + ["bundle"] + ["remove raw"] * 4
    for feed in (FEED, OTHER):
        assert (hour(desk, feed).zst.exists(), hour(desk, feed).bin.exists()) == (True, False)


def test_one_feed_is_archived_by_its_name(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("journal", "archive", OTHER, "--desk", desk) == 0
    assert "other_20250901_0900.bin.zst" in capsys.readouterr().out
    assert (hour(desk, FEED).zst.exists(), hour(desk, OTHER).zst.exists()) == (False, True)
    assert ran("journal", "archive", "--desk", desk) == 0
    assert hour(desk, FEED).zst.exists()


def test_a_folder_is_archived_without_bundles(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = desk.parent / "data" / "raw_ticks"
    assert ran("journal", "archive", folder, "--json") == 0
    assert {step["what"] for step in printed(capsys)["steps"]} == {"compress"}
    assert hour(desk, FEED).bin.exists()
    assert not list(desk.parent.rglob("*.tar"))


def test_only_what_a_date_has_is_archived(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("journal", "archive", "--desk", desk, "--date", MONDAY - timedelta(days=1), "--json") == 0
    assert printed(capsys)["steps"] == []


def test_what_fails_is_told_and_the_exit_code_says_so(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (hour(desk, FEED).zst).write_bytes(b"spoilt")
    assert ran("journal", "archive", "--desk", desk, "--json") == 1
    told = printed(capsys)
    assert {failed["file"] for failed in told["failed"]} == {"journal_2025-09-01.tar", "desk_20250901_0900.bin"}
    assert all(failed["hint"] for failed in told["failed"])
    assert hour(desk, FEED).bin.exists()


def test_neither_a_folder_nor_a_feed_is_refused(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("journal", "archive", "nobody", "--desk", desk) == 2
    assert "feeds: desk, other" in capsys.readouterr().err


def test_a_bundle_is_restored_by_one_command(desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("journal", "archive", "--desk", desk) == 0
    capsys.readouterr()
    bundle = tmp_path / "data/archive/daily/journal_2025-09-01.tar"
    assert ran("journal", "restore", bundle, "--to", tmp_path / "back", "--json") == 0
    told = printed(capsys)
    assert (told["files"], len(told["restored"])) == (12, 12)
    assert ran("journal", "verify", tmp_path / "back", "--json") == 0
    assert printed(capsys)["records"] == 12
    (tmp_path / "back" / FEED / "desk_20250901_0900.idx").write_bytes(b"other")
    assert ran("journal", "restore", bundle, "--to", tmp_path / "back") == 1
    assert "exists already, and differs" in capsys.readouterr().err
    assert ran("journal", "restore", tmp_path / "nothing.tar", "--to", tmp_path) == 2


def test_every_verb_reads_an_archived_hour(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "live" / FEED
    with open_writer(folder) as writer:
        writer.append([message(kite_message(index_packet(), full_packet()), minute * 60_000) for minute in range(3)])
        writer.append([(kite_message(index_packet()), NINE + HOUR_NS, 0)])
    raw = {words: _told(capsys, *words) for words in _verbs(folder)}
    assert ran("journal", "archive", folder) == 0
    capsys.readouterr()
    assert not list(folder.glob("*.bin"))
    for words, before in raw.items():
        after = _told(capsys, *words)
        assert after.replace(".bin.zst", ".bin").replace('"archived": true', '"archived": false') == before
    nine = folder / "desk_20250902_0900.bin.zst"
    ticks = _told(capsys, "journal", "decode", nine, "--json", "--from", "09:01", "--to", "09:02").splitlines()
    assert len(ticks) == 2
    assert f'"instrument_token":{TOKEN}' in ticks[1]
    assert ran("journal", "replay", folder, "--into", tmp_path / "again") == 0
    assert ran("journal", "decode", nine, "--from", "nine") == 2


def _verbs(folder: Path) -> list[tuple[str, ...]]:
    return [("journal", verb, str(folder), "--json") for verb in ("info", "verify", "decode")]


def _told(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert ran(*words) == 0
    return capsys.readouterr().out
