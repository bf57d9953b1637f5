"""The job that chooses the day's instruments says how many of which feed, and what could not be found."""

from __future__ import annotations

from pathlib import Path

from muhurat.capture.universe import Entry, Universe, save_universe, universe_path
from muhurat.jobs.desk_work import DeskWork
from muhurat.jobs.library import prepare_universe
from tests.jobs.library.tools import TUESDAY, tools_in


class Chosen:
    """A desk whose instruments have been chosen."""

    def __init__(self, folder: Path, missing: list[str]) -> None:
        for feed, lacks in (("desk", []), ("crawler", missing)):
            universe = Universe({"SBIN": Entry(token=1)}, missing=lacks)
            save_universe(universe_path(folder / "data" / "universe", feed, TUESDAY), universe)

    def prepare_universe(self, *, again: bool) -> dict[str, int]:
        return {"desk": 25, "crawler": 318}


def test_what_could_not_be_found_stands_in_the_jobs_word_with_the_first_reason(tmp_path: Path) -> None:
    missing = ["nse_stock_futures: 2 of 140: the dump has no more that fit", "bse_cash: no funds"]
    with tools_in(tmp_path) as tools:
        tools.put(DeskWork, Chosen(tmp_path, missing))
        outcome = prepare_universe.run(prepare_universe.PrepareUniverseOptions(), tools)

    assert outcome.note == (
        "instruments by feed: desk 25, crawler 318; "
        "crawler lacks 2, first: nse_stock_futures: 2 of 140: the dump has no more that fit"
    )
    assert outcome.facts["missing"] == {"crawler": missing}
    assert outcome.rows == 343
