"""The table of all jobs and faults as a run leaves it: for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.jobs.faults.cells import FAULTS
from tests.jobs.faults.table import ROWS

PASSED, FAILED, NOT_APPLICABLE, SKIPPED, NOT_RUN = "✓", "✗", "–", "s", "·"
_LEGEND = f"{PASSED} tried: told with cause and remedy, nothing changed   {NOT_APPLICABLE} not applicable, see below   "
_FURTHER = f"{FAILED} tried and failed   {SKIPPED} cannot be tried on this machine   {NOT_RUN} not part of this run"


@dataclass
class Cells:
    """What became of each cell, and what the job said."""

    results: dict[tuple[str, str], str] = field(default_factory=dict)
    said: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self, report: pytest.TestReport) -> None:
        """Note a test that says in its properties that it is of a cell."""
        told = dict(report.user_properties)
        if "cell" not in told or report.when == "teardown":
            return
        job, _, fault = str(told["cell"]).partition(" ")
        self.results[job, fault] = {"passed": PASSED, "failed": FAILED, "skipped": SKIPPED}[report.outcome]
        self.said[job, fault] = str(told.get("said", ""))

    def mark(self, job: str, fault: str) -> str:
        if isinstance(ROWS[job].cells[fault], str):
            return NOT_APPLICABLE
        return self.results.get((job, fault), NOT_RUN)


def as_text(cells: Cells) -> Iterator[str]:
    """The table, what its marks mean, and the reasons."""
    wide = max(map(len, ROWS))
    yield f"{'':{wide}}  " + "  ".join(FAULTS.values())
    for job in ROWS:
        marks = (cells.mark(job, fault).center(len(title)) for fault, title in FAULTS.items())
        yield f"{job:{wide}}  " + "  ".join(marks).rstrip()
    yield ""
    yield _LEGEND
    yield _FURTHER
    yield ""
    for job, faults, reason in _reasons():
        yield f"{job}: {faults}: {reason}"


def as_markdown(cells: Cells) -> str:
    """The same, and what each job said in each cell."""
    lines = ["# Every job against every fault", "", "| job | " + " | ".join(FAULTS.values()) + " |"]
    lines.append("| --- |" + " :-: |" * len(FAULTS))
    lines += [f"| `{job}` | " + " | ".join(cells.mark(job, fault) for fault in FAULTS) + " |" for job in ROWS]
    lines += ["", _LEGEND, "", _FURTHER, "", "## Not applicable", ""]
    lines += [f"- `{job}`: {faults}: {reason}" for job, faults, reason in _reasons()]
    lines += ["", "## What the jobs said", ""]
    for (job, fault), said in sorted(cells.said.items()):
        lines += [f"- `{job}`, {FAULTS[fault]} {cells.results[job, fault]}", "", f"      {said}", ""]
    return "\n".join(lines) + "\n"


def _reasons() -> Iterator[tuple[str, str, str]]:
    """Each reason once for a job, with the faults it is for."""
    for job, row in ROWS.items():
        by_reason: dict[str, list[str]] = {}
        for fault, title in FAULTS.items():
            cell = row.cells[fault]
            if isinstance(cell, str):
                by_reason.setdefault(cell, []).append(title)
        for reason, titles in by_reason.items():
            yield job, ", ".join(titles), reason
