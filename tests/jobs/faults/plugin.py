"""The table of all jobs and faults at the end of a run, whichever worker tried the cells."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

REPORT: Final = Path("build") / "job-faults.md"

_reports: Final[list[pytest.TestReport]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "cell" in dict(report.user_properties):
        _reports.append(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table job x fault, here and as Markdown in `build/`."""
    if not _reports:
        return
    from tests.jobs.faults.report import Cells, as_markdown, as_text

    cells, file = Cells(), config.rootpath / REPORT
    for report in _reports:
        cells.take(report)
    file.parent.mkdir(exist_ok=True)
    file.write_text(as_markdown(cells), encoding="utf-8")
    terminalreporter.section("jobs x faults")
    for line in as_text(cells):
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"what each cell said: {REPORT}")
