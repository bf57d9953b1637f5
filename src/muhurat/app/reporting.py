"""The page's process and the day's report."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from muhurat.app.desk import clock_of, place_of, start, tick_store
from muhurat.config import Desk
from muhurat.heartbeat import Heartbeat
from muhurat.log import get_logger


def run_web(desk: Desk) -> None:
    """The page's process."""
    from muhurat.web.server import serve

    clock = start("web", desk)
    if not desk.web.private:
        get_logger(__name__).warning("whoever reaches the page can read it: it has no log-in", listen=desk.web.listen)
    heartbeat = Heartbeat("web", desk.run_dir, clock)
    asyncio.run(serve(place_of(desk), clock, heartbeat, desk.web.host, desk.web.port))


def day_report(desk: Desk, day: date) -> dict[str, Any]:
    """What a day came to, as `web.day_report` describes it."""
    from muhurat.web.day_report import collect
    from muhurat.web.decisions import Decisions
    from muhurat.web.snapshot import take

    clock, place = clock_of(desk), place_of(desk)
    shot = take(place, clock, Decisions(place.decisions_path(day)))
    with tick_store(desk, clock) as store:
        return collect(place, shot, tuple(desk.feeds), store, day)


def write_report(desk: Desk, report: dict[str, Any]) -> tuple[Path, Path]:
    """Keep a report as JSON and as HTML; returns both paths."""
    from muhurat.web.decisions import Decisions
    from muhurat.web.report_html import report_html

    day = date.fromisoformat(report["date"])
    seen = Decisions(place_of(desk).decisions_path(day))
    seen.follow()
    folder = desk.data_dir / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    document, page = folder / f"{day}.json", folder / f"{day}.html"
    document.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    page.write_text(report_html(report, seen.bars, seen.fills), encoding="utf-8")
    return document, page


def print_report(report: dict[str, Any], written: Sequence[Path]) -> None:
    """The report for a terminal, with where it was kept."""
    from muhurat.web.report_text import print_report as show

    show(report, written)
