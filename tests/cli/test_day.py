"""`muhurat day` on a desk with small scripts, through the command line and its processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from muhurat.cli import main as command_line

DAY = ["--date", "2026-11-20"]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desk in a folder with a space in its name; `load` fails until a file `there` exists."""
    folder = tmp_path / "my desk"
    folder.mkdir()
    (folder / "desk.yaml").write_text(
        "desk: {name: x}\ncalendar: {mic: XNSE, segment: FO}\njobs: {registry: process.json}\n"
    )
    (folder / "say.py").write_text("import sys; print(sys.argv[1:])\n")
    (folder / "load.py").write_text(
        "import pathlib, sys\nif not pathlib.Path('there').exists():\n    sys.exit('no bhavcopy of today')\n"
    )
    say, load = {"application_path": "${base_path}/say.py"}, {"application_path": "${base_path}/load.py", "retries": 0}
    jobs: list[dict[str, Any]] = [
        {"title": "Backup", "process_type": "BOD", **say, "parameter": {"tables": ["A", "B"]}},
        {"title": "Load", "process_type": "BOD", **load, "depends_on": ["Backup"]},
        {"title": "Gainers", "process_type": "BOD", **say, "depends_on": ["Load"], "on_failure": "warn"},
        {"title": "Report", "process_type": "EOD", **say},
    ]
    jobs = [{**job, "order": number, "is_active": True} for number, job in enumerate(jobs, 1)]
    (folder / "process.json").write_text(json.dumps({"base_path": str(folder), "processes": jobs}))
    monkeypatch.chdir(folder)
    return folder


def main(*arguments: str) -> int:
    try:
        return command_line(list(arguments))
    except SystemExit as left:
        return int(left.code or 0)


def states(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    capsys.readouterr()
    assert main("day", "status", *DAY, "--json") == 0
    return {job["name"]: job["state"] for job in json.loads(capsys.readouterr().out)["jobs"]}


def test_plan_tells_the_verdict_the_order_and_the_deadlines(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("day", "plan", *DAY, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["open"], told["why"]) == (True, "regular")
    bod, eod = told["phases"]
    assert [(job["name"], job["wave"]) for job in bod["jobs"]] == [("backup", 1), ("load", 2), ("gainers", 3)]
    assert (bod["begins"][11:16], bod["deadline"][11:16], eod["begins"][11:16]) == ("08:00", "09:00", "15:50")
    assert main("day", "plan", "--date", "2026-11-24") == 0
    out = capsys.readouterr().out
    assert "closed (Prakash Gurpurb" in out
    assert "XNSE is closed" in out


def test_a_failed_day_says_why_and_goes_on_from_there(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("day", "run", "bod", *DAY) == 1
    out = capsys.readouterr().out
    assert "load: Failed (late): no bhavcopy of today" in out
    assert "not done: load failed: no bhavcopy of today" in out
    assert states(capsys) == {"backup": "Successful", "load": "Failed", "gainers": "Late", "report": "Pending"}
    (desk / "there").touch()
    assert main("day", "rerun", "--from-failed", *DAY) == 0
    assert states(capsys) == {
        "backup": "Successful",
        "load": "Successful",
        "gainers": "Successful",
        "report": "Pending",
    }
    assert (desk / "logs/jobs/2026-11-20/backup.1.log").read_text() == "['--tables', 'A', 'B']\n"
    assert (desk / "logs/jobs/2026-11-20/load.2.log").exists()


def test_one_job_can_be_named(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("day", "run", "bod", *DAY, "--only", "backup") == 0
    assert states(capsys)["load"] == "Late"
    assert main("day", "run", "bod", *DAY, "--only", "bakcup") == 2
    assert "did you mean backup?" in capsys.readouterr().err
    assert main("day", "run", "noon", *DAY) == 2


def test_a_closed_day_skips_with_the_calendars_reason(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("day", "run", "bod", "--date", "2026-11-24", "--json") == 0
    jobs = json.loads(capsys.readouterr().out)["jobs"]
    assert {job["state"] for job in jobs} == {"Skipped"}
    assert jobs[0]["reason"].startswith("XNSE is closed: Prakash Gurpurb")


def test_hold_release_skip_and_override_are_kept_with_who_and_why(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("day", "hold", "backup", "--why", "disk is being changed", *DAY) == 0
    assert main("day", "run", "bod", *DAY) == 1
    assert "held by" in capsys.readouterr().out
    assert main("day", "release", "backup", *DAY) == 0
    assert main("day", "skip", "load", "--why", "loaded by hand", *DAY) == 0
    assert main("day", "run", "bod", *DAY) == 0
    assert states(capsys)["load"] == "Skipped"
    assert main("day", "skip", "load", "--why", " ", *DAY) == 2
    assert main("day", "override", "backup", "--why", "x", *DAY) == 2
    assert "is done already" in capsys.readouterr().err


def test_without_jobs_in_the_desk_file_it_says_what_to_add(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "desk.yaml").write_text("desk: {name: x}\n")
    assert main("day", "status") == 2
    assert "add `jobs: {registry: process.json}`" in capsys.readouterr().err


def test_the_service_runs_the_day_and_the_command_line_hands_over_to_it(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the machine's own clock: the service has today, so a person's `day run` is done by it."""
    weekday = (
        "desk: {name: x}\ncalendar: {mic: XNSE, segment: FO}\njobs: {registry: process.json, bod: {at: '23:59:58'}}\n"
    )
    (desk / "desk.yaml").write_text(weekday)
    registry = json.loads((desk / "process.json").read_text())
    for job in registry["processes"]:
        job["run_on_holidays"] = True
    (desk / "process.json").write_text(json.dumps(registry))
    (desk / "there").touch()
    service = subprocess.Popen([sys.executable, "-m", "muhurat", "day", "serve"], cwd=desk)
    try:
        limit = time.monotonic() + 10
        while not list((desk / "run/jobs").glob("runner.*.BOD.lock")) and time.monotonic() < limit:
            time.sleep(0.05)
        time.sleep(0.2)
        assert main("day", "run", "bod") == 0
        capsys.readouterr()
        assert main("day", "status", "--json") == 0
        jobs = json.loads(capsys.readouterr().out)["jobs"]
        assert {job["state"] for job in jobs if job["phase"] == "BOD"} == {"Successful"}
        assert all(len(job["attempts"]) == 1 for job in jobs if job["phase"] == "BOD")
    finally:
        service.send_signal(signal.SIGTERM)
    assert service.wait(10) == 0


def test_a_user_without_a_name_is_kept_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    from muhurat.cli.day import _user

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)

    assert _user() == "uid 54321"
