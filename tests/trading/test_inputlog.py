from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from muhurat.errors import MuhuratError
from muhurat.trading.inputlog import DecisionLog, InputLog, ReplayDifference, read_decisions, read_entries
from muhurat.trading.player import Player
from muhurat.trading.replay import replay
from muhurat.trading.session import from_entry, to_entry
from tests.trading.live import facts
from tests.trading.test_engine import engine_on


def test_entries_are_numbered_and_on_file_when_append_returns(tmp_path: Path) -> None:
    log = InputLog(tmp_path / "day" / "input.jsonl")
    log.append("timer", {"at_ns": 1})

    assert log.append("timer", {"at_ns": 2}) == {"seq": 1, "kind": "timer", "at_ns": 2}
    assert [entry["seq"] for entry in read_entries(log.path)] == [0, 1]


def test_an_entry_that_a_crash_cut_short_is_dropped_and_its_number_given_again(tmp_path: Path) -> None:
    path = tmp_path / "input.jsonl"
    path.write_bytes(b'{"seq":0,"kind":"timer","at_ns":1}\n{"seq":1,"kind":"tim')

    log = InputLog(path)

    assert len(log.resumed) == 1
    log.append("timer", {"at_ns": 3})
    assert path.read_bytes() == b'{"seq":0,"kind":"timer","at_ns":1}\n{"seq":1,"kind":"timer","at_ns":3}\n'


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may grow beyond this many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("left", [0, 10], ids=["refused", "cut short"])
def test_an_entry_that_a_full_disk_refuses_or_cuts_short_leaves_nothing_behind(tmp_path: Path, left: int) -> None:
    log = InputLog(tmp_path / "input.jsonl")
    log.append("timer", {"at_ns": 1})
    size = log.path.stat().st_size

    with room_for(size + left), pytest.raises(MuhuratError, match="cannot be written") as refused:
        log.append("timer", {"at_ns": 2})

    assert not refused.value.permanent
    assert log.path.stat().st_size == size
    assert log.append("timer", {"at_ns": 3})["seq"] == 1
    assert [entry["at_ns"] for entry in InputLog(log.path).resumed] == [1, 3]


def test_a_damaged_log_is_named(tmp_path: Path) -> None:
    path = tmp_path / "input.jsonl"
    path.write_bytes(b'{"seq":0}\nnonsense\n')

    with pytest.raises(MuhuratError, match="is damaged"):
        read_entries(path)
    with pytest.raises(MuhuratError, match="no input log"):
        read_entries(tmp_path / "absent.jsonl")


def test_decisions_that_are_on_file_are_checked_and_the_rest_is_written(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(b'{"kind":"bar","c":1.5}\n{"kind":"fi')
    log = DecisionLog(path)

    for line in ({"kind": "bar", "c": 1.5}, {"kind": "fill"}, {"kind": "trade"}):
        log.write(line)
    log.close()

    assert path.read_bytes() == b'{"kind":"bar","c":1.5}\n{"kind":"fill"}\n{"kind":"trade"}\n'


def test_another_decision_than_the_one_on_file_is_refused_with_both(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(b'{"kind":"bar","c":1.5}\n')

    with pytest.raises(
        ReplayDifference, match=r'on file: \{"kind":"bar","c":1.5\}\n  replay:  \{"kind":"bar","c":1.6\}'
    ):
        DecisionLog(path).write({"kind": "bar", "c": 1.6})


def test_a_last_line_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(b'{"kind":"bar"}\n{"kind":"fi')

    assert list(read_decisions(path)) == [{"kind": "bar"}]


def test_what_is_no_session_cannot_be_replayed(tmp_path: Path) -> None:
    path = tmp_path / "input.jsonl"
    path.write_bytes(b'{"seq":0,"kind":"timer","at_ns":1}\n')

    with pytest.raises(MuhuratError, match="does not begin with a session"):
        replay(path)


def test_a_replay_needs_the_decisions_to_compare_with(tmp_path: Path) -> None:
    log = InputLog(tmp_path / "input.jsonl")
    log.append("session", to_entry(facts()))

    with pytest.raises(MuhuratError, match="no decisions to compare with"):
        replay(log.path)


def test_an_unknown_kind_of_input_and_a_journal_that_was_not_named_are_refused() -> None:
    engine, _, _ = engine_on([])

    with pytest.raises(MuhuratError, match="unknown input 'weather' in entry 4"):
        Player(engine).play({"seq": 4, "kind": "weather"})
    with pytest.raises(MuhuratError, match="refers to a journal"):
        Player(engine).play({"seq": 4, "kind": "records", "from": ["h", 0], "to": ["h", 0], "count": 1})


def test_facts_survive_the_way_through_the_log(tmp_path: Path) -> None:
    from tests.trading.tables import CE, EVE, bars

    whole = facts(history=bars(CE, ["10:00 300 301 299.05 300.1"], EVE))
    log = InputLog(tmp_path / "input.jsonl")
    log.append("session", to_entry(whole))

    assert from_entry(read_entries(log.path)[0]) == whole
