"""`muhurat calendar show` and `import`."""

from __future__ import annotations

import json
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from muhurat.cli import main as command_line
from muhurat.clock import ENVIRONMENT_VARIABLE, ClockPage, ist_ns

MASTER = {
    segment: [{"tradingDate": "26-Jan-2027", "weekDay": "Tuesday", "description": "Republic Day"}]
    for segment in ("CM", "FO")
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def main(arguments: list[str]) -> int:
    """Run the command line; its exit code."""
    try:
        return command_line(arguments)
    except SystemExit as left:
        return int(left.code or 0)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["calendar", "show", "--json", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_show_prints_one_line_per_date(capsys: pytest.CaptureFixture[str]) -> None:
    rows = shown(capsys, "--mic", "XNSE", "--segment", "FO", "--from", "2026-07-31", "--to", "2026-08-03")
    assert [row["date"] for row in rows] == ["2026-07-31", "2026-08-01", "2026-08-02", "2026-08-03"]
    assert [row["open"] for row in rows] == [True, False, False, True]
    assert [row["sessions"] for row in rows] == [[["09:15", "15:30"]], [], [], [["09:15", "15:40"]]]
    assert [row["kind"] for row in rows] == ["regular", "weekend", "weekend", "regular"]
    assert "FAOP/74467" in rows[-1]["source"]


def test_show_tells_of_special_sessions_and_holidays(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = shown(capsys, "--mic", "xbom", "--segment", "cm", "--from", "2024-03-02", "--to", "2024-03-02")
    assert (row["kind"], row["sessions"]) == ("dr_test", [["09:15", "10:00"], ["11:30", "12:30"]])
    (row,) = shown(capsys, "--mic", "XNSE", "--from", "2026-11-24", "--to", "2026-11-24")
    assert (row["open"], row["kind"]) == (False, "holiday")
    assert row["name"].startswith("Prakash Gurpurb")


def test_show_says_when_hours_are_not_published(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = shown(capsys, "--mic", "XNSE", "--from", "2026-11-08", "--to", "2026-11-08")
    assert (row["open"], row["kind"], row["sessions"], row["hours_known"]) == (True, "muhurat", [], False)
    assert main(["calendar", "show", "--mic", "XNSE", "--from", "2026-11-08", "--to", "2026-11-08"]) == 0
    assert "not published" in capsys.readouterr().out


def test_show_begins_today_and_shows_a_fortnight(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "clock"
    ClockPage.create(page, ist_ns(date(2026, 11, 20), time(9, 0)))
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(page))
    rows = shown(capsys)
    assert (rows[0]["date"], rows[-1]["date"], len(rows)) == ("2026-11-20", "2026-12-03", 14)


def test_show_refuses_dates_beyond_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calendar", "show", "--mic", "XNSE", "--from", "2026-12-30", "--to", "2027-01-02", "--json"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "not 2027-01-01" in output.err
    assert "muhurat calendar import" in output.err


def test_show_refuses_a_range_that_runs_backwards(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calendar", "show", "--from", "2026-12-30", "--to", "2026-12-01"]) == 2
    assert "comes before --from" in capsys.readouterr().err


def test_import_writes_the_overlay_that_show_then_uses(capsys: pytest.CaptureFixture[str]) -> None:
    Path("master.json").write_text(json.dumps(MASTER))
    assert main(["calendar", "import", "master.json", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["mic"], told["file"], told["written"]) == ("XNSE", "calendars/xnse.toml", True)
    assert {"date": "2027-01-26", "segment": "FO"}.items() <= told["changes"][1].items()
    (row,) = shown(capsys, "--mic", "XNSE", "--from", "2027-01-26", "--to", "2027-01-26")
    assert (row["open"], row["name"]) == (False, "Republic Day")
    assert main(["calendar", "import", "master.json"]) == 0
    assert "nothing" in capsys.readouterr().out


def test_import_can_write_elsewhere_and_show_can_read_it(capsys: pytest.CaptureFixture[str]) -> None:
    Path("line.toml").write_text('mic = "XBOM"\nholidays = [{ day = 2026-12-15, name = "Election", source = "n" }]\n')
    assert main(["calendar", "import", "line.toml", "--out", "mine.toml"]) == 0
    assert "mine.toml" in capsys.readouterr().out
    (row,) = shown(capsys, "--calendar", "mine.toml", "--from", "2026-12-15", "--to", "2026-12-15")
    assert row["name"] == "Election"


def test_import_refuses_a_contradiction_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("line.toml").write_text('mic = "XNSE"\nholidays = [{ day = 2025-10-21, name = "Diwali", source = "n" }]\n')
    assert main(["calendar", "import", "line.toml"]) == 1
    assert "contradicts what is known" in capsys.readouterr().err
    assert not Path("calendars").exists()
