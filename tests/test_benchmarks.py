"""The benchmark runner: finds its files, tells the truth about bars, leaves results for programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import Result, faster, within
from benchmarks.__main__ import cells, main

FAST = faster("decode", ours=240.0, baseline=2.0, bar=100, unit="k/s")
SLOW = faster("decode", ours=240.0, baseline=2.0, bar=150, unit="k/s", note="on 2 cores")
CHEAP = within("help", ours=0.1, baseline=0.01, bar=0.3, unit="s")
DEAR = within("help", ours=0.4, baseline=0.01, bar=0.3, unit="s")


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: list[Result]) -> None:
    for name, results in files.items():
        (folder / f"bench_{name}.py").touch()
        module = ModuleType(f"benchmarks.bench_{name}")
        module.run = lambda found=results: found  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_a_bar_is_a_least_ratio_or_a_limit() -> None:
    assert [result.passed for result in (FAST, SLOW, CHEAP, DEAR)] == [True, False, True, False]


def test_a_row_shows_figure_baseline_ratio_and_bar() -> None:
    assert cells(SLOW) == ("decode", "240 k/s", "2 k/s", "120×", "≥ 150×", "MISSED on 2 cores")
    assert cells(CHEAP) == ("help", "0.1 s", "0.01 s", "10×", "≤ 0.3 s", "")


def test_all_files_run_and_leave_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, monkeypatch, one=[FAST], two=[CHEAP])
    assert main([], folder=tmp_path) == 0
    written = json.loads((tmp_path / "results.json").read_text())
    assert {name: [row["passed"] for row in rows] for name, rows in written.items()} == {"one": [True], "two": [True]}
    assert written["one"][0]["ratio"] == 120


def test_a_missed_bar_fails_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, monkeypatch, one=[FAST, DEAR])
    assert main([], folder=tmp_path) == 1


def test_one_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    plant(tmp_path, monkeypatch, one=[FAST], two=[DEAR])
    assert main(["one"], folder=tmp_path) == 0
    assert main(["three"], folder=tmp_path) == 2
    assert "there are: one, two" in capsys.readouterr().err
