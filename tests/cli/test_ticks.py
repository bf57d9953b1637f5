"""`muhurat ticks`: a table for people, a line of JSON per row for programs, a clear word about wrong SQL."""

from __future__ import annotations

import csv
import json
from datetime import date, time
from pathlib import Path

import pytest

from muhurat.cli import main
from muhurat.clock import ENVIRONMENT_VARIABLE, ClockPage, ManualClock, ist_ns
from muhurat.stores.parquet import ParquetTickStore
from tests.stores.ticks import TEN, ticks, write_universe


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A desk file beside ten kept ticks."""
    file = tmp_path / "desk.yaml"
    file.write_text("desk: {name: test}\n")
    with ParquetTickStore(tmp_path / "data" / "ticks", ManualClock(TEN), universe=tmp_path) as store:
        store.append("ticks_full", ticks(range(10)), feed="sensex_desk")
    return file


def run(*words: str) -> int:
    try:
        return main(["ticks", *words])
    except SystemExit as end:
        return int(end.code or 0)


def test_json_is_one_document_per_row(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT symbol, timestamp, last_price, oi FROM ticks_full ORDER BY seq LIMIT 2"
    assert run("sql", sql, "--json", "--desk", str(desk)) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"symbol": "S0", "timestamp": "2025-09-02T04:30:00", "last_price": 100.0, "oi": None},
        {"symbol": "S1", "timestamp": "2025-09-02T04:30:00", "last_price": 100.25, "oi": None},
    ]


def test_people_get_a_table(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sql", "SELECT symbol, count(*) AS ticks FROM ticks_full GROUP BY 1", "--desk", str(desk)) == 0
    out = capsys.readouterr().out
    assert "symbol" in out
    assert "S4" in out


def test_a_long_answer_is_cut_and_says_so(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sql", "SELECT n FROM range(501) t(n)", "--desk", str(desk)) == 0
    told = capsys.readouterr()
    assert ("499" in told.out, "500" in told.out) == (True, False)
    assert "the first 500 rows" in told.err


def test_wrong_sql_names_the_place_and_what_may_be_meant(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sql", "SELECT symbl FROM ticks_full", "--desk", str(desk)) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: the query cannot be run: line 1, column 8: Binder Error")
    assert "symbol" in told.err.partition("hint:")[2]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_export_writes_all_rows_to_a_file(desk: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"ticks{suffix}"
    sql = "SELECT symbol, volume FROM ticks_full ORDER BY seq"
    assert run("export", sql, "--out", str(out), "--desk", str(desk)) == 0
    with out.open() as file:
        rows = list(csv.DictReader(file)) if suffix == ".csv" else [json.loads(line) for line in file]
    assert [(row["symbol"], int(row["volume"])) for row in rows] == [(f"S{n % 5}", n * 10) for n in range(10)]


def test_export_refuses_a_kind_of_file_it_cannot_write(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "SELECT 1", "--out", "ticks.xlsx", "--desk", str(desk)) == 2
    assert "ends in none of .csv, .jsonl" in capsys.readouterr().err


def test_a_failed_export_leaves_no_file(desk: Path, tmp_path: Path) -> None:
    assert run("export", "SELECT nothing", "--out", str(tmp_path / "ticks.csv"), "--desk", str(desk)) == 1
    assert not list(tmp_path.glob("ticks*"))


def test_coverage_tells_what_is_kept(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("coverage", "--json", "--desk", str(desk)) == 0
    assert json.loads(capsys.readouterr().out) == {
        "table": "ticks_full",
        "feed": "sensex_desk",
        "hour": "20250902_1000",
        "rows": 10,
        "first": "2025-09-02T10:00:00+05:30",
        "last": "2025-09-02T10:00:00.003000+05:30",
    }


def test_the_quality_of_a_day_is_kept_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text("desk: {name: test}\nvenues: {kite: }\nfeeds: {desk: {venue: kite, universe: u.json}}\n")
    instruments = '{"SENSEX26NOVFUT": {"token": 5, "type": "FUT"}, "SENSEX": {"token": 265, "type": "INDEX"}}'
    write_universe(tmp_path / "data" / "universe", "desk", "20261120", instruments)
    page = ClockPage.create(tmp_path / "clock", ist_ns(date(2026, 11, 20), time(16)))
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(page.path))

    assert run("quality", "--desk", str(file)) == 0
    told = capsys.readouterr().out
    assert "desk: 0.00 % of minutes have ticks" in told
    assert "SENSEX26NOVFUT" in told
    kept = json.loads((tmp_path / "data" / "quality" / "2026-11-20.json").read_text())
    assert kept["feeds"]["desk"]["minutes"]["expected"] == 385 + 375

    assert run("quality", "--json", "--date", "2026-11-20", "--desk", str(file)) == 0
    assert json.loads(capsys.readouterr().out) == kept
    assert run("quality", "--date", "2026-11-21", "--desk", str(file)) == 0
    assert "nothing was to be recorded" in capsys.readouterr().out
