"""Showing how far the rehearsed day is: a bar on a terminal, a line each desk half hour elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol, Self

from muhurat.cli.rehearsal.plan import Plan
from muhurat.clock import NS_PER_S, ist

_LINE_EVERY_NS: Final = 1800 * NS_PER_S


class Progress(Protocol):
    """What follows the day."""

    def show(self, now_ns: int, told: str) -> None: ...
    def finish(self) -> None: ...


@contextmanager
def progress(plan: Plan, page: str) -> Iterator[Progress]:
    """Announce the day and its page, then show its progress until the block is left."""
    source = f"real candles of {plan.candles.name}" if plan.candles else f"an invented market, seed {plan.seed}"
    hours = f"{ist(plan.begin_ns):%H:%M} to {ist(plan.end_ns):%H:%M}"
    print(f"Muhurat demo: {plan.day:%A %d %B %Y}, {hours}, {plan.speed:g} times as fast, {source}")
    print(f"  page    {page}")
    print(f"  folder  {plan.folder}", flush=True)
    if sys.stdout.isatty():
        with _Bar(plan) as bar:
            yield bar
    else:
        yield _Lines()


def what_happens(status: dict[str, Any], trader: dict[str, Any]) -> str:
    """One line of figures out of a desk's status and its trader's gauges."""
    running = [row["name"] for row in status["services"] if row["state"] in ("running", "unsupervised")]
    feeds = status["feeds"].values()
    packets, gaps = (sum(int(feed.get(key) or 0) for feed in feeds) for key in ("packets", "gaps"))
    held = f" · holds {trader['position']}" if trader.get("position") else ""
    trades, net = trader.get("trades", 0), trader.get("realised", 0.0)
    figures = f"{packets:,} packets · {gaps} gaps · {trades} trades · {net:+,.2f}{held}"
    return f"{figures} · {', '.join(running) or 'nothing runs'}"


class _Lines:
    def __init__(self) -> None:
        self._next_ns = 0

    def show(self, now_ns: int, told: str) -> None:
        if now_ns >= self._next_ns:
            self._next_ns = now_ns - now_ns % _LINE_EVERY_NS + _LINE_EVERY_NS
            print(f"  {ist(now_ns):%H:%M}  {told}", flush=True)

    def finish(self) -> None:
        print("  the day is over; putting the report together", flush=True)


class _Bar:
    def __init__(self, plan: Plan) -> None:
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self._begin = plan.begin_ns
        self._progress = RichProgress(
            TextColumn("[bold]{task.fields[at]}"),
            BarColumn(30),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
        )
        total = (plan.end_ns - plan.begin_ns) / NS_PER_S
        self._task = self._progress.add_task("starting", total=total, at=f"{ist(plan.begin_ns):%H:%M:%S}")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def show(self, now_ns: int, told: str) -> None:
        done = (now_ns - self._begin) / NS_PER_S
        self._progress.update(self._task, completed=done, at=f"{ist(now_ns):%H:%M:%S}", description=told)

    def finish(self) -> None:
        self._progress.update(self._task, description="the day is over; putting the report together")
