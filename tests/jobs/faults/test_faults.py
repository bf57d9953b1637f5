"""Every job against every fault that can happen to it: told with cause and remedy, and nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from muhurat.jobs.base import LIBRARY, job_named
from tests.jobs.faults.bench import Bench, Ended, State
from tests.jobs.faults.cells import FAULTS, LOADS, SLOW, Trial
from tests.jobs.faults.strikes import may_mount, nothing
from tests.jobs.faults.table import ROWS, alone, losing, tried

LARGEST_FILE, NO_ROOM = 512, "no room|disk I/O error"
"""Where no disk can be mounted, a process that may write no larger file stands for a full one; any of its files may be
the first to be told of."""
IN_ITS_OWN_PROCESS = alone()

Record = Callable[[str, object], None]


def test_every_cell_is_tried_or_says_why_not() -> None:
    """A new job fails here until each of its cells is one or the other."""
    assert set(ROWS) == set(LIBRARY)
    for job, row in ROWS.items():
        assert set(row.cells) == set(FAULTS), job
        for fault, cell in row.cells.items():
            assert isinstance(cell, Trial) or len(cell.split()) > 2, f"{job}, {fault}: a reason is wanted"


def test_every_job_that_writes_a_table_loses_its_database_once() -> None:
    assert set(losing(LOADS)) == {name for name in LIBRARY if job_named(name).writes}


@pytest.mark.slow
@pytest.mark.parametrize(("job", "fault"), tried())
def test_a_fault_is_told_and_changes_nothing(
    job: str, fault: str, bench_of: Callable[[str], Bench], record_property: Record
) -> None:
    record_property("cell", f"{job} {fault}")
    bench, trial = bench_of(job), ROWS[job].cells[fault]
    assert isinstance(trial, Trial)
    limited = fault == "disk_full" and not may_mount()
    bench.lay_over(trial.overlay)
    bench.forget_unfinished()

    with (nothing if limited else trial.strike)(bench):
        before = bench.state(but=trial.lives)
        ended = _run(bench, job, fault, trial, limited=limited)
        after = bench.state(but=trial.lives)
        unfinished = bench.unfinished()

    record_property("said", told(ended).replace(f"{bench.folder}/", ""))
    assert_told(ended, replace(trial, says=NO_ROOM) if limited else trial)
    assert after == before
    assert unfinished == []


def _run(bench: Bench, job: str, fault: str, trial: Trial, *, limited: bool) -> Ended:
    words = ROWS[job].arguments if trial.arguments is None else trial.arguments
    arguments = (job, *(word.format(silent=bench.silent_port) if "{silent}" in word else word for word in words))
    if limited:
        return bench.run_alone(*arguments, largest=LARGEST_FILE)
    if trial.humble or (job, fault) in IN_ITS_OWN_PROCESS:
        return bench.run_alone(*arguments, humble=trial.humble)
    return bench.run(*arguments, hasty=fault in SLOW)


def told(ended: Ended) -> str:
    """The error, of one or more lines, and its hint, on one line."""
    at = ended.err.find("error: ")
    return " ".join(ended.err[at:].split()) if at >= 0 else ended.err[-200:]


def assert_told(ended: Ended, trial: Trial) -> None:
    """One error that names the cause, one hint with the remedy, an exit code that is not zero, and no traceback."""
    assert ended.code in trial.codes, ended
    assert "Traceback" not in ended.err
    assert len(ended.lines("error: ")) == 1, ended.err
    assert [hint for hint in ended.lines("hint: ") if hint.strip()] == ended.lines("hint: ")
    assert len(ended.lines("hint: ")) == 1, ended.err
    assert re.search(trial.says, told(ended)), told(ended)


def test_state_notices_a_changed_file_row_and_entry(bench_of: Callable[[str], Bench]) -> None:
    """The comparison itself: each kind of change is seen."""
    bench = bench_of("upload_cash_margin")
    first: State = bench.state()
    assert first.tables

    Path(bench.folder / "stray.txt").write_text("x")
    assert bench.state() != first
    (bench.folder / "stray.txt").unlink()
    assert bench.state() == first
    (bench.folder / "x.part").write_text("x")
    assert bench.unfinished()
    (bench.folder / "x.part").unlink()
