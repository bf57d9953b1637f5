"""The trader's decisions, followed while they are written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from muhurat.web.decisions import Decisions
from tests.web.made import BARS, lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.jsonl"


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_before_the_trader_has_said_anything_there_is_nothing(path: Path) -> None:
    seen = Decisions(path)
    assert not seen.follow()
    assert (seen.bars, seen.trades, seen.state, seen.ended) == ([], [], "ACTIVE", False)


def test_a_whole_session_is_taken_in_by_kind(path: Path) -> None:
    said = lines()
    append(path, "".join(json.dumps(line) + "\n" for line in said))
    seen = Decisions(path)
    assert seen.follow()
    assert len(seen.bars) == BARS
    assert seen.option_bars == BARS
    assert [trade["reason"] for trade in seen.trades] == ["premium_stop"]
    assert [line["reason"] for line in seen.refused] == ["option_data"]
    assert [fill["action"] for fill in seen.fills] == ["BUY", "SELL"]
    assert seen.realised == seen.trades[0]["net"]
    assert seen.open_fill is None
    assert seen.ended
    assert not seen.follow(), "nothing was added"


def test_only_what_was_added_is_read(path: Path) -> None:
    said = [json.dumps(line) + "\n" for line in lines()]
    seen = Decisions(path)
    for line in said:
        append(path, line)
        assert seen.follow()
    assert len(seen.bars) == BARS
    assert len(seen.trades) == 1


def test_half_a_line_waits_for_its_other_half(path: Path) -> None:
    first, second = (json.dumps(line) for line in lines() if line["kind"] == "bar" and "T09:1" in line["label"])
    seen = Decisions(path)
    append(path, first + "\n" + second[:25])
    assert seen.follow()
    assert len(seen.bars) == 1
    assert not seen.follow()
    append(path, second[25:] + "\n")
    assert seen.follow()
    assert [bar["label"][11:16] for bar in seen.bars] == ["09:15", "09:18"]


def test_a_line_that_is_no_decision_is_counted_and_passed_over(path: Path) -> None:
    (bar, *_) = (json.dumps(line) for line in lines() if line["kind"] == "bar")
    append(path, f'{{"kind": "ba\n[1]\n{{"no": "kind"}}\n{bar}\n')
    seen = Decisions(path)
    seen.follow()
    assert seen.damaged == 3
    assert len(seen.bars) == 1


@pytest.mark.parametrize("shorter", [True, False])
def test_a_file_begun_anew_is_read_anew(path: Path, shorter: bool) -> None:
    said = [json.dumps(line) + "\n" for line in lines()]
    append(path, "".join(said))
    seen = Decisions(path)
    seen.follow()
    fresh = path.with_suffix(".fresh")
    append(fresh, "".join(said[:4] if shorter else [*said, said[3]]))
    fresh.replace(path)
    assert seen.follow()
    assert len(seen.bars) == (1 if shorter else BARS + 1)
    assert seen.ended is not shorter


def test_the_last_word_of_risk_is_the_state(path: Path) -> None:
    append(path, '{"kind":"risk","at":"","state":"REDUCING","reason":"daily_loss","realised":-25000.0}\n')
    seen = Decisions(path)
    seen.follow()
    assert (seen.state, seen.state_why) == ("REDUCING", "daily_loss")
