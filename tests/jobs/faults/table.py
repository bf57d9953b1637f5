"""Every job against every fault: how the cell is tried, or why the fault cannot happen to this job.

`forbidden`, `html` and the like are tried at whatever a job reads: a venue's file, the broker's answer, a file of the
desk, the day's backup. What a job does not read, wait for or write is a reason, in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.jobs.faults import rows_of_exchanges, rows_of_the_broker, rows_of_the_desk
from tests.jobs.faults.cells import GONE, ON_SERVERS, Row, Trial

ROWS: Final[Mapping[str, Row]] = {**rows_of_exchanges.ROWS, **rows_of_the_broker.ROWS, **rows_of_the_desk.ROWS}


def tried() -> list[tuple[str, str]]:
    """The cells that are tried, job and fault, but for those that want a real server."""
    return [
        (job, fault)
        for job, row in ROWS.items()
        for fault, cell in row.cells.items()
        if isinstance(cell, Trial) and cell not in ON_SERVERS
    ]


def losing(how: Trial) -> list[str]:
    """The jobs whose server is taken away so."""
    return [job for job, row in ROWS.items() if row.cells.get(GONE) is how]


def alone() -> set[tuple[str, str]]:
    """One cell of each job, to be tried in a process of its own; `forbidden`, where it is tried, is not tried again."""
    first: dict[str, str] = {}
    for job, fault in tried():
        if job not in first or fault == "forbidden":
            first[job] = fault
    return set(first.items())
