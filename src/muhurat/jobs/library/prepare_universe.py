"""Choose today's instruments of every feed from the venue's dump (MISSION C1, C2), before the recorder starts."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from muhurat.capture.universe import load_universe, universe_path
from muhurat.jobs.base import Job, Options, Outcome, Tools
from muhurat.jobs.desk_work import DeskWork


class PrepareUniverseOptions(Options):
    again: bool = Field(default=False, description="Choose anew even if today's files are there.")


def run(options: PrepareUniverseOptions, tools: Tools) -> Outcome:
    tools.progress(0, None, "choosing instruments")
    chosen = tools.get(DeskWork).prepare_universe(again=options.again)
    folder = tools.data_dir / "universe"
    files = tuple(sorted(folder.glob(f"*{tools.business_date:%Y%m%d}*.json")))
    missing = _missing(tools, chosen)
    told = ", ".join(f"{feed} {count}" for feed, count in chosen.items()) or "the desk has no feeds"
    lacking = "".join(f"; {feed} lacks {len(texts)}, first: {texts[0]}" for feed, texts in missing.items())
    facts = {"feeds": chosen, "missing": missing}
    return Outcome(f"instruments by feed: {told}{lacking}", rows=sum(chosen.values()), files=files, facts=facts)


def _missing(tools: Tools, feeds: Iterable[str]) -> dict[str, list[str]]:
    """What could not be found for a feed, with the reasons; feeds that lack nothing are left out."""
    folder = tools.data_dir / "universe"
    paths = {feed: universe_path(folder, feed, tools.business_date) for feed in feeds}
    found = {feed: load_universe(path).missing for feed, path in paths.items() if path.exists()}
    return {feed: texts for feed, texts in found.items() if texts}


JOB = Job(
    name="prepare_universe",
    help="Choose the day's instruments of every feed.",
    options=PrepareUniverseOptions,
    run=run,
    present=True,
    session="kite",
)
