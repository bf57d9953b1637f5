"""The steps of services, kept in a small file that survives crashes, full disks and years."""

from __future__ import annotations

from pathlib import Path

import pytest

from muhurat.supervisor.history import History, read_history
from muhurat.supervisor.jsonlines import KEPT


def test_steps_are_read_back_in_order(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.note(1, "recorder", "starting", "pid 7")
    history.note(2, "recorder", "running", "पैसा")
    assert read_history(tmp_path) == [
        {"at_ns": 1, "service": "recorder", "state": "starting", "detail": "pid 7"},
        {"at_ns": 2, "service": "recorder", "state": "running", "detail": "पैसा"},
    ]


def test_a_line_cut_by_a_crash_costs_that_line_only(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.note(1, "recorder", "starting", "")
    with (tmp_path / "history.jsonl").open("ab") as file:
        file.write(b'{"at_ns": 2, "serv')
    history.note(3, "recorder", "running", "")
    assert [step["at_ns"] for step in read_history(tmp_path)] == [1, 3]


def test_trimming_keeps_the_newest_steps(tmp_path: Path) -> None:
    history = History(tmp_path)
    for at_ns in range(KEPT + 50):
        history.note(at_ns, "recorder", "running", "")
    history.trim()
    history.note(-1, "recorder", "stopped", "")
    lines = (tmp_path / "history.jsonl").read_bytes().splitlines()
    assert len(lines) == KEPT + 1
    assert [step["at_ns"] for step in read_history(tmp_path)][-2:] == [KEPT + 49, -1]
    assert len(read_history(tmp_path)) == KEPT


def test_trimming_keeps_a_file_of_few_long_lines_small_too(tmp_path: Path) -> None:
    history = History(tmp_path)
    for at_ns in range(30):
        history.note(at_ns, "recorder", "backoff", "why " * 12_000)
    before = (tmp_path / "history.jsonl").stat().st_size
    history.trim()
    assert (tmp_path / "history.jsonl").stat().st_size < before
    assert read_history(tmp_path)[-1]["at_ns"] == 29


def test_there_may_be_nothing_to_trim(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.trim()
    history.note(1, "recorder", "running", "")
    history.trim()
    assert [step["at_ns"] for step in read_history(tmp_path)] == [1]


def test_a_disk_that_refuses_the_line_does_not_stop_the_supervisor(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "history.jsonl").symlink_to("/dev/full")
    History(tmp_path).note(1, "recorder", "running", "")
    assert "No space left on device" in caplog.text
