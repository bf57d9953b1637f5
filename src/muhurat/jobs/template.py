"""A user's own job to begin with: a script that runs alone, its test, and its entry in `process.json`.

The script keeps to the seed's five responsibilities (locate, exist, sane, process, exit clearly) and imports nothing
but the standard library, so that it needs no package of ours to run or to be tested.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from typing import Any, Final

from muhurat.errors import UsageError
from muhurat.jobs.base import LIBRARY

_SCRIPT: Final = '''\
"""@TITLE@: reads the day's file and leaves a checked copy of it where others read.

Runs alone, from any folder:

    python @NAME@.py --source '/srv/desk/in/@NAME@_*.csv' --destination /srv/desk/out

Exit codes: 0 done; 1 failed; 2 wrong arguments; 75 the file is not there yet, and trying later can help.
"""

import argparse
import csv
import glob
import json
import os
import sys
from pathlib import Path

DONE, FAILED, TRY_LATER = 0, 1, 75

COLUMNS = ("Symbol",)  # the columns that the file has to have


class Trouble(Exception):
    """What went wrong, for people, and the exit code that says so to programs."""

    def __init__(self, message, exit_code=FAILED):
        super().__init__(message)
        self.exit_code = exit_code


def locate(pattern):
    """The newest file that matches; there has to be one."""
    found = [Path(name) for name in glob.glob(pattern) if Path(name).is_file()]
    if not found:
        raise Trouble(f"no file matches {pattern}; has its sender finished?", TRY_LATER)
    return max(found, key=lambda path: path.stat().st_mtime_ns)


def checked(file):
    """The rows of a sound file: not empty, every column there, no line cut off."""
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines, strict=True)
            header, rows = reader.fieldnames or [], list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Trouble(f"{file} is not the CSV it should be: {error}") from error
    lacking = [name for name in COLUMNS if name not in header]
    if lacking:
        raise Trouble(f"{file} lacks the column {', '.join(lacking)}; it has {', '.join(header) or 'none'}")
    if not rows:
        raise Trouble(f"{file} has no rows")
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise Trouble(f"row {number} of {file} has another number of fields than its header")
    return rows


def process(rows, target):
    """Write the rows under a name of its own and rename it: who reads the target sees the old file or the new one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        with part.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def tell_runner(rows, target, note):
    """Give the runner what it shows beside the process; run by hand there is nobody to tell."""
    named = os.environ.get("MUHURAT_RUN_RESULT")
    if named:
        result = {"rows": len(rows), "files": [str(target)], "note": note}
        Path(named).write_text(json.dumps(result), encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(description="@TITLE@.")
    parser.add_argument("--source", required=True, help="a pattern; the newest file that matches is read")
    parser.add_argument("--destination", required=True, type=Path, help="the folder that the copy goes to")
    options = parser.parse_args(arguments)
    try:
        file = locate(options.source)
        rows = checked(file)
        target = options.destination / file.name
        if target.resolve() == file.resolve():
            raise Trouble(f"{target} would be copied onto itself; name another --destination")
        process(rows, target)
    except Trouble as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return trouble.exit_code
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    note = f"{len(rows)} rows of {file} to {target}"
    tell_runner(rows, target, note)
    print(note)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
'''

_TEST: Final = '''\
"""@TITLE@: what it does with a good file, and that it fails clearly without one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "jobs" / "@NAME@.py"
GOOD = "Symbol,Quantity\\nRELIANCE,10\\nTCS,20\\n"


def run(source, destination, **environment):
    command = [sys.executable, str(SCRIPT), "--source", str(source), "--destination", str(destination)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def test_a_good_file_is_copied_and_told(tmp_path, inbox):
    (inbox / "day_20261120.csv").write_text(GOOD)
    result = tmp_path / "result.json"
    done = run(inbox / "day_*.csv", tmp_path / "out", MUHURAT_RUN_RESULT=str(result))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "day_20261120.csv").read_text().splitlines() == GOOD.splitlines()
    assert json.loads(result.read_text())["rows"] == 2


def test_a_missing_file_can_be_tried_later(tmp_path, inbox):
    done = run(inbox / "day_*.csv", tmp_path / "out")
    assert done.returncode == 75
    assert "no file matches" in done.stderr


@pytest.mark.parametrize("content", ["", "Symbol,Quantity\\n", "Name\\nTCS\\n", "Symbol,Quantity\\nTCS\\n"])
def test_a_wrong_file_fails_and_leaves_what_was_there(tmp_path, inbox, content):
    (inbox / "day.csv").write_text(content)
    before = tmp_path / "out" / "day.csv"
    before.parent.mkdir()
    before.write_text(GOOD)
    done = run(inbox / "day.csv", before.parent)
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert before.read_text() == GOOD
    assert [path.name for path in before.parent.iterdir()] == ["day.csv"]
'''


@dataclass(frozen=True, slots=True)
class NewJob:
    """What was written for a new job, and the entry that is to be added to `process.json`."""

    script: Path
    test: Path
    entry: dict[str, Any]


def write_new_job(name: str, folder: Path) -> NewJob:
    """Write `jobs/<name>.py` and `tests/test_<name>.py` in a desk's folder.

    Raises `UsageError` for a name that cannot be one, and when either file exists: nothing is ever written over.
    """
    _check_name(name)
    folder = folder.resolve()
    script, test = folder / "jobs" / f"{name}.py", folder / "tests" / f"test_{name}.py"
    for path in (script, test):
        if path.exists():
            raise UsageError(f"{path} exists already", hint="choose another name, or move the file away")
    title = name.replace("_", " ").capitalize()
    for path, text in ((script, _SCRIPT), (test, _TEST)):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("@NAME@", name).replace("@TITLE@", title))
    parameter = {"source": str(folder / "in" / f"{name}_*.csv"), "destination": str(folder / "out")}
    entry: dict[str, Any] = {"title": title, "process_type": "BOD", "order": 500, "is_active": True}
    return NewJob(script, test, entry | {"application_path": str(script), "parameter": parameter})


def _check_name(name: str) -> None:
    if not (name.isidentifier() and name.isascii() and name == name.lower()) or iskeyword(name) or name[0] == "_":
        plain = "letters a to z, digits and _, and begin with a letter"
        raise UsageError(f"{name!r} is no name for a job", hint=f"use {plain}: copy_span_files")
    if name in LIBRARY:
        raise UsageError(f"{name} is a job of the package", hint=f'use it as "builtin:{name}", or choose another name')
    if name in sys.stdlib_module_names:
        raise UsageError(
            f"{name} is a module of Python, which a script of that name would hide", hint="choose another name"
        )
