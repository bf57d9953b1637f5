"""Bring the files that later jobs read to where they read them (MISSION B5): the gatekeeper of the morning.

It waits for files that are late, refuses those that are still being written, and copies into every destination all or
nothing: each file is written beside its place, compared with its source by size and SHA-256, and renamed only when all
of them are whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final

from pydantic import Field, field_validator

from muhurat.clock import IST, NS_PER_S
from muhurat.jobs.base import Job, JobError, NotYet, Options, Outcome, Tools
from muhurat.jobs.copying import copy_all
from muhurat.jobs.globs import folder_of, matches, newest_files, would_match
from muhurat.jobs.placing import PART

_POLL_S: Final = 5.0
_NEWEST: Final = 5


class CopyFilesOptions(Options):
    source: tuple[str, ...] = Field(
        min_length=1, description="One or many patterns: /in/nsccl.20260922*; each has to match a file."
    )
    destination: tuple[Path, ...] = Field(min_length=1, description="One or many folders; made when they are missing.")
    wait_s: float = Field(default=0, ge=0, description="How long to wait for late files, in seconds of the desk's day.")
    settle_s: float = Field(
        default=1, ge=0, le=600, description="How long size and time of a file must stand still, in real seconds."
    )

    @field_validator("source", "destination", mode="before")
    @classmethod
    def _one_is_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | Path) else value


@dataclass(frozen=True, slots=True)
class _Found:
    """A file and what showed whether somebody still writes it."""

    path: Path
    bytes: int
    modified_ns: int


def run(options: CopyFilesOptions, tools: Tools) -> Outcome:
    patterns = [tools.path(_trimmed(source)) for source in options.source]
    folders = list(dict.fromkeys(tools.path(folder) for folder in options.destination))
    _refuse_loops(patterns, folders)
    sources = _whole_files(patterns, options, tools)
    made = copy_all(sources, folders, tools.progress)
    size = sum(path.stat().st_size for path in sources)
    into = " and ".join(str(folder) for folder in folders)
    return Outcome(
        f"{len(sources)} file{'s' * (len(sources) != 1)}, {size:,} bytes, to {into}",
        files=tuple(made),
        facts={"copied": {path.name: str(path) for path in sources}, "bytes": size},
    )


def _trimmed(source: str) -> str:
    if not source.strip():
        raise JobError("an empty source matches nothing", hint="write a pattern such as /in/nsccl.*.zip")
    return source.strip()


def _refuse_loops(patterns: Sequence[Path], folders: Sequence[Path]) -> None:
    for folder in folders:
        for pattern in patterns:
            if would_match(pattern, folder):
                raise JobError(
                    f"the destination {folder} lies inside the source {pattern}: the next run would copy the copies",
                    hint="choose a folder that the pattern does not match",
                )
        if folder.exists() and not folder.is_dir():
            raise JobError(f"the destination {folder} is a file", hint="name the folder that the copies belong into")


def _whole_files(patterns: Sequence[Path], options: CopyFilesOptions, tools: Tools) -> list[Path]:
    """The files to copy, once each pattern matches and nothing grows any more; waits in the desk's time.

    Raises `NotYet` when the time to wait is over: which pattern matches nothing, or which file is still growing.
    """
    end_ns = tools.clock.now_ns() + round(options.wait_s * NS_PER_S)
    while True:
        sources, missing = _found(patterns)
        complaint = _missing(missing) if missing else _unsettled(sources, options.settle_s)
        if complaint is None:
            return _distinct(sources)
        now_ns = tools.clock.now_ns()
        if now_ns >= end_ns:
            raise complaint
        tools.wait_until(min(end_ns, now_ns + round(_POLL_S * NS_PER_S)), str(complaint))


def _found(patterns: Sequence[Path]) -> tuple[list[Path], Path | None]:
    """All files that match, each once, and the first pattern that matches none."""
    by_pattern = {pattern: matches(pattern, PART) for pattern in patterns}
    missing = next((pattern for pattern, files in by_pattern.items() if not files), None)
    return list(dict.fromkeys(path for files in by_pattern.values() for path in files)), missing


def _missing(pattern: Path) -> NotYet:
    from datetime import datetime

    folder = folder_of(pattern)
    newest = [
        f"{path.name} ({datetime.fromtimestamp(path.stat().st_mtime, IST):%Y-%m-%d %H:%M} IST)"
        for path in newest_files(folder, _NEWEST)
    ]
    there = f"its newest files are {', '.join(newest)}" if newest else "it holds no file"
    told = there if folder.is_dir() else "it does not exist"
    return NotYet(
        f"no file matches {pattern}; of the folder {folder}: {told}",
        hint="correct the pattern, or wait longer for the file with --wait-s",
    )


def _unsettled(sources: Sequence[Path], settle_s: float) -> NotYet | None:
    """What is wrong with the first file that changed while we watched; None when all stood still."""
    before = [_seen(path) for path in sources]
    Event().wait(settle_s)
    for was in before:
        now = _seen(was.path)
        if now != was:
            return NotYet(
                f"{was.path} is still being written: {was.bytes:,} bytes, and {now.bytes:,} bytes {settle_s:g} s later",
                hint="let its sender finish, or wait for it with --wait-s",
            )
    return None


def _seen(path: Path) -> _Found:
    try:
        stat = path.stat()
    except FileNotFoundError as error:
        raise NotYet(f"{path} vanished while it was looked at", hint="run the job again") from error
    return _Found(path, stat.st_size, stat.st_mtime_ns)


def _distinct(sources: Sequence[Path]) -> list[Path]:
    """The files, which must not share a name: in one destination the second would replace the first."""
    by_name: dict[str, Path] = {}
    for path in sources:
        other = by_name.setdefault(path.name, path)
        if other != path:
            raise JobError(
                f"{other} and {path} have one name and would become one file",
                hint="copy them by two entries, into two destinations",
            )
    return list(sources)


JOB = Job(
    name="copy_files_src_dst",
    help="Copy files by pattern into one or many folders, whole or not at all.",
    options=CopyFilesOptions,
    run=run,
)
