"""The whole beginning of day against exchanges that take one to five seconds for each file, side by side and in a row.

The same usual day twice, with the same seed, and so with the same files and the same waiting for each: `muhurat day
run bod`, and as baseline `muhurat day run bod --serial`, each on a fresh desk against a fresh simulator. What is
measured is the command from its start to its end, with every job a process of its own, all of them successful.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from benchmarks import Result, faster
from tests.day.bod_desk import BodDesk, simulated

BAR: Final = 2.5
LATENCY_S: Final = "1-5"
SEED: Final = "3"


def run() -> list[Result]:
    """BODs per minute."""
    with TemporaryDirectory(prefix="muhurat-bench-") as made:
        parallel_s = seconds_of(Path(made) / "parallel")
        serial_s = seconds_of(Path(made) / "serial", "--serial")
    return [
        faster(
            f"BOD of 16 jobs, {LATENCY_S} s a file",
            ours=60 / parallel_s,
            baseline=60 / serial_s,
            bar=BAR,
            unit="a minute",
            note=f"{parallel_s:.0f} s; one by one {serial_s:.0f} s",
        )
    ]


def seconds_of(folder: Path, *options: str) -> float:
    """How long a BOD takes on a fresh desk. Raises `AssertionError` when a job of it did not succeed."""
    with simulated(folder / "sim", "--latency", LATENCY_S, "--seed", SEED) as venues:
        desk = BodDesk.made(folder / "desk", venues)
        started = perf_counter()
        code, printed = desk.done("run", "bod", *options)
        took = perf_counter() - started
        if code or set(desk.states().values()) != {"Successful"}:
            raise AssertionError(printed)
    return took
