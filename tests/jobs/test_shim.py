"""The process around an attempt, run as the runner runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from muhurat.jobs.attempt_log import LONGEST, AttemptLog

FULL = Path("/dev/full")


def attempt(folder: Path, text: str, **changes: Any) -> tuple[int, dict[str, Any], Path]:
    """Run one attempt of a script to its end: exit code, what was written down, and the log."""
    code = shim(folder, text, **changes)
    return code, json.loads((folder / "result.json").read_text()), folder / "job.log"


def shim(folder: Path, text: str, **changes: Any) -> int:
    """Run one attempt of a script to its end: the exit code."""
    script = folder / "job.py"
    script.write_text(text)
    spec = {
        "command": [],
        "script": str(script),
        "arguments": [],
        "folder": str(folder),
        "log": str(folder / "job.log"),
        "result": str(folder / "result.json"),
        "outcome": str(folder / "outcome.json"),
        "timeout_s": 20,
        "grace_s": 0.3,
        "inherited": [],
    } | changes
    (folder / "spec.json").write_text(json.dumps(spec))
    own = {"MUHURAT_RUN_RESULT": spec["outcome"], "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-P", "-m", "muhurat.jobs.shim", str(folder / "spec.json")]
    return subprocess.run(command, env={**os.environ, **own}, check=False, start_new_session=True).returncode


def test_exit_code_output_and_outcome_are_written_down(tmp_path: Path) -> None:
    text = (
        "import os; open(os.environ['MUHURAT_RUN_RESULT'], 'w').write('{\"rows\": 7, \"note\": \"seven\"}'); print(1)"
    )
    code, told, log = attempt(tmp_path, text)
    assert (code, told["state"], told["exit_code"], told["rows"], told["note"]) == (0, "ended", 0, 7, "seven")
    assert log.read_text() == "1\n"


def test_a_job_whose_beginning_cannot_be_written_down_is_not_started_and_may_be_tried_again(tmp_path: Path) -> None:
    """A runner that dies then would take it for one that never began, and start it a second time."""
    gone = tmp_path / "gone" / "result.json"
    code = shim(tmp_path, "open('ran', 'w')", result=str(gone))
    assert code == 75
    assert not (tmp_path / "ran").exists()


def test_the_last_line_explains_a_failure_that_says_nothing_else(tmp_path: Path) -> None:
    code, told, _ = attempt(tmp_path, "raise ValueError('column TckrSymb is missing')")
    assert (code, told["note"]) == (1, "ValueError: column TckrSymb is missing")


def test_much_output_is_kept_whole_and_does_not_block_the_job(tmp_path: Path) -> None:
    code, _, log = attempt(tmp_path, "for n in range(200_000): print(n)")
    assert code == 0
    assert log.read_text().splitlines()[-1] == "199999"
    assert log.stat().st_size == sum(len(str(n)) + 1 for n in range(200_000))


def test_a_full_disk_loses_output_and_not_the_job(tmp_path: Path) -> None:
    code, told, _ = attempt(tmp_path, "print('x' * 100_000)", log=str(FULL))
    assert (code, told["exit_code"]) == (0, 0)


def test_a_log_ends_at_its_limit_and_says_so(tmp_path: Path) -> None:
    log = AttemptLog(tmp_path / "log", set())
    for _ in range(LONGEST // 1_000_000 + 2):
        log.write(b"x" * 1_000_000)
    log.close()
    assert (tmp_path / "log").stat().st_size < LONGEST + 1000
    with (tmp_path / "log").open("rb") as file:
        file.seek(-100, os.SEEK_END)
        assert b"[2,000,000 bytes of output are not kept: a log ends at 50,000,000 bytes]" in file.read()


def test_what_a_job_leaves_running_in_its_group_is_ended_with_it(tmp_path: Path) -> None:
    text = "import subprocess; print(subprocess.Popen(['sleep', '30']).pid)"
    began = time.monotonic()
    code, _, log = attempt(tmp_path, text)
    assert code == 0
    assert time.monotonic() - began < 5
    assert not Path(f"/proc/{log.read_text().strip()}/exe").exists()


def test_a_job_that_ignores_sigterm_is_killed_after_its_time(tmp_path: Path) -> None:
    text = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)"
    began = time.monotonic()
    code, told, _ = attempt(tmp_path, text, timeout_s=0.3)
    assert (code, told["exit_code"], told["timed_out"]) == (137, -9, True)
    assert time.monotonic() - began < 3


def test_it_starts_quickly(tmp_path: Path) -> None:
    """Some 50 ms; here only that it stays far from the imports of the command line."""
    heavy = (
        "import muhurat.jobs.shim, sys; print({'pydantic', 'sqlalchemy', 'structlog', 'msgspec'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-P", "-c", heavy], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "set()"
