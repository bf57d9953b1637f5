"""Bring the session's BSE derivatives bhavcopy to where other programs read it, and into `BseFoBhavcopy` (MISSION B16).

The mission names this job only by its card, "copy BSE FO files". Decided here: it takes BSE's UDiFF file of the session
(SENSEX and BANKEX contracts with settlement prices and open interest, which no file of NSE has), from BSE's website or,
with `--source`, from a folder where somebody else has put it; checks it as a bhavcopy; copies it unchanged under BSE's
own name into every destination; and loads its rows. Copies and rows appear together or not at all. In the evening it is
today's file; a morning's entry says `for_session: previous`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from muhurat.jobs.base import Job, JobError, NotYet, Options, Outcome, Tools
from muhurat.jobs.copying import copy_all
from muhurat.jobs.placing import working_folder
from muhurat.stores.base import ReferenceStore
from muhurat.venues.bse.base import Bhavcopy, BseFiles, fo_bhavcopy_name

TABLE = "BseFoBhavcopy"


class CopyBseFoFilesOptions(Options):
    destination: tuple[Path, ...] = Field(
        default=(Path("downloads/bse"),), min_length=1, description="One or many folders; made when they are missing."
    )
    source: Path | None = Field(default=None, description="A folder to take the file from, instead of BSE's website.")

    @field_validator("destination", mode="before")
    @classmethod
    def _one_is_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | Path) else value


def run(options: CopyBseFoFilesOptions, tools: Tools) -> Outcome:
    folders = list(dict.fromkeys(tools.path(folder) for folder in options.destination))
    bse, day = tools.get(BseFiles), tools.session_date
    if options.source is not None:
        path = _delivered(tools.path(options.source), folders, fo_bhavcopy_name(day))
        return _taken(path, bse.read_fo_bhavcopy(path, day), folders, tools)
    with working_folder(folders[0], "bse_fo") as work:
        bhavcopy = bse.fo_bhavcopy(day, work, lambda done, total: tools.progress(done, total, "downloading"))
        return _taken(work / fo_bhavcopy_name(day), bhavcopy, folders, tools)


def _delivered(folder: Path, folders: Sequence[Path], name: str) -> Path:
    path = folder / name
    if folder.resolve() in [other.resolve() for other in folders]:
        raise JobError(f"{folder} is both source and destination", hint="choose another --destination")
    if not path.is_file():
        raise NotYet(f"{path} is not there", hint="let it be delivered, or leave --source out to download it")
    return path


def _taken(path: Path, bhavcopy: Bhavcopy, folders: Sequence[Path], tools: Tools) -> Outcome:
    """Load the rows and copy the file; when a copy fails, the rows are as they were."""
    with tools.get(ReferenceStore).transaction() as transaction:
        rows = transaction.replace(TABLE, bhavcopy.columns, where={"TradDt": bhavcopy.day})
        made = copy_all([path], folders, tools.progress)
    into = " and ".join(str(folder) for folder in folders)
    return Outcome(
        f"{rows:,} contracts of {bhavcopy.day} loaded, the file copied to {into}",
        rows=rows,
        files=tuple(made),
        facts={"day": bhavcopy.day.isoformat(), "warnings": list(bhavcopy.warnings)},
    )


JOB = Job(
    name="copy_bse_fo_files",
    help="Copy BSE's derivatives bhavcopy of the session, and load it.",
    options=CopyBseFoFilesOptions,
    run=run,
    on_failure="warn",
    writes=(TABLE,),
)
