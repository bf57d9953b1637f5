"""The day's report on a terminal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from muhurat.web.report_text import print_report
from tests.web.reports import made_report


def shown(width: int = 100, **changed: Any) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, force_terminal=True, color_system=None)
    print_report(made_report(**changed), [Path("data/reports/2026-11-19.json")], console)
    told: str = console.file.getvalue()  # type: ignore[attr-defined]
    return told


def test_the_day_is_told_from_its_verdict_to_its_files() -> None:
    told = shown()
    order = ["Thursday 19 November 2026: sound", "led to 1 trade", "80000 CE", "ended by: premium stop (1)"]
    order += ["refused: no premium known (1)", "sensex_desk", "recorder", "the trader closed its session"]
    order += ["json  data/reports/2026-11-19.json"]
    places = [told.index(part) for part in order]
    assert places == sorted(places)
    assert "−₹469.04" in told


@pytest.mark.parametrize("width", [100, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(line.rstrip()) for line in shown(width).splitlines()) <= width


def test_what_was_not_sound_stands_on_top() -> None:
    told = shown(ok=False, checks=[{"name": "all is kept", "ok": False, "detail": "6 of 7"}])
    assert told.index("not sound") < told.index("Not so: all is kept (6 of 7)") < told.index("80000 CE")


def test_empty_parts_are_left_out() -> None:
    told = shown(trades=[], feeds={}, services=[], refused={}, exits={})
    assert "contract" not in told
    assert "refused" not in told
    assert "restarts" not in told


def test_square_brackets_are_not_taken_for_markup() -> None:
    gap = {"from": "2026-11-19T11:03:00+05:30", "to": "2026-11-19T11:04:03+05:30", "seconds": 63.0, "reason": "[red]x"}
    feeds = {"desk": {"received": 5, "rows": 5, "gaps": 1, "reconnects": 0, "gap_list": [gap]}}
    assert "[red]x" in shown(feeds=feeds)


def test_without_a_terminal_it_is_a_hundred_columns_wide(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(made_report(), [])
    assert max(len(line.rstrip()) for line in capsys.readouterr().out.splitlines()) <= 100
