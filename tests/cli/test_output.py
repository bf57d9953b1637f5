"""What a verb prints: JSON that programs can trust, tables that people can read."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest

from muhurat.cli.output import print_json, print_record, print_rows, print_table


class Side(StrEnum):
    BUY = "BUY"


MOMENT = datetime(2026, 11, 16, 9, 15, tzinfo=timezone(timedelta(hours=5, minutes=30)))
ROW = {"side": Side.BUY, "price": Decimal("1234.50"), "quantity": 1200, "at": MOMENT, "open": True, "oi": None}


def test_json_keeps_exact_numbers_and_offsets(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(ROW)
    shown = capsys.readouterr().out
    assert '"price": 1234.50' in shown
    assert json.loads(shown) == {**ROW, "price": 1234.5, "at": "2026-11-16T09:15:00+05:30"}


def test_json_takes_numpy_paths_and_what_is_not_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": np.float32(1.5), "b": np.arange(2), "c": Path("x"), "d": float("nan"), "e": date(2026, 1, 2)})
    assert json.loads(capsys.readouterr().out) == {"a": 1.5, "b": [0, 1], "c": "x", "d": None, "e": "2026-01-02"}


def test_rows_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([ROW, ROW], as_json=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0])["side"] == "BUY"


def test_a_table_reads_well(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([ROW, {**ROW, "side": "[bold]sell"}], title="Fills")
    shown = capsys.readouterr().out
    for text in ("Fills", "1,234.50", "1200", "2026-11-16 09:15:00+05:30", "yes", "–", "[bold]sell"):
        assert text in shown


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], as_json=False, title="Fills")
    assert capsys.readouterr().out == "Fills: nothing\n"


def test_a_record_is_a_field_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_record({"torn_bytes": 0, "path": Path("a.bin")}, as_json=False)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["torn", "bytes", "0"],
        ["path", "a.bin"],
    ]
