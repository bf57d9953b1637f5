"""The usual day's BOD, real jobs against simulators of all venues, cut off by kill -9 at any moment.

`MUHURAT_KILLS` says how often, and without it nothing is run here, while `tests/jobs/test_runner_kill.py` always is;
`MUHURAT_KILL_SEED` repeats the moments of an earlier run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from muhurat.jobs.process import Attempt, Row, State
from tests.day.bod_desk import LAST_MINUTE, BodDesk, Venues, simulated

KILLS: Final = int(os.environ.get("MUHURAT_KILLS", "0"))
SEED: Final = int(os.environ.get("MUHURAT_KILL_SEED") or random.randrange(1_000_000))
BUILT_IN: Final = 16
STEPS: Final = 2 * (BUILT_IN + 1)
"""Of a BOD: each job's start and end. The moments go by these, so that a busy machine does not move them."""
ONCE: Final = "mail"
"""A job that may not run twice; all of the usual day's may."""

SEND: Final = """
import time
with open("sent.txt", "a") as sent:
    sent.write("mail ")
time.sleep(1)
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Whole:
    """What a BOD leaves that nobody cut off."""

    checksum: Mapping[str, str]
    files: set[str]


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    with simulated(tmp_path_factory.mktemp("venues")) as started:
        yield started


@pytest.fixture(scope="module")
def whole(venues: Venues, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    desk = _desk(tmp_path_factory.mktemp("whole"), venues)
    code, printed = desk.done("run", "bod")
    assert (code, list(desk.states().values())) == (0, ["Successful"] * (BUILT_IN + 1)), printed
    return Whole(desk.checksum(), _files(desk))


@pytest.mark.parametrize("number", range(KILLS))
def test_a_bod_killed_at_any_moment_is_brought_to_the_same_end_by_one_rerun(
    whole: Whole, venues: Venues, tmp_path: Path, number: int
) -> None:
    """Every other time all of the desk's processes die with the runner, as when the machine goes down."""
    everything, chance = (SEED + number) % 2 == 1, random.Random(f"{SEED} {number}")
    after_steps, and_s = int(STEPS * (number + chance.random()) / KILLS), chance.random()
    desk = _desk(tmp_path, venues)
    ran = _cut_off(desk, after_steps, and_s, everything=everything)
    code, printed = desk.done("rerun", "--from-failed")
    told = f"seed {SEED}: {and_s:.2f} s after step {after_steps}, {'all' if everything else 'the runner'} killed"
    told = f"{told} while there ran {', '.join(ran) or 'nothing'}\n{printed}"
    print(told)
    assert code == 0, told
    rows = {name: row for name, row in desk.rows().items() if row.process.phase == "BOD"}
    lost = {ONCE} if everything and ONCE in ran and rows[ONCE].state is State.LOST else set()
    assert {name for name, row in rows.items() if row.state is not State.SUCCESSFUL} == lost, told
    assert desk.checksum() == whole.checksum, told
    assert (_files(desk), desk.part_files(), desk.living()) == (whole.files, [], {}), told
    assert len((desk.folder / "sent.txt").read_text().split()) == 1 or lost, told
    assert _repeated(rows, cut_off=ran if everything else []) == [], told


def _desk(folder: Path, venues: Venues) -> BodDesk:
    """A fresh desk with the usual day and a job that may not run twice, at its last minute."""
    venues.set_clock(LAST_MINUTE)
    desk = BodDesk.made(folder / "desk", venues)
    desk.add_script("Mail", SEND, depends_on=["Banned instruments"], idempotent=False, on_failure="warn")
    return desk


def _cut_off(desk: BodDesk, after_steps: int, and_s: float, *, everything: bool) -> list[str]:
    """Begin a BOD and kill its runner at a moment, or all processes of the desk; the jobs that ran then."""
    runner = desk.day("run", "bod")
    limit = time.monotonic() + 60
    while desk.steps() < after_steps:
        assert time.monotonic() < limit, f"only {desk.steps()} steps"
        time.sleep(0.05)
    with suppress(subprocess.TimeoutExpired):
        runner.communicate(timeout=and_s)
    runner.kill()
    while everything and (living := desk.living()):
        for pid in sorted(living, key=lambda pid: "muhurat.jobs.shim" not in living[pid]):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    runner.communicate()
    return [name for name, row in desk.rows().items() if row.state is State.RUNNING]


def _files(desk: BodDesk) -> set[str]:
    return desk.files("downloads", "archive", "inbox", "data/universe")


def _repeated(rows: Mapping[str, Row], *, cut_off: list[str]) -> list[str]:
    """The jobs that did their work more often than they may: once, and once more what was cut off and may run twice."""
    most = {name: 1 + (name in cut_off and row.process.idempotent) for name, row in rows.items()}
    return [name for name, row in rows.items() if sum(map(_worked, row.attempts)) > most[name]]


def _worked(attempt: Attempt) -> bool:
    """Whether its process was started: its log is there, or it told how it ended."""
    return attempt.exit_code is not None or Path(attempt.log).exists()
