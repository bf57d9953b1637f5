"""Benchmarks: every figure beside a baseline measured in the same run, and the bar it has to clear.

A file `bench_<what>.py` here with `run() -> list[Result]` is found and run by `make bench`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. The bar is a least ratio to the baseline, or with `at_most` a limit on our own figure, in `unit`."""

    name: str
    ratio: float
    bar: float
    unit: str
    ours: float
    baseline: float
    note: str = ""
    at_most: bool = False

    @property
    def passed(self) -> bool:
        return self.ours <= self.bar if self.at_most else self.ratio >= self.bar


def faster(name: str, *, ours: float, baseline: float, bar: float, unit: str, note: str = "") -> Result:
    """A rate that must be at least `bar` times the baseline's."""
    return Result(name, ours / baseline, bar, unit, ours, baseline, note)


def within(name: str, *, ours: float, baseline: float, bar: float, unit: str, note: str = "") -> Result:
    """A cost that must stay within `bar`; the baseline says how much of it is not ours to save."""
    return Result(name, ours / baseline, bar, unit, ours, baseline, note, at_most=True)


def seconds(work: Callable[[], object], *, repeat: int = 5) -> float:
    """The median real time of a piece of work, after one run that does not count."""
    work()
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return median(taken)
