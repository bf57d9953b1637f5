from __future__ import annotations

import json
import os
from datetime import date, timedelta
from pathlib import Path

from muhurat.jobs.old_logs import old_logs, remove_log

TODAY = date(2026, 9, 22)


def said(path: Path, day: date) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x\n" + json.dumps({"timestamp": f"{day}T15:30:00.000+05:30", "event": "last"}) + "\n")


def test_a_log_set_aside_is_as_old_as_its_last_line_says(tmp_path: Path) -> None:
    """A rehearsed day is not that of the machine's clock."""
    for number, days in ((1, 6), (2, 7), (3, 30)):
        said(tmp_path / f"recorder.log.{number}", TODAY - timedelta(days=days))
    said(tmp_path / "recorder.log", TODAY - timedelta(days=90))
    said(tmp_path / "recorder_output.log", TODAY - timedelta(days=90))
    said(tmp_path / "recorder.log.gz", TODAY - timedelta(days=90))
    assert [path.name for path in old_logs(tmp_path, 7, TODAY)] == ["recorder.log.2", "recorder.log.3"]


def test_one_that_does_not_say_is_as_old_as_its_file(tmp_path: Path) -> None:
    for name, day in (("old.log.1", date(2026, 9, 1)), ("new.log.1", TODAY), ("none.log.1", date(2026, 9, 1))):
        (tmp_path / name).write_text("" if name.startswith("none") else "no JSON\n")
        at = (day - date(1970, 1, 1)).days * 86_400 + 43_200
        os.utime(tmp_path / name, (at, at))
    assert [path.name for path in old_logs(tmp_path, 7, TODAY)] == ["none.log.1", "old.log.1"]


def test_the_attempts_of_a_day_go_together(tmp_path: Path) -> None:
    for day in ("2026-09-15", "2026-09-16", "2026-99-99"):
        (tmp_path / "jobs" / day).mkdir(parents=True)
        (tmp_path / "jobs" / day / "span.1.log").write_text("12345")
    (old,) = old_logs(tmp_path, 7, TODAY)
    remove_log(old)
    assert sorted(path.name for path in (tmp_path / "jobs").iterdir()) == ["2026-09-16", "2026-99-99"]


def test_without_logs_there_is_nothing_old(tmp_path: Path) -> None:
    assert list(old_logs(tmp_path / "nothing", 7, TODAY)) == []
