"""The benches of the faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.jobs.faults.bench import Bench, Venues, environment
from tests.jobs.faults.gateway import Gateway
from tests.jobs.faults.table import ROWS

BenchOf = Callable[[str], Bench]


@pytest.fixture(scope="session")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    running = Venues(tmp_path_factory.mktemp("venues"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def variables(venues: Venues) -> dict[str, str]:
    return environment(venues)


@pytest.fixture(autouse=True)
def at_the_venues_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test of a desk only: those after it have a clock of their own."""
    if "venues" in request.fixturenames:
        for name, value in request.getfixturevalue("variables").items():
            monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def gateway(venues: Venues) -> Iterator[Gateway]:
    made = Gateway(venues.urls["kite"])
    yield made
    made.close()


@pytest.fixture(scope="session")
def new_bench(venues: Venues, gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> BenchOf:
    """A new desk for a job, on which nothing has run yet."""

    def make(job: str) -> Bench:
        row = ROWS[job]
        bench = Bench(tmp_path_factory.mktemp(job) / "desk", venues, gateway, row.desk, row.talks, row.keeps)
        for name, content in row.files.items():
            (bench.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (bench.folder / name).write_bytes(content)
        return bench

    return make


@pytest.fixture(scope="session")
def bench_of(new_bench: BenchOf) -> BenchOf:
    """A job's desk, on which it went well once."""
    made: dict[str, Bench] = {}

    def find(job: str) -> Bench:
        if job not in made:
            row, bench = ROWS[job], new_bench(job)
            for step in (*row.before, (job, *row.arguments), *row.again):
                bench.must(*step)
            made[job] = bench
        return made[job]

    return find
