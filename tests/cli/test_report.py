"""`muhurat report`: the verb against the three functions of the composition root that it calls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from muhurat.cli import main as command_line
from muhurat.clock import ENVIRONMENT_VARIABLE, ClockPage
from tests.web.made import FEED, MadeDesk, at, lines


def main(arguments: list[str]) -> int:
    """Run the command line; its exit code."""
    try:
        return command_line(arguments)
    except SystemExit as left:
        return int(left.code or 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desk's folder after a session that nothing was recorded of, on the afternoon of the day."""
    made = MadeDesk(tmp_path, "15:50")
    made.decide(lines())
    (tmp_path / "desk.yaml").write_text(
        f"desk: {{name: made}}\nvenues: {{kite: }}\nfeeds: {{{FEED}: {{venue: kite, universe: sensex_atm}}}}\n"
        "trading: {mode: test}\n"
    )
    ClockPage.create(tmp_path / "clock", at("15:50"))
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "clock"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_report_of_today_is_kept_and_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 0
    shown = capsys.readouterr().out
    assert "Thursday 19 November 2026: not sound" in shown
    assert f"Not so: {FEED} was recorded (0 packets)" in shown
    kept = json.loads((folder / "data/reports/2026-11-19.json").read_text())
    assert (kept["ok"], kept["pnl"]) == (False, -469.04)
    assert "not sound" in (folder / "data/reports/2026-11-19.html").read_text()


def test_json_is_the_document_that_was_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--json", "--desk", str(folder / "desk.yaml")]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads((folder / "data/reports/2026-11-19.json").read_text())


def test_another_day_can_be_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--date", "2026-11-21", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["date"] == "2026-11-21"
    assert (folder / "data/reports/2026-11-21.html").exists()


def test_a_date_that_is_none_is_wrong_use(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--date", "yesterday"]) == 2
    assert "does not match" in capsys.readouterr().err
