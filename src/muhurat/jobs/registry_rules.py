"""What has to hold between the processes of a registry: names, dependencies, and the backup before every change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final

from muhurat.errors import ConfigProblem
from muhurat.jobs.base import job_named
from muhurat.jobs.process import Process, Registry
from muhurat.jobs.registry_document import nearest
from muhurat.jobs.registry_paths import is_file

BACKUP: Final = "db_backup"
CLEAN: Final = "db_clean"


def name_of(title: str) -> str:
    """The name of a process: its title in lower case, everything but letters and digits as underscores."""
    return re.sub(r"[\W_]+", "_", title.casefold()).strip("_")


def depends_problems(written: Mapping[str, Sequence[str]], titles: Sequence[str]) -> Iterator[ConfigProblem]:
    """Dependencies that nothing answers to. `written` is `depends_on` by the path of its entry."""
    names = {name_of(title) for title in titles}
    for path, depends_on in written.items():
        for number, title in enumerate(depends_on):
            if name_of(title) not in names:
                hint = nearest(title, titles) if titles else ""
                yield ConfigProblem(f"{path}.depends_on[{number}]", f"no process is called '{title}'", hint)


def rule_problems(processes: Mapping[str, Process]) -> Iterator[ConfigProblem]:
    """Everything that a set of processes, by the path of its entry, breaks of the rules."""
    yield from _same_names(processes)
    yield from _across_the_day(processes)
    yield from _cycles(processes)
    yield from _unsaved_changes(processes)


def warnings(registry: Registry) -> list[ConfigProblem]:
    """What a registry may say and its operator should know; none of it keeps it from being used."""
    by_name = {process.name: process for process in registry.processes}
    found = []
    for number, process in enumerate(registry.processes):
        path = f"processes[{number}]"
        if process.script is not None and not process.is_active and not is_file(process.script):
            found.append(
                ConfigProblem(f"{path}.application_path", f"{process.script} does not exist", "it is inactive")
            )
        for before in (by_name[name] for name in process.depends_on):
            found += _odd_dependency(process, before, path)
    if not any(process.job == BACKUP for process in registry.processes):
        writers = [process.title for process in registry.processes if process.is_active and _writes(process)]
        if writers:
            told = f"nothing backs the database up before {', '.join(writers)} change it"
            found.append(ConfigProblem("processes", told, f"add a process builtin:{BACKUP}, and depend on it"))
    return found


def all_before(process: Process, by_name: Mapping[str, Process]) -> set[str]:
    """The names of everything that has to be done before a process, however far back."""
    found: set[str] = set()
    open_names = list(process.depends_on)
    while open_names:
        name = open_names.pop()
        if name not in found and name in by_name:
            found.add(name)
            open_names += by_name[name].depends_on
    return found


def _odd_dependency(process: Process, before: Process, path: str) -> Iterator[ConfigProblem]:
    if process.is_active and not before.is_active:
        told = f"{process.title} depends on {before.title}, which is not active and is not waited for"
        yield ConfigProblem(f"{path}.depends_on", told)
    if process.phase == before.phase and process.order < before.order:
        told = f"order {process.order} comes before the {before.order} of {before.title}, which has to be done first"
        yield ConfigProblem(f"{path}.order", told, "the dependency counts")


def _same_names(processes: Mapping[str, Process]) -> Iterator[ConfigProblem]:
    first: dict[str, str] = {}
    for path, process in processes.items():
        if process.name in first:
            told = f"'{process.title}' gives the name {process.name}, which {first[process.name]} has already"
            yield ConfigProblem(f"{path}.title", told, "every title must be its own")
        first.setdefault(process.name, path)


def _across_the_day(processes: Mapping[str, Process]) -> Iterator[ConfigProblem]:
    by_name = {process.name: process for process in processes.values()}
    for path, process in processes.items():
        for name in process.depends_on:
            if process.phase == "BOD" and name in by_name and by_name[name].phase == "EOD":
                told = f"a BOD process cannot wait for '{by_name[name].title}', which runs at the day's end"
                yield ConfigProblem(f"{path}.depends_on", told)


def _cycles(processes: Mapping[str, Process]) -> Iterator[ConfigProblem]:
    """Every ring of dependencies once, as the chain of who waits for whom, from its first process of the file on."""
    paths: dict[str, str] = {}
    for path, process in processes.items():
        paths.setdefault(process.name, path)
    graph: dict[str, set[str]] = {name: set() for name in paths}
    for process in processes.values():
        graph[process.name] |= set(process.depends_on) & paths.keys()
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            ring: list[str] = list(reversed(error.args[1]))[1:]
            start = ring.index(next(name for name in paths if name in ring))
            chain = [*ring[start:], *ring[:start], ring[start]]
            told = f"waits for itself: {' → '.join(chain)}"
            yield ConfigProblem(f"{paths[chain[0]]}.depends_on", told, "take one of these dependencies away")
            graph[chain[0]].discard(chain[1])
        else:
            return


def _unsaved_changes(processes: Mapping[str, Process]) -> Iterator[ConfigProblem]:
    """Processes that could change the database before it was backed up, or load it before it was cleaned.

    A registry without any backup is a matter for `warnings`.
    """
    by_name = {process.name: process for process in processes.values()}
    backed_up = any(process.job == BACKUP for process in by_name.values())
    for path, process in processes.items():
        if not (process.is_active and _writes(process)):
            continue
        before = [by_name[name] for name in all_before(process, by_name)]
        siblings = [each for each in by_name.values() if each.phase == process.phase and each.is_active]
        cleans = process.job != CLEAN and any(each.job == CLEAN for each in siblings)
        for job, applies in ((BACKUP, backed_up), (CLEAN, cleans)):
            if applies and not any(each.job == job and each in siblings for each in before):
                wanted = [each.title for each in siblings if each.job == job]
                yield _unsaved(path, process, job, wanted)


def _unsaved(path: str, process: Process, job: str, wanted: Iterable[str]) -> ConfigProblem:
    titles = " or ".join(f'"{title}"' for title in wanted)
    told = f"{process.title} changes the database and does not depend on an active {job} of the {process.phase}"
    hint = f"add {titles} to depends_on" if titles else f"add an active {process.phase} process builtin:{job}"
    return ConfigProblem(f"{path}.depends_on", told, hint)


def _writes(process: Process) -> bool:
    return process.job is not None and (process.job == CLEAN or bool(job_named(process.job).writes))
