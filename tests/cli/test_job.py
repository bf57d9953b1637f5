"""`muhurat job`: the registry's processes, the package's jobs, the schema, and a new job that passes its own test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from muhurat.cli import main as command_line
from muhurat.jobs.base import LIBRARY
from tests.jobs.registries import entry, read, write

DESK = "desk: {name: x}\njobs: {path_map: {'C:\\QXT': qxt}}\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desk's folder, which is also the working folder."""
    (tmp_path / "desk.yaml").write_text(DESK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def main(*arguments: str) -> int:
    """Run the command line; its exit code."""
    try:
        return command_line(arguments)
    except SystemExit as left:
        return int(left.code or 0)


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main("job", "list", "--json", *arguments) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class TestList:
    def test_the_processes_of_the_registry_in_order(self, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (desk / "qxt").mkdir()
        (desk / "qxt" / "a.py").touch()
        late, script = entry("Late", order=9, process_type="EOD"), entry("Mine", "C:\\QXT\\a.py", order=2)
        write(desk, late, script | {"parameter": {}, "depends_on": ["First"]}, entry("First", order=1, is_active=False))
        found = rows(capsys)
        assert [(row["phase"], row["order"], row["name"], row["active"]) for row in found] == [
            ("BOD", 1, "first", False),
            ("BOD", 2, "mine", True),
            ("EOD", 9, "late", True),
        ]
        assert found[1]["runs"] == str(desk / "qxt" / "a.py")
        assert found[1]["depends_on"] == ["first"]

    def test_warnings_stand_beside_the_list(self, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(desk, entry("Cash margin", "builtin:upload_cash_margin"))
        assert main("job", "list") == 0
        shown = capsys.readouterr()
        assert "builtin:upload_cash_margin" in shown.out
        assert "note: processes: nothing backs the database up before Cash margin" in shown.err

    def test_a_wrong_registry_is_explained(self, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(desk, entry("A", parametr={}))
        assert main("job", "list") == 2
        assert "processes[0].parametr: unknown key (did you mean 'parameter'?)" in capsys.readouterr().err

    def test_a_desk_without_jobs_says_what_to_add(self, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (desk / "desk.yaml").write_text("desk: {name: x}\n")
        assert main("job", "list") == 2
        assert "`jobs: {}`" in capsys.readouterr().err

    def test_all_jobs_of_the_package_need_no_desk(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        found = {row["name"]: row for row in rows(capsys, "--all")}
        assert set(found) == set(LIBRARY)
        copy = {option["name"]: option["required"] for option in found["copy_files_src_dst"]["options"]}
        assert (copy["source"], copy["wait_s"]) == (True, False)
        assert all(row["what"].endswith(".") for row in found.values())


def test_the_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("job", "schema") == 0
    assert json.loads(capsys.readouterr().out)["title"] == "process.json"


class TestNew:
    def test_it_passes_its_own_test_and_its_entry_is_valid(
        self, desk: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main("job", "new", "copy_span_files") == 0
        shown = capsys.readouterr().out
        start = shown.index("{")
        document = json.loads(shown[start : shown.rindex("}") + 1])
        (desk / "process.json").write_text(json.dumps(document))
        (process,) = read(desk / "process.json").processes
        assert process.script == desk / "jobs" / "copy_span_files.py"
        test = desk / "tests" / "test_copy_span_files.py"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(desk), str(test)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=desk)
        assert done.returncode == 0, done.stdout
        assert "6 passed" in done.stdout

    def test_beside_a_registry_only_the_entry_is_printed(self, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(desk, entry("A"))
        assert main("job", "new", "mine") == 0
        shown = capsys.readouterr().out
        added = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
        write(desk, entry("A"), added)
        assert [process.name for process in read(desk / "process.json").processes] == ["a", "mine"]

    def test_the_script_runs_alone_from_any_folder(self, desk: Path) -> None:
        assert main("job", "new", "mine", "--json") == 0
        (desk / "in").mkdir()
        (desk / "in" / "mine_1.csv").write_text("Symbol,Name\nTCS,Tata Consultancy\n")
        command = [sys.executable, "-I", str(desk / "jobs" / "mine.py"), "--source", str(desk / "in" / "*.csv")]
        done = subprocess.run(
            [*command, "--destination", str(desk / "out")], capture_output=True, text=True, check=False, cwd="/"
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert (desk / "out" / "mine_1.csv").read_text().splitlines() == ["Symbol,Name", "TCS,Tata Consultancy"]
        missing = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
        assert missing.returncode == 2
        assert "--destination" in missing.stderr

    @pytest.mark.parametrize("taken", ["jobs/mine.py", "tests/test_mine.py"])
    def test_it_never_writes_over_a_file(self, desk: Path, capsys: pytest.CaptureFixture[str], taken: str) -> None:
        path = desk / taken
        path.parent.mkdir()
        path.write_text("mine")
        assert main("job", "new", "mine") == 2
        assert "exists already" in capsys.readouterr().err
        assert path.read_text() == "mine"
        assert [each for each in desk.rglob("*mine.py") if each != path] == []

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("Copy-Span", "is no name for a job"),
            ("../mine", "is no name for a job"),
            ("import", "is no name for a job"),
            ("csv", "is a module of Python"),
            ("db_backup", "is a job of the package"),
        ],
    )
    def test_names_that_cannot_be(
        self, desk: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
    ) -> None:
        assert main("job", "new", name) == 2
        assert message in capsys.readouterr().err

    def test_it_wants_a_desk(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main("job", "new", "mine", "--desk", str(tmp_path / "none" / "desk.yaml")) == 2
        assert "muhurat init" in capsys.readouterr().err
