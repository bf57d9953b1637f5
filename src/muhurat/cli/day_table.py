"""A day's jobs on the terminal: a table that lives while they run, plain lines where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from muhurat.clock import Clock, ist
from muhurat.heartbeat import read_heartbeats
from muhurat.jobs.facts import row_facts
from muhurat.jobs.process import Row, State

if TYPE_CHECKING:
    from rich.table import Table

_EVERY_S: Final = 0.25
_COLOURS: Final[Mapping[State, str]] = {
    State.PENDING: "dim",
    State.RUNNING: "cyan",
    State.SUCCESSFUL: "green",
    State.FAILED: "bold red",
    State.SKIPPED: "dim",
    State.LATE: "yellow",
    State.LOST: "bold magenta",
}


@contextmanager
def shown_live(clock: Clock, jobs_dir: Path, title: str, *, quiet: bool) -> Iterator[Callable[[list[Row]], None]]:
    """What to hand the rows to while they change: a live table, lines without a terminal, nothing when `quiet`."""
    if quiet:
        yield lambda rows: None
    elif sys.stdout.isatty():
        yield from _live(clock, jobs_dir, title)
    else:
        yield _Lines(clock)


def table_of(rows: Sequence[Row], now_ns: int, said: Mapping[str, str], title: str) -> Table:
    """The rows as people read them."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("job", "state", "started", "time"):
        table.add_column(heading, no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("by", no_wrap=True)
    table.add_column("note", overflow="fold")
    for row in rows:
        facts = row_facts(row, now_ns, said.get(row.process.name, "") if row.state is State.RUNNING else "")
        cells = [facts["started"][11:19] if facts["started"] else "", _duration(facts["seconds"])]
        cells += ["" if facts["rows"] is None else f"{facts['rows']:,}"]
        cells += [facts["deadline"][11:16] if facts["deadline"] else "", note_of(row, facts)]
        state = Text(state_of(row), style=_COLOURS[row.state])
        table.add_row(Text(row.process.name), state, *(Text(cell) for cell in cells))
    return table


def print_table_of(rows: Sequence[Row], now_ns: int, said: Mapping[str, str], title: str) -> None:
    """Print the rows once."""
    from rich.console import Console

    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table_of(rows, now_ns, said, title))


def state_of(row: Row) -> str:
    """The state in a word or two."""
    extra = [word for word, true in (("late", row.late and row.state is not State.LATE), ("held", row.held)) if true]
    extra += ["overridden"] if row.overridden_by else []
    return f"{row.state.value} ({', '.join(extra)})" if extra else row.state.value


def note_of(row: Row, facts: Mapping[str, Any]) -> str:
    """Why it is as it is, else what it said, and what to do about it."""
    note = row.reason or str(facts["note"])
    if row.state in (State.FAILED, State.LOST) and facts["hint"]:
        note = f"{note} → {facts['hint']}"
    return f"{note}; overridden by {row.overridden_by}" if row.overridden_by else note


def said_by_jobs(jobs_dir: Path) -> dict[str, str]:
    """What every job that ever told its progress told last."""
    return {name: str(told.get("detail", "")) for name, told in read_heartbeats(jobs_dir).items()}


def _live(clock: Clock, jobs_dir: Path, title: str) -> Iterator[Callable[[list[Row]], None]]:
    from rich.live import Live

    shown_at = float("-inf")
    latest: list[Row] = []
    with Live(refresh_per_second=4, auto_refresh=False) as live:

        def show(rows: list[Row]) -> None:
            nonlocal shown_at, latest
            latest = rows
            if clock.monotonic() - shown_at > _EVERY_S:
                shown_at = clock.monotonic()
                live.update(table_of(rows, clock.now_ns(), said_by_jobs(jobs_dir), title), refresh=True)

        yield show
        live.update(table_of(latest, clock.now_ns(), {}, title), refresh=True)


class _Lines:
    """One line for every change of a job's state."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[str, tuple[str, int]] = {}

    def __call__(self, rows: list[Row]) -> None:
        for row in rows:
            state = state_of(row), len(row.attempts)
            if self._told.get(row.process.name) == state:
                continue
            first = row.process.name not in self._told
            self._told[row.process.name] = state
            if not (first and row.state in (State.PENDING, State.LATE)):
                self._print(row)

    def _print(self, row: Row) -> None:
        facts = row_facts(row, self._clock.now_ns())
        took = f" in {_duration(facts['seconds'])}" if row.state is State.SUCCESSFUL else ""
        count = f", {facts['rows']:,} rows" if facts["rows"] is not None else ""
        note = note_of(row, facts)
        at = ist(self._clock.now_ns())
        print(
            f"{at:%H:%M:%S} {row.process.name}: {state_of(row)}{took}{count}{f': {note}' if note else ''}", flush=True
        )


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
