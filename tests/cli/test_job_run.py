"""`muhurat job run`: one job by hand, in any folder with a desk file, its secrets out of sight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

CSV = "Segment,Available,Used,Opening\nequity,950000,50000,1000000\n"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "desk.yaml").write_text("desk: {name: x}\n")
    (tmp_path / "cash.csv").write_text(CSV)
    return tmp_path


def start(desk: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "muhurat", "job", "run", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=desk, env={**os.environ, **environment}, stdout=pipe, stderr=pipe, text=True)


def run(desk: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    process = start(desk, *arguments, **environment)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_a_job_runs_alone_in_a_folder_with_a_desk_file(desk: Path) -> None:
    code, out, err = run(desk, "upload_cash_margin", "--file", "cash.csv", "--json")

    assert (code, err.splitlines()[:1]) == (0, ["reading margins"])
    assert json.loads(out) | {"note": ""} == {
        "job": "upload_cash_margin",
        "note": "",
        "rows": 1,
        "files": [],
        "source": "cash.csv",
        "any_count": True,
    }
    assert (desk / "data" / "reference.db").exists()


def test_options_are_written_with_dash_or_underscore_or_equals(desk: Path) -> None:
    (desk / "h.csv").write_text("TradingSymbol,Exchange,Isin,Quantity,AveragePrice,LastPrice\n")
    (desk / "p.csv").write_text("TradingSymbol,Exchange,Product,Quantity,AveragePrice,LastPrice,Pnl\n")

    code, out, _ = run(desk, "upload_holding_and_position", "--holdings-file=h.csv", "--positions_file", "p.csv")

    assert code == 0
    assert "0 holdings, 0 positions" in out


def test_the_date_is_the_business_date(desk: Path) -> None:
    run(desk, "upload_cash_margin", "--file", "cash.csv", "--date", "2026-09-22")

    from muhurat.stores.registry import open_reference_store

    store = open_reference_store("sqlite:///./data/reference.db", base=desk)
    assert [f"{row['AsOf']}" for row in store.read("Margins")] == ["2026-09-22"]
    store.close()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("upload_cash_margins",), "did you mean upload_cash_margin?"),
        (("upload_cash_margin", "--fil", "x"), "did you mean --file?"),
        (("upload_cash_margin", "--date", "tomorrow"), "--date 'tomorrow' is no date"),
        (("upload_cash_margin", "--file", "a", "b"), "--file takes one value, and there are 2"),
        (("upload_cash_margin", "--file"), "--file has no value"),
        (("db_backup", "--output_dir", "--no_compress"), "--output_dir has no value"),
        (("upload_cash_margin", "cash.csv"), "'cash.csv' belongs to no option"),
        (("upload_cash_margin", "--file", "${env:NOT_SET_ANYWHERE}"), "NOT_SET_ANYWHERE is not set"),
        (("db_clean",), "--tables: Field required"),
    ],
)
def test_wrong_use_names_the_offender(desk: Path, arguments: tuple[str, ...], complaint: str) -> None:
    code, _, err = run(desk, *arguments)

    assert code == 2
    assert complaint in err


def test_a_failure_has_exit_code_1_and_tells_the_cause_and_the_remedy(desk: Path) -> None:
    code, _, err = run(desk, "upload_cash_margin", "--file", "nowhere.csv")

    assert code == 1
    assert "nowhere.csv cannot be read" in err
    assert "hint: a CSV with the columns Segment" in err


def test_a_failure_that_may_pass_has_exit_code_75(desk: Path) -> None:
    (desk / "desk.yaml").write_text("desk: {name: x}\nvenues: {nse: {archives: 'http://127.0.0.1:1'}}\n")

    code, _, err = run(desk, "download_banned_instruments", "--date", "2026-09-22")

    assert code == 75
    assert "127.0.0.1:1" in err


def test_the_result_goes_to_the_file_that_the_runner_named(desk: Path) -> None:
    result = desk / "result.json"

    run(desk, "upload_cash_margin", "--file", "cash.csv", MUHURAT_RUN_RESULT=str(result))
    told = json.loads(result.read_text())
    assert (told["rows"], told["facts"]) == (1, {"source": "cash.csv", "any_count": True})

    run(desk, "upload_cash_margin", "--file", "nowhere.csv", MUHURAT_RUN_RESULT=str(result))
    told = json.loads(result.read_text())
    assert "cannot be read" in told["note"]
    assert told["facts"] == {"permanent": True}


def test_a_password_on_the_command_line_is_gone_from_the_process_list_at_once(desk: Path) -> None:
    (desk / "desk.yaml").write_text("desk: {name: x}\n")
    with_password = ("--host", "127.0.0.1", "--port", "1", "--user", "u", "--password", "Tell-Nobody-77")
    files = ("--remote-file", "/x", "--local-file", "x")
    process = start(desk, "ftp_downloader", *with_password, *files, "--timeout_s", "2")
    line = Path(f"/proc/{process.pid}/cmdline")
    limit = time.monotonic() + 20
    while b"MUHURAT_ARGUMENT_PASSWORD" not in line.read_bytes() and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)  # in the moment of its new start it has no command line at all

    assert process.poll() is None, "it was over before it could be looked at"
    assert b"Tell-Nobody-77" not in line.read_bytes()
    out, err = process.communicate(timeout=60)
    assert "Tell-Nobody-77" not in out + err
    assert process.returncode != 0


@pytest.mark.parametrize("password", ["word", "f", "s3cret=word=", "pre-${env:REST_OF_IT}"])
def test_a_password_on_the_command_line_reaches_the_job_whatever_it_looks_like(password: str) -> None:
    from muhurat.cli import job_run
    from muhurat.jobs.base import job_named

    written = ("--host", "h", "--user", "f", f"--password={password}", "--remote-file", "/f", "--local-file", "f")
    started: list[str] = []

    def exec_instead(_program: str, arguments: list[str]) -> None:
        started.extend(arguments[3:])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["muhurat", *written])
        patch.setattr(os, "execv", exec_instead)
        patch.setenv("MUHURAT_ARGUMENT_PASSWORD", "")
        job = job_named("ftp_downloader")
        job_run._out_of_sight(job, dict(job_run._parsed(job, written)))
        again = dict(job_run._parsed(job, started))
        options = job_run._options(job, again, {**os.environ, "REST_OF_IT": "word"})

    assert started[4] == "--password=${env:MUHURAT_ARGUMENT_PASSWORD}"
    assert (options.user, options.remote_file) == ("f", "/f")  # type: ignore[attr-defined]
    assert options.password.get_secret_value() == password.replace("${env:REST_OF_IT}", "word")  # type: ignore[attr-defined]
