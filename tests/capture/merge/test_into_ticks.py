"""From two recordings to one set of ticks: merged, put in the journal's place, taken into the tick store instead."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from muhurat.capture.archive.compress import compress_hour
from muhurat.capture.journal import HourPaths
from muhurat.cli import main
from tests.capture.merge.support import frame, ltp, nine, recording
from tests.capture.support import FEED

ROOT = Path(__file__).parents[3]
HOUR = "20250902_0900"
SENT = range(10_000, 11_800)
BY_A = [price for price in SENT if price % 7]
BY_B = [price for price in SENT if price % 5 != 1 and not 10_400 <= price < 10_500]

KILLED_AFTER_A_WHILE = """
import os, signal, sys
from muhurat.capture import ingest
from muhurat.cli import main

decode, turns = ingest.decode_records, iter(range(2))

def decode_records(*given):
    if next(turns, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return decode(*given)

ingest.decode_records = decode_records
main(sys.argv[1:])
"""


def record(folder: Path, prices: list[int], in_a_message: int) -> Path:
    """A packet every 50 ms, its price being its number."""
    messages = [
        (50 * (some[-1] - SENT[0]), frame([ltp(408065, price) for price in some]))
        for at in range(0, len(prices), in_a_message)
        if (some := prices[at : at + in_a_message])
    ]
    return nine(recording(folder, messages))


def archive(path: Path) -> Path:
    """Compress an hour as the evening's job does, and take its `.bin` away."""
    file = compress_hour(HourPaths.of(path)).file
    path.unlink()
    return file


def run(*words: object) -> int:
    try:
        return main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)


def prices_kept(desk: Path, capsys: pytest.CaptureFixture[str]) -> list[int]:
    capsys.readouterr()
    assert run("ticks", "sql", "SELECT last_price FROM ticks_ltp ORDER BY seq", "--desk", desk, "--json") == 0
    return [round(json.loads(line)["last_price"] * 100) for line in capsys.readouterr().out.splitlines()]


def desk_file(folder: Path) -> Path:
    feed = f"feeds: {{{FEED}: {{venue: kite, universe: sensex_atm}}}}"
    file = folder / "desk.yaml"
    file.write_text(f"desk: {{name: x}}\nvenues: {{kite: }}\n{feed}\n")
    return file


def put_union_in_the_journal(mine: Path, theirs: Path) -> None:
    """Merge the two, and let the union stand in the place of the first."""
    folder, out = nine(mine.parent).parent, mine.parent.parent / f"{FEED}_{HOUR}.bin"
    assert run("journal", "merge", mine, theirs, "--out", out, "--json") == 0
    for path in folder.glob(f"{FEED}_{HOUR}.*"):
        path.unlink()
    for path in out.parent.glob(f"{FEED}_{HOUR}.*"):
        path.rename(folder / path.name)


@pytest.mark.parametrize("archived", ["", "a", "b", "ab"])
def test_ticks_of_a_merged_hour_are_the_union_and_none_is_there_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], archived: str
) -> None:
    desk = desk_file(tmp_path)
    mine = record(tmp_path / "data" / "raw_ticks" / FEED, BY_A, 3)
    theirs = record(tmp_path / "b", BY_B, 2)
    assert run("ticks", "ingest", "--hour", HOUR, "--desk", desk) == 0
    assert prices_kept(desk, capsys) == BY_A
    mine = archive(mine) if "a" in archived else mine
    theirs = archive(theirs) if "b" in archived else theirs
    put_union_in_the_journal(mine, theirs)

    assert run("ticks", "ingest", "--hour", HOUR, "--replace", "--desk", desk) == 0

    union = sorted({*BY_A, *BY_B})
    assert prices_kept(desk, capsys) == union
    assert run("ticks", "ingest", "--date", "2025-09-02", "--desk", desk) == 0
    assert prices_kept(desk, capsys) == union


def test_a_replacement_that_was_killed_is_mended_by_doing_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = desk_file(tmp_path)
    mine = record(tmp_path / "data" / "raw_ticks" / FEED, BY_A, 3)
    assert run("ticks", "ingest", "--hour", HOUR, "--desk", desk) == 0
    put_union_in_the_journal(mine, record(tmp_path / "b", BY_B, 2))
    again = ["ticks", "ingest", "--hour", HOUR, "--replace", "--desk", str(desk)]

    killed = subprocess.run([sys.executable, "-c", KILLED_AFTER_A_WHILE, *again], cwd=ROOT, check=False, timeout=60)

    assert killed.returncode == -signal.SIGKILL
    assert prices_kept(desk, capsys) == BY_A
    assert run(*again) == 0
    assert prices_kept(desk, capsys) == sorted({*BY_A, *BY_B})
