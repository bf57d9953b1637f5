"""The page's process and the day's report."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muhurat.app.desk import clock_of, place_of, start, tick_store
from muhurat.clock import Clock
from muhurat.config import Desk
from muhurat.errors import MuhuratError
from muhurat.heartbeat import Heartbeat
from muhurat.jobs.base import PHASES
from muhurat.log import get_logger

if TYPE_CHECKING:
    from muhurat.jobs.live_registry import LiveRegistry
    from muhurat.web.jobs_desk import JobsDesk


@contextmanager
def jobs_desk(desk: Desk, clock: Clock) -> Iterator[JobsDesk | None]:
    """The desk's jobs for the page and the report; None on a desk without jobs."""
    from muhurat.app.day import day_operator, live_registry, run_history
    from muhurat.jobs.attempts import JOBS
    from muhurat.jobs.runner import holder
    from muhurat.web.jobs_desk import JobsDesk

    if desk.jobs is None:
        yield None
        return
    history, registry = run_history(desk, clock), live_registry(desk, clock)
    run_dir = desk.run_dir / JOBS
    with closing(history):
        yield JobsDesk(
            history=history,
            operator=lambda who: day_operator(desk, clock, history, who, registry),
            problem=lambda: _problem(registry),
            runner=lambda day: next(filter(None, (holder(run_dir, day, phase) for phase in PHASES)), ""),
            run_dir=desk.run_dir,
        )


def _problem(registry: LiveRegistry) -> str:
    """What is wrong with the registry as it lies there."""
    try:
        registry.current()
    except MuhuratError as error:
        return str(error)
    return registry.problem


def run_web(desk: Desk) -> None:
    """The page's process."""
    from muhurat.web.server import serve

    clock = start("web", desk)
    if not desk.web.private:
        get_logger(__name__).warning("whoever reaches the page can read it: it has no log-in", listen=desk.web.listen)
    heartbeat = Heartbeat("web", desk.run_dir, clock)
    with jobs_desk(desk, clock) as jobs:
        asyncio.run(serve(place_of(desk, jobs), clock, heartbeat, desk.web.host, desk.web.port))


def day_report(desk: Desk, day: date) -> dict[str, Any]:
    """What a day came to, as `web.day_report` describes it."""
    from muhurat.web.day_report import collect
    from muhurat.web.decisions import Decisions
    from muhurat.web.snapshot import take

    clock = clock_of(desk)
    with jobs_desk(desk, clock) as jobs, tick_store(desk, clock) as store:
        place = place_of(desk, jobs)
        shot = take(place, clock, Decisions(place.decisions_path(day)))
        return collect(place, shot, tuple(desk.feeds), store, day)


def write_report(desk: Desk, report: dict[str, Any]) -> tuple[Path, Path]:
    """Keep a report as JSON and as HTML; returns both paths. Raises `DiskTrouble`, and then leaves earlier ones."""
    from muhurat.venues.part_file import part_of
    from muhurat.web.decisions import Decisions
    from muhurat.web.report_html import report_html

    day = date.fromisoformat(report["date"])
    seen = Decisions(place_of(desk).decisions_path(day))
    seen.follow()
    folder = desk.data_dir / "reports"
    document, page = folder / f"{day}.json", folder / f"{day}.html"
    with part_of(document) as facts, part_of(page) as shown:
        facts.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        shown.write_text(report_html(report, seen.bars, seen.fills), encoding="utf-8")
    return document, page


def print_report(report: dict[str, Any], written: Sequence[Path]) -> None:
    """The report for a terminal, with where it was kept."""
    from muhurat.web.report_text import print_report as show

    show(report, written)
